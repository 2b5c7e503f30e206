//! Plays a scenario in the real loop. The executor is this file: poll until nobody moves, then let time jump.

use std::io;
use std::sync::Arc;
use std::task::Context;

use maglev_core::input::Disconnect;
use maglev_core::{Author, Config, ConnectionId, Input, Instant, RequestId};
use maglev_sim::chance::{self, Purpose};
use maglev_sim::script::{Event, ScriptError};
use maglev_sim::world::{Effect, World};
use maglev_sim::{Configs, Report, Scenario, Settings};
use maglevd::vpp::server::Offer;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::pipe::{Identity, Pipe};
use super::process::{Common, Process};

/// Bytes that a Unix socket holds, roughly.
const PIPE_BYTES: usize = 64 << 10;

/// More rounds than this at one instant means that somebody chases somebody.
const ROUNDS_MAX: u32 = 100_000;

/// Plays `scenario` to its end.
pub fn play(scenario: &Scenario, configs: Configs, settings: Settings) -> Result<Report, ScriptError> {
    let world = World::new(scenario, configs, settings)?;
    let config = world.config().clone();
    let mut lane = Lane {
        common: Common::new(world),
        process: None,
        pipe: None,
        stalled_until: Instant::START,
        posted: Vec::new(),
        seeds: chance::stream(scenario.seed, Purpose::Engine),
    };
    lane.start(config);
    lane.run(&scenario.events)?;
    lane.process = None;
    Ok(lane.common.into_inner().world.finish())
}

struct Lane {
    common: Common,
    process: Option<Process>,
    pipe: Option<Pipe>,
    stalled_until: Instant,
    posted: Vec<Input>,
    seeds: ChaCha8Rng,
}

