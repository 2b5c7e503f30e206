//! Births and deaths of the real VPP, as the client tells them.

use std::time::Duration;

use maglev_core::input::Disconnect;
use maglev_core::model::{Read, Reply};
use maglevd::vpp::UnixConnector;
use maglevd::vpp::ask::Ask;

use crate::support::until::within;
use crate::support::vpp_process::{Settings, VppProcess};
use crate::support::vpp_raw::Raw;
use crate::support::vpp_talk::Talk;

fn connector(vpp: &VppProcess) -> UnixConnector {
    UnixConnector { api: vpp.api_socket(), stats: Some(vpp.stats_socket()) }
}

/// A death is told at once; a new life has another pid and starts empty.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn a_killed_vpp_is_noticed_and_found_again() {
    let mut vpp = VppProcess::start();
    let mut talk = Talk::start(connector(&vpp));
    let first = talk.connect().await.unwrap();
    vpp.kill();
    let why = talk.end().await;
    assert!(why.contains("closed the connection") || why.contains("broke"), "{why}");

    let why = talk.connect().await.unwrap_err().to_string();
    assert!(why.contains("a stale socket: nobody listens"), "{why}");

    vpp.restart();
    let second = talk.connect().await.unwrap();
    assert_ne!(first.pid, second.pid);
    assert!(second.boot_time >= first.boot_time);
    assert_eq!(talk.call(Read::Vips).await, Reply::Vips(vec![]));

    vpp.stop();
    talk.end().await;
}

/// A VPP that stands still answers nothing and loses nothing: what was asked meanwhile is answered in order.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn a_frozen_vpp_answers_when_it_thaws() {
    let vpp = VppProcess::start();
    let mut talk = Talk::connected(connector(&vpp)).await;
    vpp.freeze();
    let mut calls = Vec::new();
    for _ in 0..500 {
        calls.push(talk.order(Read::Ping).await);
    }
    vpp.thaw();
    for call in calls {
        assert_eq!(talk.reply().await, (call, Reply::Done));
    }
}

/// Requests that VPP never read turn its death into ECONNRESET; it is a death all the same.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn a_death_with_unread_requests_is_a_death() {
    let mut vpp = VppProcess::start();
    let mut talk = Talk::connected(connector(&vpp)).await;
    vpp.freeze();
    for _ in 0..100 {
        talk.order(Read::Ping).await;
    }
    tokio::task::yield_now().await;
    vpp.kill();
    assert!(talk.end().await.contains("VPP"));
}

/// Without the plugin the words name the line that is missing in startup.conf.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn a_vpp_without_the_plugin_is_told_what_to_do() {
    let vpp = VppProcess::start_with(Settings { lb_plugin: false, ..Settings::default() });
    let mut talk = Talk::start(connector(&vpp));
    let why = talk.connect().await.unwrap_err();
    assert!(matches!(&why, Disconnect::Incompatible(text) if text.contains("lb_plugin.so")), "{why}");
}

/// Two clients at a time have indexes of their own, and a reconnect does not disturb the other.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn clients_do_not_hear_each_other() {
    let vpp = VppProcess::start();
    let mut one = Talk::connected(connector(&vpp)).await;
    let mut two = Talk::connected(connector(&vpp)).await;
    for _ in 0..3 {
        assert_eq!(one.call(Read::Ping).await, Reply::Done);
        two.disconnect().await;
        two.connect().await.unwrap();
        assert_eq!(two.call(Read::Vips).await, Reply::Vips(vec![]));
    }
    assert_eq!(one.counters.dropped() + two.counters.dropped(), 0);
}

/// How much some other client asks before it reads the first answer; more than its socket holds.
const QUESTIONS: usize = 40;

/// VPP overlooks the end of a stream after a send that did not fit, and 16 overlooked ends stop it (`docs/vpp.md`). We
/// say goodbye, so it answers however often we come and go.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn coming_and_going_does_not_stop_vpp() {
    let vpp = VppProcess::start_with(Settings { api_trace: false, ..Settings::default() });
    let story = async {
        let mut one = Talk::connected(connector(&vpp)).await;
        let mut late = Raw::connect(&vpp, "late").await;
        let question = Ask::CliInband { command: "show api message-table".to_owned() };
        let questions: Vec<_> = (0..QUESTIONS).map(|_| late.payload(&question)).collect();
        late.send_all(&questions).await;
        // VPP answers in order: by now it has said what did not fit.
        assert_eq!(one.call(Read::Ping).await, Reply::Done);
        for _ in 0..QUESTIONS {
            late.receive().await;
        }
        let mut two = Talk::start(connector(&vpp));
        for _ in 0..40 {
            two.connect().await.unwrap();
            two.disconnect().await;
        }
        one.call(Read::Ping).await
    };
    let reply = within(Duration::from_secs(30), story).await;
    assert_eq!(reply, Some(Reply::Done), "VPP stands still");
}
