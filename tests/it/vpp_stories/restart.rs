//! The daemon is restarted, and VPP is not.

use maglev_core::health::State;
use maglev_core::model::Protocol;

use super::farm::Farm;
use super::stage::{Stage, vip};
use super::vpp::Vpp;
use crate::support::until::until;

/// Host 3 is dead, for ever.
fn file(farm: &Farm) -> String {
    format!(
        "
maglev:
  vpp:
    lb: {{ ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1s,
          startup-min-delay: 400ms, startup-max-delay: 30s, new-flows-table-length: 1024 }}
  healthchecks:
    web: {{ type: http, port: {}, interval: 150ms, timeout: 2s, rise: 2, fall: 2 }}
  backends:
    ams: {{ address: {}, healthcheck: web }}
    fra: {{ address: {}, healthcheck: web }}
    dead: {{ address: {}, healthcheck: web }}
    six: {{ address: '2001:db8:1::10' }}
  frontends:
    www: {{ address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}}, dead: {{}} }} }}, {{ name: fallback, backends: {{ fra: {{}} }} }} ] }}
    tls: {{ address: 203.0.113.80, protocol: tcp, port: 443, src-ip-sticky: true, pools: [
      {{ name: primary, backends: {{ dead: {{}} }} }}, {{ name: fallback, backends: {{ fra: {{ weight: 9 }} }} }} ] }}
    none: {{ address: 203.0.113.81, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ dead: {{}} }} }} ] }}
    six: {{ address: '2001:db8:2::80', pools: [ {{ name: primary, backends: {{ six: {{}} }} }} ] }}
",
        farm.port(),
        farm.address(1),
        farm.address(2),
        farm.address(3),
    )
}

pub async fn a_restart_of_the_daemon_writes_nothing<V: Vpp>() {
    let farm = Farm::start(&[1, 2]).await;
    let file = file(&farm);
    let mut stage = Stage::<V>::start(&file);
    let before = stage.settled().await;
    let [ams, fra, dead] = [1, 2, 3].map(|host| farm.address(host).to_string());
    let www = vip("203.0.113.80", Protocol::TCP, 80);
    assert_eq!(before.table.weights(www), [(ams, 100), (fra, 0), (dead, 0)]);
    assert!(!stage.news().is_empty());

    for _ in 0..2 {
        stage.restart_daemon(&file).await;
        stage.daemon.until_state("dead", State::Down).await;
        assert_eq!(stage.settled().await, before);
        assert_eq!(stage.daemon.count("vpp-lb-warmup-release"), 4);
        // The first drift check after warm-up may delete strangers and looks at everything: it must be over, too.
        let dumps = stage.vpp.received().vip_dumps;
        let look = async || match stage.vpp.received().vip_dumps {
            now if now >= dumps + 2 => Ok(()),
            now => Err(format!("{now} dumps")),
        };
        until("two drift checks have looked at VPP", look).await;
        stage.settled().await;
        assert_eq!(stage.news(), Vec::<String>::new(), "VPP was written to");
    }
    stage.end().await;
}
