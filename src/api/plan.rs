//! Plans: what would be done to VPP, without doing it.

use std::future::ready;

use maglev_core::engine::{Plan, PlannedCall, When, Wish};
use maglev_core::model::{Flows, Write};
use maglev_core::{Denial, Engine};
use maglev_proto::v1;
use tokio::task::spawn_blocking;

use super::config::{findings, too_many};
use super::convert::count;
use super::look::{Answer, Parts, parts};
use super::{Maglev, error};
use crate::config::Finding;

/// Calls in one part of a plan.
const CALLS_MAX: usize = 1_000;
/// Names that a summary tells at most, of each kind.
const NAMES_MAX: usize = 1_000;

impl Maglev {
    pub(super) async fn plan(&self, request: v1::PlanRequest) -> Answer<Parts<v1::PlanResponse>> {
        let _turn = self.readers.try_acquire().map_err(|_| too_many())?;
        let v1::PlanRequest { config, frontend, force } = request;
        if config.is_some() && !frontend.is_empty() {
            let why = "frontend: a configuration is planned as a whole: leave out one of the two";
            return Err(error::invalid("frontend", why));
        }
        let (wish, warnings) = match config {
            Some(source) => self.configured(source, force).await?,
            None => (Wish::Sync { frontend: (!frontend.is_empty()).then(|| frontend.clone()) }, Vec::new()),
        };
        // The loop stands still for the copy alone; the plan is made of it elsewhere.
        let (engine, now) = self.api.handle.ask(|engine, now| (engine.clone(), now)).await?;
        let (generation, _) = engine.generation();
        let planned = spawn_blocking(move || plan(engine, &wish, now)).await;
        let planned = planned.map_err(|panic| error::exhausted(&format!("the planner failed: {panic}")))?;
        let plan = planned.map_err(|denial| error::denied(&denial, "frontend", &frontend))?;
        Ok(stream(plan, generation, &warnings))
    }

    async fn configured(&self, source: v1::ConfigSource, forced: bool) -> Answer<(Wish, Vec<Finding>)> {
        let (source, options) = (self.source(Some(source)), self.api.options);
        let read = spawn_blocking(move || source.read(options)).await;
        let read = read.map_err(|panic| error::exhausted(&format!("the reader failed: {panic}")))?;
        let loaded = read.map_err(|err| error::unfit(&err))?;
        Ok((Wish::Config { config: loaded.config, forced }, loaded.warnings))
    }
}

fn plan(engine: Engine, wish: &Wish, now: maglev_core::Instant) -> Result<Plan, Denial> {
    engine.plan(wish, now)
}

fn stream(plan: Plan, generation: u64, warnings: &[Finding]) -> Parts<v1::PlanResponse> {
    let once_up = plan.calls.iter().filter(|call| call.when == When::OnceUp).count();
    let mut summary = Some(v1::PlanSummary {
        generation,
        calls_total: count(plan.calls.len()),
        once_up_total: count(once_up),
        awaited_total: count(plan.awaited.len()),
        awaited: plan.awaited.into_iter().take(NAMES_MAX).collect(),
        gated_total: count(plan.gated.len()),
        gated: plan.gated.into_iter().take(NAMES_MAX).collect(),
        unverified_total: count(plan.unverified.len()),
        unverified: plan.unverified.into_iter().take(NAMES_MAX).collect(),
        whole: plan.is_whole,
        warnings: findings(warnings),
    });
    let mut calls = plan.calls.into_iter();
    parts((), move |()| {
        let calls_now = calls.by_ref().take(CALLS_MAX).map(call).collect();
        let next = (calls.len() > 0).then_some(());
        ready(Ok((v1::PlanResponse { summary: summary.take(), calls: calls_now }, next)))
    })
}

fn call(call: PlannedCall) -> v1::PlannedCall {
    let when = match call.when {
        When::AtOnce => v1::PlannedWhen::AtOnce,
        When::OnceUp => v1::PlannedWhen::OnceUp,
    };
    let text = call.write.to_string();
    v1::PlannedCall {
        when: when.into(),
        frontend: call.frontend.unwrap_or_default(),
        kind: text.split(' ').next().unwrap_or_default().into(),
        call: text,
        flushes: flushes(&call.write),
    }
}

const fn flushes(write: &Write) -> bool {
    match write {
        Write::FlushVip { .. }
        | Write::SetWeight { flows: Flows::Flush, .. }
        | Write::DelAs { flows: Flows::Flush, .. } => true,
        Write::SetConf(_)
        | Write::AddVip { .. }
        | Write::DelVip { .. }
        | Write::AddAs { .. }
        | Write::SetWeight { flows: Flows::Keep, .. }
        | Write::DelAs { flows: Flows::Keep, .. } => false,
    }
}
