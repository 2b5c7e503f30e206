//! Carries out what was said: one request, one answer. What does not end (`watch`, `top`) is elsewhere.

mod change;
mod look;
mod plan;

use tonic::{Status, Streaming};

use crate::failure::Failure;
use crate::flags::{Flags, Output};
use crate::grammar::{Kind, Parsed, Verb};
use crate::names;
use crate::render::Answer;
use crate::target::Client;

/// Carries out a command that ends by itself.
///
/// # Errors
/// It was not carried out.
pub async fn run(client: &mut Client, parsed: &Parsed, flags: &Flags) -> Result<Answer, Failure> {
    let done = dispatch(client, parsed, flags).await;
    let Err(mut failure) = done else { return done };
    if failure.exit == crate::failure::Exit::NotFound
        && let Some(instead) = names::instead(client, &failure.text, &parsed.values).await
    {
        failure.text.push_str(&instead);
    }
    Err(failure)
}

async fn dispatch(client: &mut Client, parsed: &Parsed, flags: &Flags) -> Result<Answer, Failure> {
    let is_for_people = flags.output.unwrap_or_default() == Output::Table;
    let mut look = look::Look { client, is_for_people };
    match parsed.verb {
        Verb::ShowVersion => look.daemon().await,
        Verb::ShowFrontends => look.frontends().await,
        Verb::ShowFrontend => look.frontend(parsed.named(Kind::Frontend)).await,
        Verb::ShowBackends => look.backends().await,
        Verb::ShowBackend => look.backend(parsed.named(Kind::Backend)).await,
        Verb::ShowHealthchecks => look.healthchecks().await,
        Verb::ShowHealthcheck => look.healthcheck(parsed.named(Kind::Healthcheck)).await,
        Verb::ShowWarmup => look.warmup().await,
        Verb::ShowVppInfo => look.vpp().await,
        Verb::ShowVppLbState => look.table(parsed.named(Kind::Frontend), false).await,
        Verb::ShowVppLbDiff => look.table(parsed.named(Kind::Frontend), true).await,
        Verb::ShowEvents => look.events(parsed).await,
        Verb::ExplainBackend => look.explain_backend(parsed.named(Kind::Backend)).await,
        Verb::ExplainFrontend => look.explain_frontend(parsed.named(Kind::Frontend)).await,
        Verb::PauseBackend | Verb::ResumeBackend | Verb::EnableBackend | Verb::DisableBackend => {
            change::backend(&mut look, parsed, flags).await
        }
        Verb::SetWeight => change::weight(&mut look, parsed, flags).await,
        Verb::ConfirmChoices => change::confirm(look.client, flags).await,
        Verb::ShowVppLbPlan => plan::of_sync(look.client, parsed).await,
        Verb::ConfigPlan => plan::of_config(look.client, parsed, flags).await,
        Verb::ConfigCheck => change::check(look.client, parsed).await,
        Verb::ConfigReload => change::reload(look.client, parsed, flags).await,
        Verb::SyncVppLbState => change::sync(look.client, parsed, flags).await,
        Verb::WatchEvents | Verb::Top | Verb::Completions | Verb::Help | Verb::Quit => {
            unreachable!("these are carried out without a request, before a client is there")
        }
    }
}

/// All parts of a list.
async fn parts<T>(mut stream: Streaming<T>) -> Result<Vec<T>, Status> {
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await? {
        parts.push(part);
    }
    Ok(parts)
}
