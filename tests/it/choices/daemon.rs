//! The whole daemon: what was chosen before a restart is chosen after it, and VPP hears nothing of it.

use std::fs;
use std::path::PathBuf;

use maglev_core::model::Weight;
use maglev_core::{Author, Command};
use maglev_proto::v1::{self, maglev_client::MaglevClient};
use maglevd::api::Doors;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::support::binary::{maglevd, outcome};
use crate::support::site::{AMS, FRA, LON, Site, file, frontend, table};

const NAME: &str = "operator-choices.json";

/// A site that serves, with a folder for choices.
async fn site() -> Site {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}, lon: {}")));
    site.state_dir = Some(folder(&site));
    site.start();
    site.until_table("everybody serves", &table(&[(80, &[(AMS, 100), (FRA, 100), (LON, 100)])])).await;
    site
}

fn folder(site: &Site) -> PathBuf {
    site.file().with_file_name("state")
}

fn alice() -> Author {
    Author { who: "alice".into(), why: "a disk".into(), at: 1_790_000_000 }
}

async fn command(site: &Site, command: Command) {
    site.handle().command_by(command, alice(), None).await.unwrap().unwrap();
}

async fn not_ready(site: &Site) -> String {
    site.view().await.not_ready.join("; ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_file_changes_nothing_in_vpp() {
    let mut site = site().await;
    let weight = Command::SetWeight {
        frontend: "www".into(),
        pool: "only".into(),
        backend: "lon".into(),
        weight: Weight::new(40).unwrap(),
        flush: false,
    };
    command(&site, Command::Pause { backend: "ams".into() }).await;
    command(&site, weight).await;
    let chosen = table(&[(80, &[(AMS, 0), (FRA, 100), (LON, 40)])]);
    site.until_table("the choices are in force", &chosen).await;
    let before = site.vpp.writes().len();
    site.stop().await;
    let kept = fs::read_to_string(folder(&site).join(NAME)).unwrap();
    assert!(kept.contains("\"who\": \"alice\"") && kept.contains("\"why\": \"a disk\""), "{kept}");
    site.start();
    site.until("warm-up is over", |view| view.not_ready.is_empty()).await;
    site.until_table("nothing has changed", &chosen).await;
    assert_eq!(site.vpp.writes().len(), before, "{:?}", site.vpp.writes());
    assert_eq!(site.count("operator-choice-restored"), 2);
    let ams = site.view().await.backends.into_iter().find(|it| it.name == "ams").unwrap();
    assert_eq!(ams.state.word(), "paused");
    assert_eq!(ams.chosen_by, Some(alice()), "who chose it outlives the process");
    let lon = site.view().await.frontends[0].pools[0].members.iter().find_map(|it| it.set_by.clone());
    assert_eq!(lon, Some(alice()));
    // And it can be taken back.
    command(&site, Command::Resume { backend: "ams".into() }).await;
    site.until_table("ams serves again", &table(&[(80, &[(AMS, 100), (FRA, 100), (LON, 40)])])).await;
    assert!(
        site.view().await.backends.iter().all(|it| it.chosen_by.is_none()),
        "nobody differs from the file"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_loss_nobody_is_raised_until_an_operator_confirms() {
    let mut site = site().await;
    command(&site, Command::Pause { backend: "ams".into() }).await;
    let drained = table(&[(80, &[(AMS, 0), (FRA, 100), (LON, 100)])]);
    site.until_table("ams is drained", &drained).await;
    site.stop().await;
    fs::write(folder(&site).join(NAME), "{").unwrap();
    let before = site.vpp.writes().len();
    site.start();
    site.until("warm-up is over", |view| view.not_ready.iter().all(|it| !it.contains("warm-up"))).await;
    site.until("the doubt is all that is left", |view| view.not_ready.len() == 1).await;
    let why = not_ready(&site).await;
    assert!(why.contains("frontend www: 1 servers stay at 0") && why.contains("choices confirmed"), "{why}");
    assert_eq!(site.vpp.table(), drained);
    assert_eq!(site.vpp.writes().len(), before);
    assert_eq!((site.count("operator-choices-lost"), site.count("operator-choices-doubted")), (1, 1));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let _serving = site.api().serve(Doors { tcp: Some(listener), ..Doors::default() });
    let mut client = MaglevClient::new(Endpoint::from_shared(address).unwrap().connect().await.unwrap());
    let endless = v1::ConfirmChoicesRequest { why: "x".repeat(201) };
    let refused = client.confirm_choices(endless).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    client.confirm_choices(v1::ConfirmChoicesRequest { why: "ams is well".into() }).await.unwrap();
    site.until_table("ams serves", &table(&[(80, &[(AMS, 100), (FRA, 100), (LON, 100)])])).await;
    assert_eq!(not_ready(&site).await, "");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_cannot_be_written_the_daemon_is_not_ready() {
    let mut site = site().await;
    let in_the_way = folder(&site).join(format!("{NAME}.new"));
    fs::create_dir(&in_the_way).unwrap();
    command(&site, Command::Pause { backend: "ams".into() }).await;
    site.until("it is said", |view| {
        view.not_ready
            .iter()
            .any(|it| it.starts_with("what operators choose cannot be kept over a restart: "))
    })
    .await;
    assert_eq!(site.count("operator-choices-not-kept"), 1);
    fs::remove_dir(&in_the_way).unwrap();
    // It is tried again by itself.
    site.until("it is kept", |view| view.not_ready.is_empty()).await;
    assert_eq!(site.count("operator-choices-kept"), 1);
    site.stop().await;
    assert!(fs::read_to_string(folder(&site).join(NAME)).unwrap().contains("Paused"));
}

#[test]
fn the_flag_names_a_folder_that_is_somebody_elses() {
    let scratch = crate::support::scratch::Scratch::new();
    let config = scratch.file("maglev.yaml", "maglev: {}\n");
    let state = std::path::Path::new(&config).with_file_name("state");
    let _first = maglevd::choices::Choices::open(&state).unwrap();
    let state = state.to_str().unwrap();
    let arguments = ["--config", &config, "--state-dir", state, "--vpp-api-addr", ""];
    let rest = ["--grpc-addr", "", "--grpc-socket", "", "--metrics-addr", ""];
    let (code, _, errors) = outcome(&mut maglevd(&[&arguments[..], &rest[..]].concat()));
    assert_eq!(code, 1);
    assert!(errors.contains(&format!("--state-dir {state}: another maglevd")), "{errors}");
}
