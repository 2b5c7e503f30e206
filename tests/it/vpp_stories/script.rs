//! The demo's script of events, and more: after every one VPP must hold exactly what is wanted.

use maglev_core::Command;
use maglev_core::health::State;
use maglev_core::model::{Encap, Protocol};

use super::farm::{Farm, Mood};
use super::stage::{Stage, vip};
use super::vpp::Vpp;

/// What the file says at the moment.
struct Plan {
    port: u16,
    hosts: [String; 6],
    www: &'static str,
    fra: u8,
    has_shop: bool,
    has_api: bool,
    six: bool,
    sticky: bool,
}

impl Plan {
    fn yaml(&self) -> String {
        let [ams, fra, lon, sto, prg, waw] = &self.hosts;
        let Self { port, www, fra: fra_weight, sticky, .. } = self;
        let api = "api: { address: '2001:db8:2::81', protocol: tcp, port: 443, pools: [ { name: p, backends: { prg: {}, waw: {} } } ] }";
        let shop = "shop: { address: 203.0.113.82, protocol: udp, port: 80, pools: [ { name: p, backends: { sto: {}, waw: { weight: 20 } } } ] }";
        let far = if self.six { "2001:db8:1::10" } else { "198.51.100.10" };
        let api = if self.has_api { api } else { "" };
        let shop = if self.has_shop { shop } else { "" };
        format!(
            "
maglev:
  vpp:
    lb: {{ ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h,
          startup-min-delay: 300ms, startup-max-delay: 30s, new-flows-table-length: 1024 }}
  healthchecks:
    web: {{ type: http, port: {port}, interval: 150ms, fast-interval: 100ms, timeout: 2s, rise: 2, fall: 2 }}
    tcp: {{ type: tcp, port: {port}, interval: 150ms, fast-interval: 100ms, timeout: 2s, rise: 1, fall: 2 }}
  backends:
    ams: {{ address: {ams}, healthcheck: web }}
    fra: {{ address: {fra}, healthcheck: web }}
    lon: {{ address: {lon}, healthcheck: tcp }}
    sto: {{ address: {sto}, healthcheck: tcp }}
    prg: {{ address: {prg}, healthcheck: web }}
    waw: {{ address: {waw}, healthcheck: web }}
    far: {{ address: '{far}' }}
  frontends:
    {www}: {{ address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}}, fra: {{ weight: {fra_weight} }}, lon: {{}} }} }},
      {{ name: fallback, backends: {{ sto: {{}} }} }} ] }}
    enc: {{ address: 203.0.113.90, protocol: tcp, port: 80, pools: [ {{ name: p, backends: {{ far: {{}} }} }} ] }}
    enc-tls: {{ address: 203.0.113.90, protocol: tcp, port: 443, pools: [ {{ name: p, backends: {{ far: {{ weight: 3 }} }} }} ] }}
    stk: {{ address: 203.0.113.91, src-ip-sticky: {sticky}, pools: [ {{ name: p, backends: {{ prg: {{}}, waw: {{}} }} }} ] }}
    {api}
    {shop}
"
        )
    }
}

/// The weights of `www` in the order of hosts: ams, fra, lon, sto.
async fn expect<V: Vpp>(stage: &mut Stage<V>, weights: [u8; 4]) {
    let held = stage.settled().await;
    let www = held.table.weights(vip("203.0.113.80", Protocol::TCP, 80));
    assert_eq!(www.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), weights);
}

pub async fn the_script_of_events_ends_as_wanted<V: Vpp>() {
    let mut farm = Farm::start(&[1, 2, 3, 4, 5, 6]).await;
    let hosts = [1, 2, 3, 4, 5, 6].map(|host| farm.address(host).to_string());
    let mut plan = Plan {
        port: farm.port(),
        hosts,
        www: "www",
        fra: 50,
        has_shop: false,
        has_api: true,
        six: false,
        sticky: false,
    };
    let mut stage = Stage::<V>::start(&plan.yaml());
    expect(&mut stage, [100, 50, 100, 0]).await;
    backends_come_and_go(&mut stage, &mut farm).await;
    files_are_reloaded(&mut stage, &mut plan).await;
    operators_have_wishes(&mut stage).await;
    the_link_drops(&mut stage, &mut farm).await;
    vpp_restarts(&mut stage, &mut farm).await;
    stage.end().await;
}

