//! VPP dies, or the link to it breaks, while it is programmed for the first time.

use std::fmt::Write as _;

use super::stage::Stage;
use super::vpp::Vpp;
use crate::support::until::until;

const FRONTENDS: usize = 100;
const BACKENDS: usize = 20;

fn file() -> String {
    let mut yaml = "
maglev:
  vpp:
    lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h,
          startup-max-delay: 0s, new-flows-table-length: 1024 }
  backends:
"
    .to_owned();
    for backend in 0..BACKENDS {
        writeln!(yaml, "    b{backend:02}: {{ address: 198.51.100.{} }}", backend + 1).unwrap();
    }
    yaml.push_str("  frontends:\n");
    let all = |weight| (0..BACKENDS).map(move |backend| format!("b{backend:02}: {{ weight: {weight} }}"));
    for frontend in 0..FRONTENDS {
        let backends = all(1 + frontend % 3).collect::<Vec<_>>().join(", ");
        writeln!(
            yaml,
            "    f{frontend:02}: {{ address: 203.0.113.{}, protocol: tcp, port: 443, pools: [ {{ name: p, backends: {{ {backends} }} }} ] }}",
            frontend + 1,
        )
        .unwrap();
    }
    yaml
}

/// What makes a world from nothing: the settings, and per VIP its creation, its servers and one flush.
fn whole_programming() -> usize {
    1 + FRONTENDS * (1 + BACKENDS + 1)
}

async fn until_frames<V: Vpp>(stage: &Stage<V>, wanted: u64) {
    let look = async || {
        let frames = stage.relay.frames();
        if frames >= wanted { Ok(()) } else { Err(format!("{frames} frames")) }
    };
    until("enough calls are on their way", look).await;
}

pub async fn vpp_dies_during_the_first_programming<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file());
    stage.relay.brake_at(1_500);
    until_frames(&stage, 300).await;
    stage.vpp.kill();
    stage.relay.brake_at(u64::MAX);
    stage.restart_vpp();
    stage.settled().await;
    assert_eq!(stage.daemon.count("vpp-disconnect"), 1);

    // The new life was programmed whole and with nothing twice: each VIP in its stages, and none runs empty half-way.
    let received = stage.vpp.received();
    assert_eq!(received.writes.len(), whole_programming());
    for frontend in stage.daemon.config().frontends() {
        let of_vip = received.writes.iter().filter(|write| write.vip() == Some(frontend.vip));
        let of_vip: Vec<String> = of_vip.map(ToString::to_string).collect();
        assert_eq!(of_vip.len(), 1 + BACKENDS + 1, "{of_vip:#?}");
        assert!(of_vip[0].starts_with("add-vip"), "{of_vip:#?}");
        assert!(of_vip[1..=BACKENDS].iter().all(|line| line.starts_with("add-as")), "{of_vip:#?}");
        assert!(of_vip[BACKENDS + 1].starts_with("flush-vip"), "{of_vip:#?}");
    }
    stage.end().await;
}

/// What was on its way when the link broke was executed or was not; either way nothing is missing, nothing is done
/// twice, and every VIP is flushed after its last server, since flows that came before stick to the early ones.
pub async fn the_link_breaks_during_the_first_programming<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file());
    for frames in [40, 300, 700, 1_100, 1_500, 1_900] {
        stage.relay.brake_at(frames + 200);
        until_frames(&stage, frames).await;
        let found = stage.daemon.count("vpp-connect");
        stage.relay.cut();
        // The old connection may have come to the brake already, and a handshake is frames too.
        stage.relay.brake_at(stage.relay.frames() + 200);
        stage.relay.mend();
        stage.daemon.until_told("vpp-connect", found).await;
    }
    stage.relay.brake_at(u64::MAX);
    stage.settled().await;

    let received = stage.vpp.received();
    for frontend in stage.daemon.config().frontends() {
        let of_vip = received.writes.iter().filter(|write| write.vip() == Some(frontend.vip));
        let of_vip: Vec<String> = of_vip.map(ToString::to_string).collect();
        let count = |word: &str| of_vip.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("add-vip"), count("add-as")), (1, BACKENDS), "{of_vip:#?}");
        assert!(of_vip.last().unwrap().starts_with("flush-vip"), "{of_vip:#?}");
        assert_eq!(of_vip.len(), 1 + BACKENDS + count("flush-vip"), "{of_vip:#?}");
    }
    stage.end().await;
}

/// SIGTERM in the midst of it, and another daemon takes over.
pub async fn the_daemon_ends_during_the_first_programming<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file());
    for frames in [300, 900, 1_500] {
        stage.relay.brake_at(frames + 200);
        until_frames(&stage, frames).await;
        stage.restart_daemon(&file()).await;
    }
    stage.relay.brake_at(u64::MAX);
    stage.settled().await;
    let received = stage.vpp.received();
    let servers = received.writes.iter().filter(|write| write.server().is_some()).count();
    assert_eq!(servers, FRONTENDS * BACKENDS, "a server was added twice");
    stage.end().await;
}