impl Lane {
    fn run(&mut self, events: &[Event]) -> Result<(), ScriptError> {
        let mut events = events.iter().peekable();
        let mut rounds = 0;
        while !self.common.lock().world.is_over() {
            let now = self.common.lock().world.now();
            while let Some(event) = events.next_if(|event| event.at <= now) {
                let effect = {
                    let shared = &mut *self.common.lock();
                    shared.world.happen(&event.happening, event.line, shared.engine.as_ref())?
                };
                self.carry_out(effect);
            }
            self.turn();
            let effect = {
                let shared = &mut *self.common.lock();
                shared.world.conclude(shared.engine.as_ref())
            };
            self.carry_out(effect);
            let next_event = events.peek().map(|event| event.at);
            let Some(next) = [next_event, self.wakeup()].into_iter().flatten().min() else { break };
            rounds = if next > now { 0 } else { rounds + 1 };
            assert!(rounds < ROUNDS_MAX, "time stands still at {now}");
            self.common.lock().world.advance(next);
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Option<Effect>) {
        match effect {
            None => (),
            Some(Effect::Post(input)) => self.post(input),
            Some(Effect::Command(command)) => self.post(Input::Commanded {
                request: RequestId(0),
                command,
                by: Author::default(),
                based_on: None,
            }),
            Some(Effect::StallUntil(until)) => self.stalled_until = self.stalled_until.max(until),
            Some(Effect::Kill) => self.end(),
            Some(Effect::Start(config)) => {
                self.end();
                self.common.lock().world.process_started();
                self.start(config);
            }
        }
    }

    fn post(&mut self, input: Input) {
        if self.process.is_some() {
            self.posted.push(input);
        }
    }

    fn start(&mut self, config: Arc<Config>) {
        self.process = Some(Process::start(config, self.seeds.next_u64(), &self.common));
        self.stalled_until = self.common.lock().world.now();
    }

    fn end(&mut self) {
        self.process = None;
        self.posted.clear();
        self.hang_up();
        let mut shared = self.common.lock();
        shared.engine = None;
        shared.world.process_ended();
    }

    /// maglevd's end of the pipe is gone.
    fn hang_up(&mut self) {
        self.pipe = None;
        let mut shared = self.common.lock();
        if let Some(connection) = shared.world.link.connection() {
            let now = shared.world.now();
            shared.world.link.disconnect(connection, now);
        }
    }

    fn wakeup(&self) -> Option<Instant> {
        let shared = self.common.lock();
        let process = self.process.as_ref().and_then(|process| {
            let timer = process.clock.next().map(|at| shared.world.started() + at.since_start());
            let posted = (!self.posted.is_empty() || process.is_rung()).then_some(self.stalled_until);
            let world = [shared.world.backends.wakeup(), shared.world.link.wakeup()];
            let first = world.into_iter().chain([timer, posted]).flatten().min();
            first.map(|at| at.max(self.stalled_until))
        });
        [process, shared.world.wakeup()].into_iter().flatten().min()
    }

    fn turn(&mut self) {
        let now = {
            let mut shared = self.common.lock();
            let now = shared.world.now();
            shared.world.advance(now);
            now
        };
        if self.process.is_some() && self.stalled_until <= now {
            self.schedule(now);
        }
        self.common.lock().world.send_traffic();
    }

    /// The process runs, and whoever it talks to answers, until nobody moves at this instant.
    fn schedule(&mut self, now: Instant) {
        let Some(process) = &self.process else { return };
        {
            let mut shared = self.common.lock();
            process.clock.set(Instant::from_start(now.since(shared.world.started())));
            for input in std::mem::take(&mut self.posted) {
                process.control(input);
            }
            for input in shared.world.backends.finished(now) {
                process.probed(input);
            }
        }
        for _ in 0..ROUNDS_MAX {
            let heard = self.common.lock().world.link.heard(now);
            let is_still = heard.is_empty();
            heard.into_iter().for_each(|input| self.hear(input));
            let Some(process) = &mut self.process else { return };
            let is_rung = process.is_rung();
            if is_rung && process.poll() {
                return self.end();
            }
            let has_come = self.serve(now);
            if is_still && !is_rung && !has_come {
                return;
            }
        }
        panic!("the loop and VPP chase each other at {now}");
    }

    /// What the link says goes over the wire.
    fn hear(&mut self, input: Input) {
        let mut shared = self.common.lock();
        match input {
            Input::VppConnected { connection, vpp } => {
                let identity = Identity { version: vpp.version, pid: vpp.pid };
                self.pipe = Some(pipe(&mut shared, connection, Offer::current(), identity));
            }
            Input::VppDisconnected { connection, why: Disconnect::Incompatible(_) } => {
                let identity = Identity { version: "26.10-sim".into(), pid: 1 };
                self.pipe = Some(pipe(&mut shared, connection, Offer::without_plugin(), identity));
            }
            Input::VppDisconnected { connection, why: Disconnect::Link(why) } => {
                if self.pipe.as_ref().is_some_and(|pipe| pipe.connection == connection) {
                    // The bytes that VPP has written still arrive, and then the end.
                    if let (Some(mut pipe), Some(process)) = (self.pipe.take(), &self.process) {
                        pipe.write(&mut Context::from_waker(&process.waker()));
                    }
                } else {
                    shared.reach(Err(io::Error::other(why)));
                }
            }
            Input::VppReplied { connection, call, reply } => {
                if let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.connection == connection) {
                    let plugin = shared.world.link.plugin();
                    pipe.answer(call, reply, || plugin.map(|plugin| plugin.verbose()).unwrap_or_default());
                }
            }
            other => unreachable!("the link does not say {other}"),
        }
    }

    /// VPP reads and writes; true if anything came.
    fn serve(&mut self, now: Instant) -> bool {
        let (Some(pipe), Some(process)) = (&mut self.pipe, &self.process) else { return false };
        let waker = process.waker();
        let arrived = pipe.turn(&mut Context::from_waker(&waker));
        let has_come = !arrived.is_empty();
        let mut shared = self.common.lock();
        for call in arrived {
            let mut must_serve = false;
            while let Some((request, serves)) = shared.sent.pop_front() {
                // What the client held back never comes. A filter may have lost the length of its prefix.
                if std::mem::discriminant(&request) == std::mem::discriminant(&call.request)
                    && (request == call.request || !matches!(request, maglev_core::model::Request::Write(_)))
                {
                    must_serve = serves;
                    break;
                }
            }
            shared.world.link.call_of(pipe.connection, call.call, call.request, must_serve, now);
        }
        if pipe.is_left {
            shared.world.link.disconnect(pipe.connection, now);
            self.pipe = None;
        }
        has_come
    }
}

fn pipe(
    shared: &mut super::process::Shared,
    connection: ConnectionId,
    offer: Offer,
    identity: Identity,
) -> Pipe {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    shared.reach(Ok(ours));
    Pipe::new(connection, theirs, offer, identity)
}
