//! Where the pictures and events come from: two tasks that ask, and ask again when the daemon has gone.

use std::sync::mpsc::Sender;
use std::time::Duration;

use maglev_proto::v1;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;

use super::model::{Picture, Update};
use crate::failure::{Exit, Failure};
use crate::pause::{BETWEEN_ATTEMPTS, pause};
use crate::target::{Client, Target};
use crate::value::{self, Value};
use crate::watch::Follower;

/// Between two pictures: a person sees no more, and a large site has work to do.
const BETWEEN_PICTURES: Duration = Duration::from_secs(1);
/// Of the past, at the beginning: enough to meet the latest sync.
const LAST: u32 = 200;

/// Starts all of them.
pub(super) fn start(runtime: &Runtime, target: &Target, updates: &Sender<Update>) -> [AbortHandle; 3] {
    let spawned = [
        runtime.spawn(pictures(target.clone(), updates.clone())),
        runtime.spawn(events(target.clone(), updates.clone())),
        runtime.spawn(signals(updates.clone())),
    ];
    spawned.map(|task| task.abort_handle())
}

/// Each task ends when nobody draws any more.
async fn pictures(target: Target, updates: Sender<Update>) {
    loop {
        let update = match picture(&target).await {
            Ok(picture) => Update::Seen(Box::new(picture)),
            Err(failure) => Update::Lost(failure),
        };
        let span = if matches!(update, Update::Lost(_)) { BETWEEN_ATTEMPTS } else { BETWEEN_PICTURES };
        if updates.send(update).is_err() {
            return;
        }
        pause(span).await;
    }
}

async fn events(target: Target, updates: Sender<Update>) {
    let request = v1::WatchRequest { last: LAST, ..v1::WatchRequest::default() };
    let mut follower = Follower::new(request);
    let gone = || Failure::new(Exit::Done, "");
    loop {
        let take = |what: &_| updates.send(Update::Told(Box::new(Clone::clone(what)))).map_err(|_| gone());
        let failure = follower.follow(&target, take, |_| ()).await;
        if failure.exit == Exit::Done {
            return;
        }
        pause(BETWEEN_ATTEMPTS).await;
    }
}

/// A terminal that hangs up, or a polite kill, ends it like q: the terminal is given back.
async fn signals(updates: Sender<Update>) {
    let (Ok(mut terminate), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = hangup.recv() => (),
    }
    // If nobody draws, it has ended already.
    let _ = updates.send(Update::End);
}

async fn picture(target: &Target) -> Result<Picture, Failure> {
    let mut client = target.connect().await?;
    let daemon = client.get_daemon(v1::GetDaemonRequest {}).await?.into_inner();
    let vpp = client.get_vpp(v1::GetVppRequest {}).await?.into_inner();
    let warmup = client.get_warmup(v1::GetWarmupRequest {}).await?.into_inner();
    Ok(Picture {
        now: daemon.now,
        daemon: value::of("Daemon", &daemon),
        vpp: value::of("Vpp", &vpp),
        warmup: value::of("Warmup", &warmup),
        frontends: frontends(&mut client).await?,
        backends: backends(&mut client).await?,
    })
}

async fn frontends(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let mut stream = client.list_frontends(v1::ListFrontendsRequest::default()).await?.into_inner();
    let mut all = Vec::new();
    while let Some(part) = stream.message().await? {
        all.extend(part.frontends.iter().map(|it| value::of("Frontend", it)));
    }
    Ok(all)
}

async fn backends(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let mut stream = client.list_backends(v1::ListBackendsRequest::default()).await?.into_inner();
    let mut all = Vec::new();
    while let Some(part) = stream.message().await? {
        all.extend(part.backends.iter().map(|it| value::of("Backend", it)));
    }
    Ok(all)
}