async fn backends_come_and_go<V: Vpp>(stage: &mut Stage<V>, farm: &mut Farm) {
    farm.kill(1).await;
    stage.daemon.until_state("ams", State::Down).await;
    expect(stage, [0, 50, 100, 0]).await;
    farm.feel(2, Mood::Failing).await;
    stage.daemon.until_state("fra", State::Down).await;
    expect(stage, [0, 0, 100, 0]).await;
    farm.kill(3).await;
    stage.daemon.until_state("lon", State::Down).await;
    expect(stage, [0, 0, 0, 100]).await;
    farm.kill(4).await;
    stage.daemon.until_state("sto", State::Down).await;
    expect(stage, [0, 0, 0, 0]).await;
    for (host, name) in [(4, "sto"), (1, "ams"), (2, "fra"), (3, "lon")] {
        farm.feel(host, Mood::Well).await;
        stage.daemon.until_state(name, State::Up).await;
    }
    expect(stage, [100, 50, 100, 0]).await;
}

async fn files_are_reloaded<V: Vpp>(stage: &mut Stage<V>, plan: &mut Plan) {
    plan.fra = 80;
    stage.daemon.reload(&plan.yaml()).await;
    expect(stage, [100, 80, 100, 0]).await;

    plan.has_shop = true;
    stage.daemon.reload(&plan.yaml()).await;
    assert_eq!(stage.settled().await.table.vips.len(), 6);

    stage.news();
    plan.www = "renamed";
    stage.daemon.reload(&plan.yaml()).await;
    expect(stage, [100, 80, 100, 0]).await;
    assert_eq!(stage.news(), Vec::<String>::new(), "a name is nothing to VPP");

    plan.six = true;
    stage.daemon.reload(&plan.yaml()).await;
    let held = stage.settled().await;
    assert_eq!(held.table.vips[&vip("203.0.113.90", Protocol::TCP, 443)].encap, Encap::Gre6);
    assert_eq!(stage.daemon.count("vpp-lb-vip-recreate"), 2);

    plan.sticky = true;
    stage.daemon.reload(&plan.yaml()).await;
    assert!(stage.settled().await.table.vips[&vip("203.0.113.91", Protocol::ANY, 0)].sticky);
    assert_eq!(stage.daemon.count("vpp-lb-vip-recreate"), 3);

    plan.has_api = false;
    stage.daemon.reload(&plan.yaml()).await;
    assert_eq!(stage.settled().await.table.vips.len(), 5);
}

async fn operators_have_wishes<V: Vpp>(stage: &mut Stage<V>) {
    let backend = || "fra".to_owned();
    stage.daemon.command(Command::Pause { backend: backend() }).await;
    expect(stage, [100, 0, 100, 0]).await;
    stage.daemon.command(Command::Resume { backend: backend() }).await;
    stage.daemon.until_state("fra", State::Up).await;
    expect(stage, [100, 80, 100, 0]).await;
    stage.daemon.command(Command::Disable { backend: backend() }).await;
    expect(stage, [100, 0, 100, 0]).await;
    stage.daemon.command(Command::Enable { backend: backend() }).await;
    stage.daemon.until_state("fra", State::Up).await;
    expect(stage, [100, 80, 100, 0]).await;
}

async fn the_link_drops<V: Vpp>(stage: &mut Stage<V>, farm: &mut Farm) {
    let (lost, found) = (stage.daemon.count("vpp-disconnect"), stage.daemon.count("vpp-connect"));
    stage.news();
    stage.relay.cut();
    stage.daemon.until_told("vpp-disconnect", lost).await;
    // A death at the moment when nobody can be told must not be lost.
    farm.kill(1).await;
    stage.daemon.until_state("ams", State::Down).await;
    assert_eq!(stage.news(), Vec::<String>::new());
    stage.relay.mend();
    stage.daemon.until_told("vpp-connect", found).await;
    expect(stage, [0, 80, 100, 0]).await;
    let ams = farm.address(1);
    assert_eq!(stage.news(), [format!("set-weight 203.0.113.80 tcp/80 {ams} weight 0 flush")]);
}

async fn vpp_restarts<V: Vpp>(stage: &mut Stage<V>, farm: &mut Farm) {
    let lost = stage.daemon.count("vpp-disconnect");
    stage.vpp.kill();
    stage.daemon.until_told("vpp-disconnect", lost).await;
    farm.feel(1, Mood::Well).await;
    stage.daemon.until_state("ams", State::Up).await;
    stage.restart_vpp();
    expect(stage, [100, 80, 100, 0]).await;

    stage.vpp.stop();
    stage.restart_vpp();
    expect(stage, [100, 80, 100, 0]).await;
    let restarted =
        stage.daemon.told().iter().filter(|event| event.to_string().contains("restarted=true")).count();
    assert_eq!(restarted, 2);
}
