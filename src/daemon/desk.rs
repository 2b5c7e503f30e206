//! The desk of the loop: who asked, and who still waits for an answer.

use std::collections::BTreeMap;

use maglev_core::{Action, Denial, Engine, Event, Input, Instant, RequestId};
use tokio::sync::oneshot;

use super::handle::{Checked, Control, Refused};

/// What a control asks of this turn.
pub(super) enum Turn {
    /// Handle this.
    Input(Input),
    /// Nothing: it was only a question.
    Served,
}

#[derive(Default)]
pub(super) struct Desk {
    last_request: u64,
    waiting: BTreeMap<RequestId, oneshot::Sender<Result<(), Denial>>>,
    /// Who gave the configuration that is being handled.
    configuring: Option<oneshot::Sender<Result<(), Refused>>>,
}

impl Desk {
    pub(super) fn open(&mut self, control: Control, engine: &Engine, now: Instant) -> Turn {
        match control {
            Control::Happened(input) => Turn::Input(input),
            Control::Commanded { command, by, based_on, answer } => {
                self.last_request += 1;
                let request = RequestId(self.last_request);
                self.waiting.insert(request, answer);
                Turn::Input(Input::Commanded { request, command, by, based_on })
            }
            Control::Configured { config, forced, by: _, based_on, answer } => {
                let (generation, _) = engine.generation();
                if let Some(based_on) = based_on.filter(|based_on| *based_on != generation) {
                    let err = format!(
                        "generation {generation} is in force and the new configuration was based on {based_on}: look \
                         again before you change it"
                    );
                    let _ = answer.send(Err(Refused { kind: "stale", err }));
                    return Turn::Served;
                }
                self.configuring = Some(answer);
                Turn::Input(match config {
                    Ok(Checked { config, draft: _ }) => Input::ConfigLoaded { config, forced },
                    Err(Refused { kind, err }) => Input::ConfigRejected { kind, err },
                })
            }
            Control::Asked(question) => {
                question.put(engine, now);
                Turn::Served
            }
        }
    }

    /// Answers who gave a configuration: the engine takes it or refuses it within the turn.
    pub(super) fn close(&mut self, actions: &[Action]) {
        if let Some(answer) = self.configuring.take() {
            let _ = answer.send(actions.iter().find_map(refusal).map_or(Ok(()), Err));
        }
    }

    pub(super) fn answer(&mut self, request: RequestId, result: Result<(), Denial>) {
        if let Some(answer) = self.waiting.remove(&request) {
            let _ = answer.send(result);
        }
    }
}

fn refusal(action: &Action) -> Option<Refused> {
    let Action::Tell(event) = action else { return None };
    let Event::ConfigRejected { kind, err } = event.as_ref() else { return None };
    Some(Refused { kind, err: err.clone() })
}
