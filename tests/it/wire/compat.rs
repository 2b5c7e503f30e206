//! What an operator reads when VPP is not the right one, or not there.

use std::os::unix::fs::PermissionsExt;

use maglev_core::input::Disconnect;
use maglevd::vpp::UnixConnector;
use maglevd::vpp::messages::Kind;
use maglevd::vpp::server::{Mischief, Offer, Options};

use crate::support::vpp_talk::Talk;
use crate::support::vpp_toy::{TOY_BOOT_TIME, TOY_PID, ToyConnector};

async fn why_not(offer: Offer) -> String {
    let options = Options { offer, ..Options::default() };
    match Talk::start(ToyConnector::with(options)).connect().await.unwrap_err() {
        Disconnect::Incompatible(why) => why,
        Disconnect::Link(why) => panic!("this should be an incompatibility: {why}"),
    }
}

#[tokio::test]
async fn the_handshake_tells_who_answers() {
    let mut connector = ToyConnector::new();
    connector.options.offer = Offer::current().shifted(300);
    connector.options.client_slot = 7;
    let vpp = Talk::start(connector).connect().await.unwrap();
    assert_eq!((vpp.version.as_str(), vpp.pid, vpp.boot_time), ("26.10-toy", TOY_PID, TOY_BOOT_TIME));
}

#[tokio::test]
async fn an_absent_plugin_is_told_with_its_remedy() {
    insta::assert_snapshot!(why_not(Offer::without_plugin()).await, @"the lb plugin is not loaded: add `plugin lb_plugin.so { enable }` to the plugins section of VPP's startup.conf and restart VPP");
}

#[tokio::test]
async fn an_old_release_is_told_with_what_it_lacks() {
    insta::assert_snapshot!(why_not(Offer::release_26_06()).await, @"the lb plugin of this VPP is too old: it lacks lb_conf_get, lb_add_del_as_v2, lb_as_set_weight, lb_as_v2_dump, which are there from release 26.10 on; earlier releases misread IPv4 prefixes and encapsulations, so maglevd does not write to them: upgrade VPP");
}

#[tokio::test]
async fn another_definition_is_told_by_name() {
    let offer = Offer::current().redefining(&[Kind::LbAddDelVipV2, Kind::LbVipDetails]);
    insta::assert_snapshot!(why_not(offer).await, @"this VPP is incompatible: it defines messages otherwise than maglevd knows them: lb_add_del_vip_v2_0badcafe instead of lb_add_del_vip_v2_7c520e0f, lb_vip_details_0badcafe instead of lb_vip_details_1329ec9b; use a maglevd that was made for this VPP");
}

#[tokio::test]
async fn a_missing_message_is_told_by_name() {
    insta::assert_snapshot!(why_not(Offer::current().lacking(&[Kind::LbFlushVip])).await, @"this VPP is incompatible: it lacks lb_flush_vip_1063f819; use release 26.10 or later");
}

/// `lb_as_dump` is not `lb_as_v2_dump`, and `lb_conf_get` is not `lb_conf`: names are compared whole.
#[tokio::test]
async fn a_longer_name_is_not_another_definition() {
    let why = why_not(Offer::current().lacking(&[Kind::LbConf])).await;
    insta::assert_snapshot!(why, @"this VPP is incompatible: it lacks lb_conf_56cd3261; use release 26.10 or later");
}

/// A refused client is a link to try again, not an incompatibility.
#[tokio::test]
async fn a_refused_client_tries_again() {
    let no = Mischief::Overwrite { frame: 1, at: 10, with: vec![0xff; 4] };
    let options = Options { mischief: vec![no], ..Options::default() };
    let why = Talk::start(ToyConnector::with(options)).connect().await.unwrap_err();
    assert!(matches!(why, Disconnect::Link(_)));
    insta::assert_snapshot!(why, @"VPP refused us as an API client (sockclnt_create_reply.response -1)");
}

/// The words name the socket and the remedy.
#[tokio::test]
async fn an_unreachable_socket_is_told_with_its_remedy() {
    let folder = std::env::temp_dir().join(format!("maglevt-compat-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let api = folder.join("api.sock");
    let mut talk = Talk::start(UnixConnector { api: api.clone(), stats: None });
    let mut story = Vec::new();
    story.push(talk.connect().await.unwrap_err().to_string());
    drop(std::os::unix::net::UnixListener::bind(&api).unwrap());
    story.push(talk.connect().await.unwrap_err().to_string());
    // Root may write everywhere, so this line is only told to others.
    std::fs::set_permissions(&api, std::fs::Permissions::from_mode(0o000)).unwrap();
    if !rustix::process::geteuid().is_root() {
        let why = talk.connect().await.unwrap_err().to_string();
        assert!(why.contains("add it to the group vpp"), "{why}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let story = story.join("\n").replace(folder.to_str().unwrap(), "/run/vpp");
    insta::assert_snapshot!(story, @r"
    cannot connect to VPP: /run/vpp/api.sock: No such file or directory (os error 2): is VPP running, and does its `socksvr` section name this path?
    cannot connect to VPP: /run/vpp/api.sock: Connection refused (os error 111): a stale socket: nobody listens, VPP stopped or is starting
    ");
}
