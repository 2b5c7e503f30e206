//! A plan is what happens then: made of the engine before a reload or a sync, compared with the calls that follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use maglev_core::engine::{When, Wish};
use maglev_core::model::{Reply, Request, VipKey, Write};
use maglev_core::{Action, Command, Engine, Event, Input, Instant};

use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};
use crate::vpp::LbPlugin;

/// What was planned and has not happened yet, per VIP: what is done to two of them has no order that time does not change.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    planned: Option<Planned>,
}

#[derive(Clone, Debug)]
struct Planned {
    left: BTreeMap<Option<VipKey>, VecDeque<Write>>,
    wish: String,
    /// The engine has heard of the wish.
    begun: bool,
    /// From then on more may be done than was planned.
    until: Option<Instant>,
}

impl Plans {
    /// The engine is about to hear `input`.
    pub(super) fn foresee(
        &mut self,
        engine: &Engine,
        plugin: Option<&LbPlugin>,
        input: &Input,
        elapsed: Instant,
    ) {
        if self.planned.as_ref().is_some_and(|planned| !planned.begun) {
            self.planned = None;
        }
        let Some(wish) = wish(input) else { return };
        self.planned = None;
        if engine.is_stopping() || !plugin.is_some_and(|plugin| is_known(engine, plugin)) {
            return;
        }
        let Ok(plan) = engine.clone().plan(&wish, elapsed) else { return };
        if !plan.is_whole {
            return;
        }
        let mut left: BTreeMap<Option<VipKey>, VecDeque<Write>> = BTreeMap::new();
        for call in plan.calls.into_iter().filter(|call| call.when == When::AtOnce) {
            left.entry(call.write.vip()).or_default().push_back(call.write);
        }
        self.planned = Some(Planned { left, wish: input.to_string(), begun: false, until: None });
    }
}

fn wish(input: &Input) -> Option<Wish> {
    match input {
        Input::ConfigLoaded { config, forced } => {
            Some(Wish::Config { config: config.clone(), forced: *forced })
        }
        Input::Commanded { command: Command::Sync { frontend }, based_on: None, .. } => {
            Some(Wish::Sync { frontend: frontend.clone() })
        }
        Input::Commanded { .. }
        | Input::WakeupDue
        | Input::ProbeFinished { .. }
        | Input::VppConnected { .. }
        | Input::VppDisconnected { .. }
        | Input::VppReplied { .. }
        | Input::ConfigRejected { .. }
        | Input::Remembered(_)
        | Input::Kept(_)
        | Input::ShutdownRequested => None,
    }
}

/// Whether VPP is what the engine takes it for, and does as it is told.
fn is_known(engine: &Engine, plugin: &LbPlugin) -> bool {
    let dataplane = engine.dataplane();
    let is_settled = engine.is_quiet() && dataplane.is_in_sync() && dataplane.held_back().next().is_none();
    if !is_settled || dataplane.conf() != Some(plugin.conf()) {
        return false;
    }
    let rows = plugin.vips();
    // VPP shows some IPv6 prefixes by a name that it does not take.
    let is_plain = rows.iter().all(|row| !row.vip.prefix.address.is_unspecified());
    let seen: BTreeMap<_, _> = dataplane.observed().collect();
    let servers: BTreeSet<_> = plugin
        .servers(None)
        .into_iter()
        .filter(|row| row.used)
        .map(|row| (row.vip, row.server, row.weight))
        .collect();
    // What no dump shows may only be learnt on the way.
    let is_verified = seen.keys().all(|vip| dataplane.is_sticky(*vip).is_some());
    let seen_servers: BTreeSet<_> = seen
        .iter()
        .flat_map(|(vip, seen)| seen.servers.iter().map(|(server, weight)| (*vip, *server, *weight)))
        .collect();
    let is_alike = rows.iter().all(|row| {
        let seen = seen.get(&row.vip);
        seen.is_some_and(|seen| (seen.encap, seen.table_length) == (row.encap, row.table_length))
    });
    is_plain && is_verified && is_alike && rows.len() == seen.len() && servers == seen_servers
}

impl Watcher for Plans {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(planned) = &mut self.planned else { return };
        if !planned.begun {
            planned.begun = true;
            let holds = step.engine.frontends().list().iter().filter_map(|it| Some(it.hold.as_ref()?.until));
            planned.until = holds.min();
        } else if !is_consequence(step)
            || planned.until.is_some_and(|until| until.since_start() <= step.elapsed)
        {
            self.planned = None;
            return;
        }
        if step.actions.iter().any(is_news) {
            self.planned = None;
            return;
        }
        for action in step.actions {
            let Action::Call { request: Request::Write(write), .. } = action else { continue };
            let next = planned.left.get_mut(&write.vip()).and_then(VecDeque::pop_front);
            ledger.judge(Oracle::PlanKept, step.now, next.as_ref() == Some(write), || match &next {
                Some(next) => format!("{}: {next} was planned, and {write} was sent", planned.wish),
                None => format!("{}: {write} was sent, and nothing more was planned there", planned.wish),
            });
        }
        if step.engine.is_quiet() {
            let left = planned.left.values().flatten().next();
            ledger.judge(Oracle::PlanKept, step.now, left.is_none(), || {
                format!(
                    "{}: {} was planned and not sent",
                    planned.wish,
                    left.map_or_else(String::new, Write::to_string)
                )
            });
            self.planned = None;
        }
    }

    fn executed(&mut self, execution: &super::Execution, _: &mut Ledger) {
        // What a stranger does, nobody could plan.
        if execution.by != super::Sender::Daemon || execution.retval != 0 {
            self.planned = None;
        }
    }

    fn vpp_replaced(&mut self) {
        self.planned = None;
    }
}

/// Whether nothing but the plan's own calls led to a step.
fn is_consequence(step: &Step<'_>) -> bool {
    match step.input {
        Input::WakeupDue | Input::Kept(_) => true,
        Input::VppReplied { reply, .. } => !matches!(reply, Reply::Refused(_) | Reply::NotSent(_)),
        // Its verdict is news or is none.
        Input::ProbeFinished { .. } => true,
        Input::VppConnected { .. }
        | Input::VppDisconnected { .. }
        | Input::ConfigLoaded { .. }
        | Input::ConfigRejected { .. }
        | Input::Commanded { .. }
        | Input::Remembered(_)
        | Input::ShutdownRequested => false,
    }
}

/// Whether something was decided that no plan knows of: by a probe, or by the clock.
#[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
fn is_news(action: &Action) -> bool {
    let Action::Tell(event) = action else { return matches!(action, Action::Disconnect(_)) };
    match event.as_ref() {
        Event::BackendTransition { cause, .. } => cause != "reload",
        Event::WarmupMinDelay { .. } | Event::WarmupMaxDelay { .. } | Event::VppDisconnect { .. } => true,
        _ => false,
    }
}
