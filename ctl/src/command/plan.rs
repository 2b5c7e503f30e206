//! Wondering: what would be done to VPP.

use maglev_proto::v1;

use super::{change, parts};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::grammar::{Kind, Parsed};
use crate::render::Answer;
use crate::target::Client;
use crate::{value, view};

type Done = Result<Answer, Failure>;

/// `show vpp lb plan`.
pub(super) async fn of_sync(client: &mut Client, parsed: &Parsed) -> Done {
    let frontend = parsed.named(Kind::Frontend);
    let what = if frontend.is_empty() { "a sync".into() } else { format!("a sync of {frontend}") };
    shown(client, v1::PlanRequest { frontend, ..v1::PlanRequest::default() }, &what).await
}

/// `config plan`.
pub(super) async fn of_config(client: &mut Client, parsed: &Parsed, flags: &Flags) -> Done {
    let source = change::source(parsed)?;
    let what = change::named(source.as_ref());
    let config = Some(source.unwrap_or_default());
    let request = v1::PlanRequest { config, force: flags.force, ..v1::PlanRequest::default() };
    shown(client, request, &what).await
}

async fn shown(client: &mut Client, request: v1::PlanRequest, what: &str) -> Done {
    let stream = client.plan(request).await?.into_inner();
    let mut plan = v1::PlanResponse::default();
    for part in parts(stream).await? {
        plan.summary = plan.summary.or(part.summary);
        plan.calls.extend(part.calls);
    }
    let value = value::of("PlanResponse", &plan);
    let blocks = view::plan(&value, what);
    Ok(Answer::new(value, blocks))
}
