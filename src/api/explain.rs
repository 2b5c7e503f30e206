//! Why things are as they are, in whole sentences, the most important first.

use maglev_proto::v1::{self, State, SyncState, WeightReason};

use super::Maglev;
use super::look::Answer;

/// Frontends that a story tells of one by one.
const STORIES_MAX: usize = 20;

impl Maglev {
    pub(super) async fn explain_backend(&self, name: String) -> Answer<v1::ExplainBackendResponse> {
        let backend = self.backend(name).await?;
        let mut sentences = vec![standing(&backend)];
        sentences.extend(chosen(&backend));
        if let Some(result) = backend.results.first() {
            sentences.push(latest(result));
        }
        for member in backend.memberships.iter().take(STORIES_MAX) {
            sentences.push(weight(member));
            sentences.extend(set(member));
        }
        match backend.memberships.len() {
            0 => sentences.push("No frontend uses it, so it gets no traffic.".into()),
            all if all > STORIES_MAX => {
                sentences.push(format!("And so on in {} more places.", all - STORIES_MAX));
            }
            _ => (),
        }
        Ok(v1::ExplainBackendResponse { backend: Some(backend), sentences })
    }

    pub(super) async fn explain_frontend(&self, name: String) -> Answer<v1::ExplainFrontendResponse> {
        let frontend = self.frontend(name).await?;
        let active = frontend.pools.iter().find(|pool| pool.active);
        let mut sentences = vec![match active {
            Some(pool) => format!(
                "Frontend {} is {}: pool {} serves.",
                frontend.name,
                word(frontend.state()),
                pool.name
            ),
            None => format!(
                "Frontend {} is {}: no pool has a backend that is up with a weight above 0.",
                frontend.name,
                word(frontend.state())
            ),
        }];
        if let Some(sync) = frontend.sync.as_ref().filter(|sync| sync.state() != SyncState::InSync) {
            sentences.push(format!("VPP may hold something else: {}.", sync.detail));
        }
        if let Some(gate) = frontend.gate.as_ref().filter(|gate| gate.awaited_total > 0) {
            sentences.push(format!(
                "Its release waits for the first verdicts of {} backends: {}.",
                gate.awaited_total,
                gate.awaited.join(", ")
            ));
        }
        if let Some(hold) = &frontend.hold {
            sentences.push(format!(
                "A reload took out {} servers, which stay until {} new backends are known.",
                hold.servers.len(),
                hold.awaited_total
            ));
        }
        let members = frontend.pools.iter().flat_map(|pool| &pool.members);
        for member in members.take(STORIES_MAX) {
            sentences.push(weight(member));
            sentences.extend(set(member));
        }
        Ok(v1::ExplainFrontendResponse { frontend: Some(frontend), sentences })
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Unspecified | State::Unknown => "unknown",
        State::Up => "up",
        State::Down => "down",
        State::Paused => "paused",
        State::Disabled => "disabled",
    }
}

fn standing(backend: &v1::Backend) -> String {
    let cause = if backend.cause.is_empty() { String::new() } else { format!(" ({})", backend.cause) };
    let state = word(backend.state());
    let counter = format!("{} of {}", backend.counter, backend.counter_max);
    let name = &backend.name;
    match backend.state() {
        _ if backend.healthcheck.is_empty() => {
            format!("Backend {name} is {state}{cause}; it has no healthcheck.")
        }
        State::Up => format!(
            "Backend {name} is up{cause}; its counter stands at {counter} and it goes down below {}.",
            backend.rise
        ),
        State::Down => format!(
            "Backend {name} is down{cause}; its counter stands at {counter} and it comes up at {}.",
            backend.rise
        ),
        State::Unspecified | State::Unknown => format!(
            "Backend {name} has no verdict yet{cause}; {} of {} failures in a row so far, and one pass brings it up.",
            backend.counter, backend.fall
        ),
        State::Paused | State::Disabled => format!("Backend {name} is {state}{cause}; it is not probed."),
    }
}

/// Who made it something else than the file says.
fn chosen(backend: &v1::Backend) -> Option<String> {
    let by = backend.chosen_by.as_ref()?;
    let verb = match backend.state() {
        State::Paused => "paused",
        State::Disabled => "disabled",
        State::Unspecified | State::Unknown | State::Up | State::Down => "enabled",
    };
    Some(did(by, &format!("{verb} it")))
}

/// Who set the weight of a member.
fn set(member: &v1::Member) -> Option<String> {
    let by = member.set_by.as_ref()?;
    Some(did(by, &format!("set that weight of {}", member.backend)))
}

/// `unix uid 0 gid 0 pid 4711 paused it at 2026-11-26T17:00:00Z: a disk.`
fn did(by: &v1::Author, what: &str) -> String {
    let who = if by.who.is_empty() { "An operator" } else { &by.who };
    let at = by.at.map(|at| format!(" at {at}")).unwrap_or_default();
    let why = match by.why.trim().trim_end_matches('.') {
        "" => ", without a reason".to_owned(),
        why => format!(": {why}"),
    };
    format!("{who} {what}{at}{why}.")
}

fn latest(result: &v1::Outcome) -> String {
    match result.result() {
        v1::ProbeResult::Pass | v1::ProbeResult::Unspecified => "The latest probe passed.".into(),
        v1::ProbeResult::Fail => format!("The latest probe failed: {} {}.", result.code, result.detail),
        v1::ProbeResult::Inconclusive => {
            format!("The latest probe tells nothing about the backend: {}.", result.detail)
        }
    }
}

fn weight(member: &v1::Member) -> String {
    let held = match member.vpp_weight {
        Some(held) if held == member.effective_weight => "VPP holds the same".into(),
        Some(held) => format!("VPP still holds {held}"),
        None => "VPP does not hold it, or has not been read".into(),
    };
    let configured = match (member.set_weight, member.reason()) {
        (Some(set), _) => format!("set to {set} at run time, {} in the file", member.configured_weight),
        (None, WeightReason::Active) => "as in the file".into(),
        (None, _) => format!("{} in the file", member.configured_weight),
    };
    format!(
        "Frontend {} pool {}: {} has weight {} ({configured}), because {}; {held}.",
        member.frontend, member.pool, member.backend, member.effective_weight, member.reason_text
    )
}
