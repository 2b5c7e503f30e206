//! A VPP, a daemon, and the relay between them.

use maglev_core::model::{Prefix, Protocol, VipKey};
use maglev_core::warmup::Phase;

use super::daemon::Daemon;
use super::relay::Relay;
use super::table::{Held, Observer, Table};
use super::verbose;
use super::vpp::Vpp;
use crate::support::until::until;

pub struct Stage<V: Vpp> {
    pub daemon: Daemon,
    pub relay: Relay,
    pub vpp: V,
    observer: Observer,
    /// See [`Self::seen`].
    seen: usize,
}

impl<V: Vpp> Stage<V> {
    /// Starts everything, the daemon with a file of this text.
    pub fn start(yaml: &str) -> Self {
        Self::start_on(V::start(), yaml)
    }

    /// Starts everything on a VPP that runs already.
    pub fn start_on(vpp: V, yaml: &str) -> Self {
        let relay = Relay::start(&vpp.api_socket());
        let daemon = Daemon::start(yaml, relay.socket(), vpp.stats_socket());
        Self { daemon, relay, vpp, observer: Observer::default(), seen: 0 }
    }

    /// Waits until VPP holds exactly what is wanted and the daemon knows it; then VPP's text must tell the same.
    pub async fn settled(&mut self) -> Held {
        let look = async || {
            let view = self.daemon.view().await;
            let wanted = Table::wanted(self.daemon.config(), &view);
            let Some(held) = self.observer.look(self.vpp.api_socket()).await else {
                return Err("VPP cannot be reached, or is not at rest".to_owned());
            };
            let is_settled = view.in_sync && view.phase == Phase::Over && wanted == held.table;
            if is_settled { Ok(held) } else { Err(format!("WANTED {wanted}\nHELD {held}\n{view:#?}")) }
        };
        let held = until("VPP holds what is wanted", look).await;
        verbose::assert_tells(&self.vpp.verbose(), &held);
        held
    }

    /// How many writes of VPP's trace a story has looked at.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// What VPP holds now, wanted or not.
    pub async fn held(&mut self) -> Held {
        self.observer.look(self.vpp.api_socket()).await.expect("VPP can be reached and is at rest")
    }

    /// The lines of what VPP was sent since this was last asked.
    pub fn news(&mut self) -> Vec<String> {
        let lines = self.vpp.received().lines_from(self.seen);
        self.seen += lines.len();
        lines
    }

    /// kill -9 of VPP and a new process in its place.
    pub fn restart_vpp(&mut self) {
        self.vpp.kill();
        self.vpp.start_again();
        self.observer = Observer::default();
        self.seen = 0;
    }

    /// A new daemon in place of the old one, on the same VPP, which is not told.
    pub async fn restart_daemon(&mut self, yaml: &str) {
        assert_well(&self.daemon.stop().await);
        // What the relay still carries would reach a real VPP at once, or never.
        self.relay.cut();
        self.relay.mend();
        self.daemon = Daemon::start(yaml, self.relay.socket(), self.vpp.stats_socket());
    }

    /// Ends the daemon. In none of the stories may VPP refuse a call, lose one, or come to harm.
    pub async fn end(mut self) {
        assert_well(&self.daemon.stop().await);
        assert_eq!(self.vpp.harm(), Vec::<String>::new());
    }
}

fn assert_well(told: &[maglev_core::Event]) {
    const BAD: [&str; 5] = [
        "vpp-lb-call-refused",
        "vpp-call-timeout",
        "vpp-call-quarantined",
        "vpp-lb-out-of-sync",
        "vpp-incompatible",
    ];
    let bad: Vec<String> =
        told.iter().filter(|event| BAD.contains(&event.name())).map(ToString::to_string).collect();
    assert_eq!(bad, Vec::<String>::new());
}

/// A VIP of one address.
pub fn vip(address: &str, protocol: Protocol, port: u16) -> VipKey {
    VipKey { prefix: Prefix::host(address.parse().unwrap()), protocol, port }
}

/// The lines as one text, for `assert_eq!` to show well.
pub fn lines(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|line| (*line).to_owned()).collect()
}
