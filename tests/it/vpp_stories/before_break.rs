//! The order in which servers come and go. Flows live in the simulator's own tests; here the calls are what counts.

use maglev_core::Command;
use maglev_core::health::State;
use maglev_core::model::Protocol;

use super::farm::{Farm, Mood};
use super::stage::{Stage, vip};
use super::vpp::Vpp;

fn head(farm: &Farm) -> String {
    format!(
        "
maglev:
  vpp:
    lb: {{ ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h,
          startup-min-delay: 300ms, startup-max-delay: 60s, new-flows-table-length: 1024 }}
  healthchecks:
    web: {{ type: http, port: {}, interval: 100ms, timeout: 20s, rise: 1, fall: 2 }}
",
        farm.port()
    )
}

fn pair(farm: &Farm, ams: u8) -> String {
    format!(
        "{}
  backends:
    ams: {{ address: {}, healthcheck: web }}
    fra: {{ address: {}, healthcheck: web }}
  frontends:
    www: {{ address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}}, fra: {{ weight: 50 }} }} }} ] }}
",
        head(farm),
        farm.address(ams),
        farm.address(2),
    )
}

pub async fn a_moved_backend_is_made_before_the_old_one_is_broken<V: Vpp>() {
    let mut farm = Farm::start(&[1, 2]).await;
    farm.feel(3, Mood::Silent).await;
    let mut stage = Stage::<V>::start(&pair(&farm, 1));
    stage.settled().await;
    stage.news();

    let done = stage.daemon.count("vpp-lb-sync-done");
    stage.daemon.reload(&pair(&farm, 3)).await;
    stage.daemon.until_told("vpp-lb-sync-done", done).await;
    let [old, fra, new] = [1, 2, 3].map(|host| farm.address(host));
    let held = stage.held().await;
    let weights = held.table.weights(vip("203.0.113.80", Protocol::TCP, 80));
    assert_eq!(weights[..2], [(old.to_string(), 100), (fra.to_string(), 50)], "nobody knows the new one yet");
    let at_once = stage.news();

    farm.feel(3, Mood::Well).await;
    stage.daemon.until_state("ams", State::Up).await;
    stage.settled().await;
    let known = stage.news();
    assert_eq!(
        [at_once, known].concat(),
        [
            format!("add-as 203.0.113.80 tcp/80 {new} weight 0"),
            format!("set-weight 203.0.113.80 tcp/80 {new} weight 100"),
            format!("del-as 203.0.113.80 tcp/80 {old} flush"),
        ]
    );
    stage.end().await;
}

pub async fn a_backend_that_goes_down_is_flushed_once<V: Vpp>() {
    let mut farm = Farm::start(&[1, 2, 3]).await;
    let [ams, fra, dr] = [1, 2, 3].map(|host| farm.address(host));
    let file = format!(
        "{}
  backends:
    ams: {{ address: {ams}, healthcheck: web }}
    fra: {{ address: {fra}, healthcheck: web }}
    dr: {{ address: {dr}, healthcheck: web }}
  frontends:
    pools: {{ address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}}, fra: {{}} }} }}, {{ name: fallback, backends: {{ dr: {{}} }} }} ] }}
    keeps: {{ address: 203.0.113.81, protocol: tcp, port: 80, flush-on-down: false, pools: [
      {{ name: primary, backends: {{ ams: {{}}, fra: {{}} }} }} ] }}
    alone: {{ address: 203.0.113.82, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}} }} }} ] }}
",
        head(&farm)
    );
    let mut stage = Stage::<V>::start(&file);
    stage.settled().await;
    stage.news();
    let set =
        |vip: u8, server, weight: &str| format!("set-weight 203.0.113.{vip} tcp/80 {server} weight {weight}");

    farm.kill(1).await;
    stage.daemon.until_state("ams", State::Down).await;
    stage.settled().await;
    // Flows with nowhere else to go are not helped by a flush.
    assert_eq!(stage.news(), [set(80, ams, "0 flush"), set(81, ams, "0"), set(82, ams, "0")]);

    for _ in 0..2 {
        let done = stage.daemon.count("vpp-lb-sync-done");
        stage.daemon.command(Command::Sync { frontend: None }).await;
        stage.daemon.until_told("vpp-lb-sync-done", done).await;
    }
    assert_eq!(stage.news(), Vec::<String>::new(), "a flush is not repeated");

    farm.feel(2, Mood::Failing).await;
    stage.daemon.until_state("fra", State::Down).await;
    stage.settled().await;
    assert_eq!(stage.news(), [set(80, dr, "100"), set(81, fra, "0"), set(80, fra, "0 flush")]);

    farm.feel(1, Mood::Well).await;
    stage.daemon.until_state("ams", State::Up).await;
    stage.settled().await;
    let news = stage.news();
    let of = |vip: u8| news.iter().filter(|line| line.contains(&format!("113.{vip} "))).collect::<Vec<_>>();
    assert_eq!(of(80), [&set(80, ams, "100"), &set(80, dr, "0")]);
    assert_eq!(of(81), [&set(81, ams, "100")], "its flows were meant to be kept");
    assert_eq!(of(82), [&set(82, ams, "100"), &"flush-vip 203.0.113.82 tcp/80".to_owned()]);
    stage.end().await;
}
