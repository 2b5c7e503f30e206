//! What an operator may do. Each command is idempotent on the state: a repeat changes nothing and tells nothing.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::action::{Action, Denial};
use crate::dataplane::tell;
use crate::event::Event;
use crate::health::State;
use crate::input::{Author, Command};
use crate::model::Weight;
use crate::time::{GoDuration, Instant};
use crate::warmup::Phase;

use super::Engine;
use super::verdicts::Mover;

impl Engine {
    pub(super) fn on_command(
        &mut self,
        command: &Command,
        by: &Author,
        based_on: Option<u64>,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> Result<(), Denial> {
        if self.stopping.is_some() {
            return Err(Denial::NotNow("the daemon is stopping".into()));
        }
        if let Some(revision) = based_on {
            self.expect_revision(command, revision)?;
        }
        match command {
            Command::Pause { backend } | Command::Resume { backend } => {
                let slot = self.backend_named(backend)?;
                if self.slot(slot).is_some_and(|backend| backend.state() == State::Disabled)
                    && !mutant!(PauseOfDisabledAccepted)
                {
                    let why = format!("backend {backend} is disabled: enable it first");
                    return Err(Denial::NotNow(why));
                }
                self.switch(slot, command, by, now, out)
            }
            Command::Disable { backend } | Command::Enable { backend } => {
                let slot = self.backend_named(backend)?;
                self.switch(slot, command, by, now, out)
            }
            Command::SetWeight { frontend, pool, backend, weight, flush } => {
                self.set_weight((command, by), [frontend, pool, backend], *weight, *flush, now, out)
            }
            Command::Confirm => {
                if self.trust_all(now, out) {
                    self.changes += 1;
                    self.keeping.touched = true;
                    self.audit(command, by, out);
                }
                Ok(())
            }
            Command::Sync { frontend } => self.sync((command, by), frontend.as_deref(), now, out),
        }
    }

    fn backend_named(&self, name: &str) -> Result<u32, Denial> {
        self.slot_named(name).ok_or_else(|| Denial::NotFound(format!("there is no backend {name}")))
    }

    /// Somebody else may have changed it since it was looked at. A sync changes nothing that could be stale.
    fn expect_revision(&self, command: &Command, based_on: u64) -> Result<(), Denial> {
        let (what, name, revision) = match command {
            Command::Pause { backend }
            | Command::Resume { backend }
            | Command::Disable { backend }
            | Command::Enable { backend } => {
                let slot = self.backend_named(backend)?;
                ("backend", backend, self.slot(slot).map(|backend| backend.revision))
            }
            Command::SetWeight { frontend, .. } => {
                let at = self.frontends.named(frontend);
                ("frontend", frontend, at.map(|at| self.frontends.list()[at].revision))
            }
            Command::Confirm | Command::Sync { .. } => return Ok(()),
        };
        match revision {
            Some(revision) if revision != based_on => Err(Denial::Stale(format!(
                "{what} {name} has revision {revision} and the command was based on {based_on}: look again before you \
                 change it"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn switch(
        &mut self,
        slot: u32,
        command: &Command,
        by: &Author,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> Result<(), Denial> {
        let Some(backend) = self.slot_mut(slot) else { return Ok(()) };
        let before = backend.state();
        let is_checked = backend.check.is_some();
        match command {
            Command::Pause { .. } => backend.health.pause(),
            Command::Disable { .. } => backend.health.disable(),
            Command::Resume { .. } if before == State::Paused => {
                backend.health.restart(is_checked);
                backend.resumed = true;
            }
            Command::Enable { .. } if before == State::Disabled => backend.health.restart(is_checked),
            // Only a paused one is resumed, only a disabled one enabled; for others there is nothing to do.
            Command::Resume { .. }
            | Command::Enable { .. }
            | Command::SetWeight { .. }
            | Command::Confirm
            | Command::Sync { .. } => (),
        }
        let is_same = backend.state() == before && !mutant!(RepeatIsNews);
        if is_same && !self.trust_backend(slot) {
            return Ok(());
        }
        self.trust_backend(slot);
        self.changes += 1;
        self.keeping.touched = true;
        let revision = self.changes;
        self.slot_mut(slot).into_iter().for_each(|backend| {
            backend.revision = revision;
            backend.chosen_by = by.clone();
        });
        self.audit(command, by, out);
        if is_same {
            // It was in doubt, and no more.
            let frontends = self.slot(slot).map(|backend| backend.frontends.clone()).unwrap_or_default();
            for at in frontends {
                self.recompute(at, true, now, out);
            }
            return Ok(());
        }
        if !(mutant!(ResumedNotProbed) && before == State::Paused) {
            self.new_generation(slot, now, out);
        }
        self.moved(slot, before, Mover::Operator, &format!("operator: {command}"), now, out);
        Ok(())
    }

    fn audit(&self, command: &Command, by: &Author, out: &mut Vec<Action>) {
        let lost_on_restart = self.forgets() && !matches!(command, Command::Sync { .. });
        tell(out, Event::OperatorCommand { command: command.to_string(), lost_on_restart, by: by.clone() });
    }

    fn set_weight(
        &mut self,
        (command, by): (&Command, &Author),
        [frontend, pool, backend]: [&String; 3],
        weight: Weight,
        flush: bool,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> Result<(), Denial> {
        let missing = |what: &str, name: &str| Denial::NotFound(format!("there is no {what} {name}"));
        if weight > Weight::MAX {
            return Err(Denial::Invalid(format!("weight {weight} is outside 0 to 100")));
        }
        let slot = self.backend_named(backend)?;
        let at = self.frontends.named(frontend).ok_or_else(|| missing("frontend", frontend))?;
        let entry = &mut self.frontends.list_mut()[at];
        let position = entry.pools.iter().position(|name| name == pool);
        let position = position.ok_or_else(|| missing("pool", &format!("{pool} in frontend {frontend}")))?;
        let place = entry
            .members
            .iter()
            .position(|member| usize::from(member.pool) == position && member.slot == slot)
            .ok_or_else(|| missing("backend", &format!("{backend} in pool {pool} of frontend {frontend}")))?;
        let server = entry.members[place].address;
        if entry.members[place].weight() == weight && !flush && !entry.doubted.contains(&server) {
            return Ok(());
        }
        entry.set_weight(place, weight, by);
        entry.doubted.remove(&server);
        let vip = entry.want.vip;
        self.changes += 1;
        self.keeping.touched = true;
        entry.revision = self.changes;
        self.audit(command, by, out);
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        if flush {
            self.with_dataplane(now, |dataplane, _| dataplane.owe_flush(vip, server));
        }
        self.recompute(position, true, now, out);
        if flush && self.warmup.is_open(vip) {
            self.with_dataplane(now, |dataplane, ctx| {
                dataplane.mark(ctx, vip, crate::event::Cause::Operator);
            });
        }
        Ok(())
    }

    fn sync(
        &mut self,
        (command, by): (&Command, &Author),
        frontend: Option<&str>,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> Result<(), Denial> {
        let vip = match frontend {
            None => None,
            Some(name) => {
                let at = self.frontends.named(name);
                Some(at.ok_or_else(|| Denial::NotFound(format!("there is no frontend {name}")))?)
            }
        };
        if self.warmup.phase() == Phase::HandsOff && !mutant!(SyncInHandsOff) {
            let left = self.warmup.delays().0.saturating_sub(now.since_start());
            let why = format!("hands off VPP during warm-up: {} left", GoDuration(left));
            return Err(Denial::NotYet { why, left });
        }
        if let Some(at) = vip {
            let entry = &self.frontends.list()[at];
            if !self.warmup.is_open(entry.vip()) && !mutant!(SyncThroughClosedGate) {
                let why =
                    format!("not released yet: waiting for {}", self.awaited(at, usize::MAX).join(", "));
                return Err(Denial::NotNow(why));
            }
        }
        if !self.dataplane.is_connected() {
            return Err(Denial::NotNow("VPP is not connected: everything is synced when it is".into()));
        }
        self.audit(command, by, out);
        let key = vip.map(|at| self.frontends.list()[at].vip());
        self.with_dataplane(now, |dataplane, ctx| dataplane.sync_asked(ctx, key));
        Ok(())
    }

    /// Names of the backends that a frontend's release waits for, each once, `max` at most.
    pub(super) fn awaited(&self, at: usize, max: usize) -> Vec<String> {
        let frontend = &self.frontends.list()[at];
        if frontend.unknown == 0 {
            return Vec::new();
        }
        let unknown = frontend.members.iter().filter(|member| !member.standing.state.is_known());
        let mut slots: Vec<u32> = unknown.map(|member| member.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.into_iter().take(max).map(|slot| self.name_of(slot).into()).collect()
    }
}
