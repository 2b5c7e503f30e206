//! Changing: backends, weights, configurations, and the order to sync.

use std::io::Read as _;

use maglev_proto::v1;

use super::look::Look;
use crate::failure::{Exit, Failure};
use crate::flags::Flags;
use crate::grammar::{Kind, Parsed, Verb};
use crate::render::Answer;
use crate::target::Client;
use crate::{value, view};

/// The largest configuration that the daemon takes.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

type Done = Result<Answer, Failure>;

/// Pauses, resumes, enables or disables; shows what it came to.
pub(super) async fn backend(look: &mut Look<'_>, parsed: &Parsed, flags: &Flags) -> Done {
    let request = v1::ChangeBackendRequest {
        name: parsed.named(Kind::Backend),
        revision: None,
        why: flags.why.clone().unwrap_or_default(),
    };
    let client = &mut *look.client;
    let changed = if parsed.verb == Verb::PauseBackend {
        client.pause_backend(request).await
    } else if parsed.verb == Verb::ResumeBackend {
        client.resume_backend(request).await
    } else if parsed.verb == Verb::EnableBackend {
        client.enable_backend(request).await
    } else {
        client.disable_backend(request).await
    };
    let changed = changed?.into_inner();
    look.shown_backend(&changed).await
}

/// Sets a weight; shows what it came to.
pub(super) async fn weight(look: &mut Look<'_>, parsed: &Parsed, flags: &Flags) -> Done {
    let request = v1::SetWeightRequest {
        frontend: parsed.named(Kind::Frontend),
        pool: parsed.named(Kind::Pool),
        backend: parsed.named(Kind::Backend),
        weight: parsed.named(Kind::Weight).parse().expect("the grammar takes 0 to 100 only"),
        flush: parsed.words.contains(&"flush"),
        revision: None,
        why: flags.why.clone().unwrap_or_default(),
    };
    let changed = look.client.set_weight(request).await?.into_inner();
    look.shown_frontend(&changed).await
}

/// `config check`: what breaks rules is an answer, and a code of its own.
pub(super) async fn check(client: &mut Client, parsed: &Parsed) -> Done {
    let source = source(parsed)?;
    let what = named(source.as_ref());
    let checked = client.check_config(v1::CheckConfigRequest { source }).await?.into_inner();
    let value = value::of("CheckConfigResponse", &checked);
    let exit = match checked.kind.as_str() {
        _ if checked.good => Exit::Done,
        "read" => Exit::Failed,
        _ => Exit::BadConfig,
    };
    Ok(Answer { exit, ..Answer::new(value.clone(), view::checked(&value, &what)) })
}

/// `config reload`.
pub(super) async fn reload(client: &mut Client, parsed: &Parsed, flags: &Flags) -> Done {
    let source = source(parsed)?;
    let what = named(source.as_ref());
    let request = v1::ReloadConfigRequest {
        source,
        force: flags.force,
        generation: None,
        why: flags.why.clone().unwrap_or_default(),
    };
    let reloaded = client.reload_config(request).await?.into_inner();
    let value = value::of("ReloadConfigResponse", &reloaded);
    let blocks = view::reloaded(&value, &what);
    Ok(Answer::new(value, blocks))
}

/// `set choices confirmed`.
pub(super) async fn confirm(client: &mut Client, flags: &Flags) -> Done {
    let why = flags.why.clone().unwrap_or_default();
    let confirmed = client.confirm_choices(v1::ConfirmChoicesRequest { why }).await?.into_inner();
    Ok(Answer::new(value::of("ConfirmChoicesResponse", &confirmed), view::confirmed()))
}

/// `sync vpp lb state`.
pub(super) async fn sync(client: &mut Client, parsed: &Parsed, flags: &Flags) -> Done {
    let frontend = parsed.last(Kind::Frontend);
    let why = flags.why.clone().unwrap_or_default();
    let request = v1::SyncRequest { frontend: frontend.unwrap_or_default().into(), why };
    let ordered = client.sync(request).await?.into_inner();
    let value = value::of("SyncResponse", &ordered);
    Ok(Answer::new(value, view::ordered(frontend)))
}

/// The file that was named, read here: it may be on another host than the daemon, which reads none but its own.
pub(super) fn source(parsed: &Parsed) -> Result<Option<v1::ConfigSource>, Failure> {
    let Some(name) = parsed.last(Kind::File) else { return Ok(None) };
    let mut content = Vec::new();
    let read = if name == "-" {
        std::io::stdin().lock().take(CONFIG_BYTES_MAX + 1).read_to_end(&mut content)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut content))
    };
    let unreadable =
        |err| Failure::new(Exit::Failed, format!("cannot read {name}: {err}; name a file of this host"));
    let length = read.map_err(unreadable)?;
    if length as u64 > CONFIG_BYTES_MAX {
        return Err(Failure::new(Exit::Failed, format!("{name} is too large: the daemon takes 16 MiB")));
    }
    let name = if name == "-" { "standard input".into() } else { name.to_owned() };
    Ok(Some(v1::ConfigSource { content: Some(content), name }))
}

pub(super) fn named(source: Option<&v1::ConfigSource>) -> String {
    source.map_or_else(|| "the daemon's file".into(), |source| source.name.clone())
}
