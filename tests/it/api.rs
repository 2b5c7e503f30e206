//! The API of the real daemon in this process, asked by a real client over real sockets.

mod groups;
mod lag;
mod limits;
mod standard;
mod tls;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use maglev_proto::v1::maglev_client::MaglevClient;
use maglev_proto::v1::watch_response::What;
use maglev_proto::v1::{self, State, SyncState, WeightReason};
use maglevd::api::{Api, Doors, Places, Rate, Serving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

use crate::support::site::{AMS, FRA, LON, Site, file, frontend, table};

type Client = MaglevClient<Channel>;

/// A site whose API is served.
struct Served {
    site: Site,
    serving: Serving,
}

impl Deref for Served {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl DerefMut for Served {
    fn deref_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}

/// A site that serves its API, and a client of it.
async fn served() -> (Served, Client, String) {
    let mut site = Site::new().await;
    let all = frontend("www", 80, "ams: {}, fra: { weight: 50 }") + &frontend("api", 81, "lon: {}");
    site.write(&file(site.farm.port(), &all));
    site.start();
    let (serving, address) = open(&site, site.api(), Places::default()).await;
    let client = client(&format!("http://{address}")).await;
    (Served { site, serving }, client, address)
}

/// Opens both doors, and says where the one on TCP is.
async fn open(site: &Site, api: Api, places: Places) -> (Serving, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut doors = Doors { tcp: Some(listener), places, ..Doors::default() };
    doors.take_socket(&socket(site)).await.unwrap();
    (api.serve(doors), address)
}

fn socket(site: &Site) -> PathBuf {
    site.file().with_file_name("maglevd.sock")
}

async fn client(to: &str) -> Client {
    MaglevClient::new(Endpoint::from_shared(to.to_owned()).unwrap().connect().await.unwrap())
}

/// When the table is as the file says.
async fn settled(site: &Site) {
    site.until_table("all serve", &table(&[(80, &[(AMS, 100), (FRA, 50)]), (81, &[(LON, 100)])])).await;
}

fn named(name: &str) -> v1::ChangeBackendRequest {
    v1::ChangeBackendRequest { name: name.into(), why: "a test".into(), revision: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_looked_at() {
    let (mut site, mut client, _) = served().await;
    settled(&site).await;
    let daemon = client.get_daemon(v1::GetDaemonRequest {}).await.unwrap().into_inner();
    assert_eq!((daemon.generation, daemon.frontends_total, daemon.backends_total), (1, 2, 3));
    assert_eq!(daemon.role(), v1::Role::Operator);

    let mut frontends =
        client.list_frontends(v1::ListFrontendsRequest::default()).await.unwrap().into_inner();
    let part = frontends.message().await.unwrap().unwrap();
    let names: Vec<&str> = part.frontends.iter().map(|frontend| frontend.name.as_str()).collect();
    assert_eq!(names, ["www", "api"], "in key order");
    assert!(frontends.message().await.unwrap().is_none());

    let www = client.get_frontend(v1::GetFrontendRequest { name: "www".into() }).await.unwrap().into_inner();
    assert_eq!((www.state(), www.sync.as_ref().unwrap().state()), (State::Up, SyncState::InSync));
    let fra = &www.pools[0].members[1];
    assert_eq!((fra.backend.as_str(), fra.configured_weight, fra.effective_weight), ("fra", 50, 50));
    assert_eq!((fra.reason(), fra.vpp_weight), (WeightReason::Active, Some(50)));

    let mut backends = client.list_backends(v1::ListBackendsRequest::default()).await.unwrap().into_inner();
    let part = backends.message().await.unwrap().unwrap();
    let names: Vec<&str> = part.backends.iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["ams", "fra", "lon"]);
    let ams = client.get_backend(v1::GetBackendRequest { name: "ams".into() }).await.unwrap().into_inner();
    assert_eq!((ams.state(), ams.healthcheck.as_str(), ams.memberships.len()), (State::Up, "web", 1));
    assert_eq!(ams.results[0].result(), v1::ProbeResult::Pass);

    let web =
        client.get_healthcheck(v1::GetHealthcheckRequest { name: "web".into() }).await.unwrap().into_inner();
    assert_eq!((web.r#type.as_str(), web.rise, web.backends_total), ("http", 2, 3));
    let mut checks = client.list_healthchecks(v1::ListHealthchecksRequest {}).await.unwrap().into_inner();
    assert_eq!(checks.message().await.unwrap().unwrap().healthchecks, [web]);

    let warmup = client.get_warmup(v1::GetWarmupRequest {}).await.unwrap().into_inner();
    assert_eq!((warmup.phase(), warmup.released_total), (v1::Phase::Over, 2));
    assert!(warmup.waiting.is_empty() && warmup.until.is_none());

    let vpp = client.get_vpp(v1::GetVppRequest {}).await.unwrap().into_inner();
    assert!(vpp.in_use && vpp.connected && vpp.picture);
    assert_eq!((vpp.vips_total, vpp.servers_total, vpp.connections), (2, 3, 1));
    assert!(vpp.capabilities.iter().any(|name| name == "lb_as_set_weight"), "{:?}", vpp.capabilities);

    let request = v1::ListVppVipsRequest { frontend: "www".into(), only_different: false };
    let mut vips = client.list_vpp_vips(request).await.unwrap().into_inner();
    let vip = &vips.message().await.unwrap().unwrap().vips[0];
    assert_eq!(
        (vip.frontend.as_str(), vip.difference(), vip.servers.len()),
        ("www", v1::Difference::None, 2)
    );

    let why =
        client.explain_backend(v1::ExplainBackendRequest { name: "fra".into() }).await.unwrap().into_inner();
    assert!(why.sentences.iter().any(|line| line.contains("has weight 50")), "{:?}", why.sentences);
    let why = client
        .explain_frontend(v1::ExplainFrontendRequest { name: "www".into() })
        .await
        .unwrap()
        .into_inner();
    assert!(why.sentences[0].contains("pool only serves"), "{:?}", why.sentences);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_named() {
    let (mut site, mut client, _) = served().await;
    let err = client.get_backend(v1::GetBackendRequest { name: "bru".into() }).await.unwrap_err();
    assert_eq!((err.code(), err.message()), (Code::NotFound, "there is no backend bru"));
    let err = client.get_frontend(v1::GetFrontendRequest { name: "x".into() }).await.unwrap_err();
    assert_eq!((err.code(), err.message()), (Code::NotFound, "there is no frontend x"));
    let err = client.get_healthcheck(v1::GetHealthcheckRequest { name: "x".into() }).await.unwrap_err();
    assert_eq!((err.code(), err.message()), (Code::NotFound, "there is no healthcheck x"));
    let err = client.pause_backend(named("bru")).await.unwrap_err();
    assert_eq!(err.code(), Code::NotFound);
    let request = v1::ListVppVipsRequest { frontend: "x".into(), only_different: false };
    assert_eq!(client.list_vpp_vips(request).await.unwrap_err().code(), Code::NotFound);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_is_drained_and_vpp_shows_it() {
    let (mut site, mut client, _) = served().await;
    settled(&site).await;
    let paused = client.pause_backend(named("fra")).await.unwrap().into_inner();
    assert_eq!(paused.state(), State::Paused);
    let drained = table(&[(80, &[(AMS, 100), (FRA, 0)]), (81, &[(LON, 100)])]);
    site.until_table("fra is drained", &drained).await;
    let fra = client.get_backend(v1::GetBackendRequest { name: "fra".into() }).await.unwrap().into_inner();
    assert_eq!((fra.memberships[0].reason(), fra.memberships[0].vpp_weight), (WeightReason::Paused, Some(0)));

    let stale = v1::ChangeBackendRequest { revision: Some(paused.revision - 1), ..named("fra") };
    let err = client.resume_backend(stale).await.unwrap_err();
    assert_eq!(err.code(), Code::Aborted, "{err}");
    let based = v1::ChangeBackendRequest { revision: Some(paused.revision), ..named("fra") };
    let resumed = client.resume_backend(based).await.unwrap().into_inner();
    assert!(resumed.revision > paused.revision);
    settled(&site).await;

    client.disable_backend(named("fra")).await.unwrap();
    let err = client.pause_backend(named("fra")).await.unwrap_err();
    assert_eq!(err.code(), Code::FailedPrecondition, "{err}");
    client.enable_backend(named("fra")).await.unwrap();
    settled(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weight_is_set_and_says_by_whom() {
    let (mut site, mut client, _) = served().await;
    settled(&site).await;
    let request = v1::SetWeightRequest {
        frontend: "www".into(),
        pool: "only".into(),
        backend: "ams".into(),
        weight: 7,
        ..v1::SetWeightRequest::default()
    };
    let www = client.set_weight(request.clone()).await.unwrap().into_inner();
    let ams = &www.pools[0].members[0];
    assert_eq!((ams.set_weight, ams.effective_weight), (Some(7), 7));
    assert_eq!(ams.reason(), WeightReason::SetByOperator);
    site.until_table("VPP has it", &table(&[(80, &[(AMS, 7), (FRA, 50)]), (81, &[(LON, 100)])])).await;
    let err = client.set_weight(v1::SetWeightRequest { weight: 101, ..request.clone() }).await.unwrap_err();
    assert_eq!(err.code(), Code::InvalidArgument);
    let err = client.set_weight(v1::SetWeightRequest { pool: "x".into(), ..request }).await.unwrap_err();
    assert_eq!(err.code(), Code::NotFound);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_in_hands_off_is_refused_with_the_time_left() {
    let (mut site, mut client, _) = served().await;
    let err = client.sync(v1::SyncRequest::default()).await.unwrap_err();
    assert!(err.code() == Code::FailedPrecondition && err.message().ends_with(" left"), "{err}");
    settled(&site).await;
    let ordered = client.sync(v1::SyncRequest { frontend: "www".into(), ..v1::SyncRequest::default() });
    assert!(ordered.await.unwrap().into_inner().position.is_some());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_checked_and_reloaded() {
    let (mut site, mut client, _) = served().await;
    settled(&site).await;
    let source =
        |text: String| Some(v1::ConfigSource { content: Some(text.into_bytes()), name: "new.yaml".into() });
    let bad = file(site.farm.port(), &frontend("www", 80, "nobody: {}"));
    let checked = client.check_config(v1::CheckConfigRequest { source: source(bad.clone()) });
    let checked = checked.await.unwrap().into_inner();
    assert!(!checked.good && checked.kind == "semantic", "{checked:?}");
    assert!(checked.errors[0].line > 0 && checked.errors[0].path.contains("nobody"), "{checked:?}");
    let request = v1::ReloadConfigRequest { source: source(bad), ..v1::ReloadConfigRequest::default() };
    let err = client.reload_config(request).await.unwrap_err();
    assert!(err.code() == Code::InvalidArgument && err.message().contains("new.yaml:"), "{err}");

    let good = file(site.farm.port(), &frontend("www", 80, "ams: {}"));
    let request = v1::ReloadConfigRequest { source: source(good), ..v1::ReloadConfigRequest::default() };
    let stale = v1::ReloadConfigRequest { generation: Some(7), ..request.clone() };
    assert_eq!(client.reload_config(stale).await.unwrap_err().code(), Code::Aborted);
    let reloaded = client.reload_config(request).await.unwrap().into_inner();
    assert_eq!(reloaded.generation, 2);
    site.until_table("the new file rules", &table(&[(80, &[(AMS, 100)])])).await;
    // Without a source it is the daemon's own file.
    let reloaded = client.reload_config(v1::ReloadConfigRequest::default()).await.unwrap().into_inner();
    assert_eq!(reloaded.generation, 3);
    settled(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_resumed_without_loss_and_tells_a_restart() {
    let (mut site, mut client, _) = served().await;
    settled(&site).await;
    let request =
        v1::WatchRequest { topics: vec![v1::Topic::Operator.into()], ..v1::WatchRequest::default() };
    let mut watch = client.watch(request.clone()).await.unwrap().into_inner();
    let Some(What::Position(begin)) = watch.message().await.unwrap().unwrap().what else {
        panic!("no position")
    };
    client.pause_backend(named("fra")).await.unwrap();
    let Some(What::Record(record)) = watch.message().await.unwrap().unwrap().what else {
        panic!("no record")
    };
    let Some(v1::record::Detail::OperatorCommand(command)) = &record.detail else { panic!("{record:?}") };
    assert_eq!((command.command.as_str(), command.why.as_str()), ("pause fra", "a test"));
    assert!(command.by.starts_with("tcp 127.0.0.1:"), "{}", command.by);
    drop(watch);

    let resumed = v1::WatchRequest { resume: Some(begin.clone()), ..request.clone() };
    let mut watch = client.watch(resumed).await.unwrap().into_inner();
    assert!(matches!(watch.message().await.unwrap().unwrap().what, Some(What::Position(_))));
    let Some(What::Record(again)) = watch.message().await.unwrap().unwrap().what else { panic!("no record") };
    assert_eq!(again, record);

    let other = v1::Position { stream: "another process".into(), ..begin };
    let mut watch =
        client.watch(v1::WatchRequest { resume: Some(other), ..request }).await.unwrap().into_inner();
    assert!(matches!(watch.message().await.unwrap().unwrap().what, Some(What::Position(_))));
    assert!(matches!(watch.message().await.unwrap().unwrap().what, Some(What::Gap(_))));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watchers_of_whom_some_never_read_hold_up_nobody() {
    let (mut site, mut client, address) = served().await;
    settled(&site).await;
    let mut watches = Vec::new();
    for _ in 0..8 {
        let mut connection = self::client(&format!("http://{address}")).await;
        for _ in 0..125 {
            watches.push(connection.watch(v1::WatchRequest::default()).await.unwrap().into_inner());
        }
    }
    // The first hundred are never read.
    for round in 0..20 {
        let change = if round % 2 == 0 {
            client.pause_backend(named("fra")).await
        } else {
            client.resume_backend(named("fra")).await
        };
        change.unwrap();
    }
    for watch in &mut watches[100..] {
        loop {
            let what = watch.message().await.unwrap().unwrap().what;
            if matches!(what, Some(What::Record(record)) if record.name == "operator-command") {
                break;
            }
        }
    }
    settled(&site).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_harms_nobody() {
    let (mut site, mut client, address) = served().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    for garbage in [b"\0".repeat(100_000), vec![0xff; 4096], [preface, &[0x7f; 500]].concat()] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    client.get_daemon(v1::GetDaemonRequest {}).await.unwrap();
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_knows_its_callers_and_is_taken_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut site, _, _) = served().await;
    let path = socket(&site);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let mut client = client(&format!("unix:{}", path.display())).await;
    let daemon = client.get_daemon(v1::GetDaemonRequest {}).await.unwrap().into_inner();
    assert!(daemon.caller.starts_with("unix uid "), "{}", daemon.caller);
    assert_eq!(daemon.role(), v1::Role::Operator, "it is our own user");
    let taken = Doors::default().take_socket(&path).await.unwrap_err().to_string();
    assert!(taken.contains("another process answers there"), "{taken}");
    // A file that nobody answers on is replaced.
    let stale = site.file().with_file_name("stale.sock");
    drop(tokio::net::UnixListener::bind(&stale).unwrap());
    Doors::default().take_socket(&stale).await.unwrap();
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_has_stopped_says_so() {
    let (mut site, mut client, _) = served().await;
    site.stop().await;
    let err = client.get_daemon(v1::GetDaemonRequest {}).await.unwrap_err();
    assert!(err.code() == Code::Unavailable && err.message().starts_with("the daemon is stopping"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_closed_takes_nobody_in() {
    let (Served { mut site, serving }, _client, address) = served().await;
    drop(serving);
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    site.stop().await;
}

/// All parts of a plan as one.
async fn planned(client: &mut Client, request: v1::PlanRequest) -> (v1::PlanSummary, Vec<v1::PlannedCall>) {
    let mut stream = client.plan(request).await.unwrap().into_inner();
    let (mut summary, mut calls) = (None, Vec::new());
    while let Some(part) = stream.message().await.unwrap() {
        summary = summary.or(part.summary);
        calls.extend(part.calls);
    }
    (summary.expect("the first part tells what it comes to"), calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_tells_what_would_be_done_and_does_nothing() {
    let (mut site, mut client, _) = served().await;
    let err = client.plan(v1::PlanRequest::default()).await.unwrap_err();
    assert_eq!(err.code(), Code::FailedPrecondition, "VPP is not read yet, or hands are off it: {err}");
    settled(&site).await;
    let (summary, calls) = planned(&mut client, v1::PlanRequest::default()).await;
    assert!(calls.is_empty() && summary.whole && summary.generation == 1, "{summary:?} {calls:?}");

    let config = |frontends: String| {
        let text = file(site.farm.port(), &frontends);
        Some(v1::ConfigSource { content: Some(text.into_bytes()), name: "new.yaml".into() })
    };
    // A backend that was in no frontend is known already; one with another address is not.
    let renamed = frontend("www", 80, "ams: { weight: 30 }, lon: {}");
    let request = v1::PlanRequest { config: config(renamed), ..v1::PlanRequest::default() };
    let (summary, calls) = planned(&mut client, request).await;
    let told: Vec<&str> = calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(
        told,
        [
            "add-as 203.0.113.80 tcp/80 127.0.0.23 weight 100",
            "set-weight 203.0.113.80 tcp/80 127.0.0.21 weight 30",
            "del-as 203.0.113.80 tcp/80 127.0.0.22 flush",
            "del-as 203.0.113.81 tcp/80 127.0.0.23",
            "flush-vip 203.0.113.81 tcp/80",
            "del-vip 203.0.113.81 tcp/80",
        ]
    );
    assert!(calls.iter().all(|call| call.when() == v1::PlannedWhen::AtOnce), "{calls:?}");
    let of: Vec<&str> = calls.iter().map(|call| call.frontend.as_str()).collect();
    assert_eq!(of, ["www", "www", "www", "api", "api", "api"]);
    assert!(summary.whole && summary.calls_total == 6 && summary.awaited_total == 0, "{summary:?}");

    let moved = file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: { weight: 50 }"));
    let moved = moved.replace("127.0.0.22", "127.0.0.24") + &frontend("api", 81, "lon: {}");
    let source = v1::ConfigSource { content: Some(moved.into_bytes()), name: String::new() };
    let request = v1::PlanRequest { config: Some(source), ..v1::PlanRequest::default() };
    let (summary, calls) = planned(&mut client, request).await;
    let told: Vec<(i32, &str)> = calls.iter().map(|call| (call.when, call.call.as_str())).collect();
    let (at_once, once_up) = (v1::PlannedWhen::AtOnce.into(), v1::PlannedWhen::OnceUp.into());
    assert_eq!(
        told,
        [
            (at_once, "add-as 203.0.113.80 tcp/80 127.0.0.24 weight 0"),
            (once_up, "set-weight 203.0.113.80 tcp/80 127.0.0.24 weight 50"),
            (once_up, "del-as 203.0.113.80 tcp/80 127.0.0.22 flush"),
        ]
    );
    assert_eq!((summary.awaited, summary.once_up_total), (vec!["fra".to_owned()], 2));

    // The daemon's own file, which nobody has touched, and what no reload would take.
    let own = v1::PlanRequest { config: Some(v1::ConfigSource::default()), ..v1::PlanRequest::default() };
    assert!(planned(&mut client, own).await.1.is_empty());
    let nobody = v1::PlanRequest { frontend: "nobody".into(), ..v1::PlanRequest::default() };
    assert_eq!(client.plan(nobody).await.unwrap_err().code(), Code::NotFound);
    let empty = v1::ConfigSource { content: Some(b"maglev: {}\n".to_vec()), name: String::new() };
    let empty = v1::PlanRequest { config: Some(empty), ..v1::PlanRequest::default() };
    assert_eq!(client.plan(empty.clone()).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(planned(&mut client, v1::PlanRequest { force: true, ..empty }).await.1.len(), 7);
    let bad = config(frontend("www", 80, "nobody: {}"));
    let bad = v1::PlanRequest { config: bad, ..v1::PlanRequest::default() };
    assert_eq!(client.plan(bad).await.unwrap_err().code(), Code::InvalidArgument);
    let both =
        v1::PlanRequest { config: Some(v1::ConfigSource::default()), frontend: "www".into(), force: false };
    assert_eq!(client.plan(both).await.unwrap_err().code(), Code::InvalidArgument);

    let (_, calls) = planned(&mut client, v1::PlanRequest::default()).await;
    assert!(calls.is_empty(), "plans have changed something: {calls:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_things_too_often_is_told_how_long_to_wait() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site.start();
    let slow = Rate { burst: 3, every: Duration::from_secs(3_600) };
    let (_serving, address) = open(&site, Api { changes: slow, ..site.api() }, Places::default()).await;
    let mut hasty = client(&format!("http://{address}")).await;
    for _ in 0..3 {
        hasty.pause_backend(named("ams")).await.unwrap();
    }
    let refused = hasty.resume_backend(named("ams")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("3 at once, and then one every 1h0m0s; try again in "), "{refused}");
    let wait = refused.get_error_details().retry_info().and_then(|it| it.retry_delay).unwrap();
    assert!(!wait.is_zero() && wait <= Duration::from_secs(3_600), "{wait:?}");
    // Another connection is the same caller; looking is free; and somebody else is somebody else.
    let mut again = client(&format!("http://{address}")).await;
    assert_eq!(again.resume_backend(named("ams")).await.unwrap_err().code(), Code::ResourceExhausted);
    again.get_backend(v1::GetBackendRequest { name: "ams".into() }).await.unwrap();
    let mut other = client(&format!("unix:{}", socket(&site).display())).await;
    other.resume_backend(named("ams")).await.unwrap();
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_on_tcp_does_not_keep_the_hosts_own_people_out() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let (_serving, address) = open(&site, site.api(), Places { tcp: 1, unix: 1 }).await;
    let mut taken = client(&format!("http://{address}")).await;
    taken.get_daemon(v1::GetDaemonRequest {}).await.unwrap();
    // It speaks, and nobody hears it, as long as the only place is taken.
    let mut waiting = TcpStream::connect(&address).await.unwrap();
    waiting.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut own = client(&format!("unix:{}", socket(&site).display())).await;
    own.get_daemon(v1::GetDaemonRequest {}).await.unwrap();
    assert_eq!(waiting.try_read(&mut [0; 64]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(taken);
    assert!(waiting.read(&mut [0; 64]).await.unwrap() > 0, "it is let in when there is a place");
    site.stop().await;
}
