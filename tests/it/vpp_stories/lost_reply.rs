//! VPP does what it was told, and nobody hears of it.

use maglev_core::Command;
use maglev_core::model::Weight;

use super::stage::{Stage, lines};
use super::vpp::Vpp;
use crate::support::until::until;

const FILE: &str = "
maglev:
  vpp:
    lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h,
          startup-max-delay: 0s, new-flows-table-length: 1024 }
  backends:
    ams: { address: 198.51.100.10 }
    fra: { address: 198.51.100.20 }
  frontends:
    www: { address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      { name: primary, backends: { ams: {}, fra: {} } } ] }
";

/// A changed weight was executed and is not sent again. A flush that nobody acknowledged is still owed.
pub async fn a_lost_reply_is_not_a_lost_call<V: Vpp>() {
    let mut stage = Stage::<V>::start(FILE);
    stage.settled().await;
    stage.news();
    let (found, late) = (stage.daemon.count("vpp-connect"), stage.daemon.count("vpp-call-timeout"));
    stage.relay.mute();
    let frontend = || "www".to_owned();
    let pool = || "primary".to_owned();
    let weight = Weight::new(30).unwrap();
    let backend = "ams".to_owned();
    let change = Command::SetWeight { frontend: frontend(), pool: pool(), backend, weight, flush: false };
    stage.daemon.command(change).await;
    stage.daemon.command(Command::Disable { backend: "fra".to_owned() }).await;
    let sent = [
        "set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 30",
        "set-weight 203.0.113.80 tcp/80 198.51.100.20 weight 0 flush",
    ];
    let look = async || match stage.vpp.received().lines_from(stage.seen()) {
        news if news == sent => Ok(()),
        news => Err(news.join("\n")),
    };
    until("VPP has executed both", look).await;
    stage.news();

    stage.daemon.until_told("vpp-call-timeout", late).await;
    stage.relay.unmute();
    stage.daemon.until_told("vpp-connect", found).await;
    stage.settled().await;
    assert_eq!(stage.news(), lines(&["set-weight 203.0.113.80 tcp/80 198.51.100.20 weight 0 flush"]));
    stage.daemon.stop().await;
    assert_eq!(stage.vpp.harm(), Vec::<String>::new());
}
