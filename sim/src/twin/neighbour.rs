//! One frontend more, which has nothing to do with the others: its own prefix, and a backend of its own that needs no
//! check, so that it is known from the start and never changes.
//!
//! With it comes a backend that is in no frontend and is probed: that must not move the probes of the others.

use core::net::IpAddr;

use maglev_core::config::{Draft, DraftBackend, DraftFrontend, DraftPool, DraftProtocol};

use super::Thread;
use crate::plot::Plot;

/// Names that nobody else has.
const NAMES: [&str; 3] = ["neighbour", "neighbour-server", "bystander"];

/// Who moves in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    /// The address of the frontend, of its server, and of the one in no frontend.
    addresses: Option<[IpAddr; 3]>,
    /// It stands before all others in the file.
    is_first: bool,
}

impl Neighbour {
    /// No one.
    pub(super) const NOBODY: Self = Self { addresses: None, is_first: false };

    /// Somebody whose addresses nobody uses; in key order before all others, or after them.
    pub(super) fn of(plot: &Plot) -> Option<Self> {
        let seed = plot.scenario.seed;
        let is_six = |draft: &Draft| draft.backends.iter().any(|(_, backend)| backend.address.is_ipv6());
        let is_six = plot.drafts.values().any(is_six);
        let server = |last: u8| -> IpAddr {
            if is_six {
                [0x2001, 0xdb8, 2, 0, 0, 0, 0, last.into()].into()
            } else {
                [198, 18, 0, last].into()
            }
        };
        let vip = if seed & 2 == 0 { [192, 0, 2, 250] } else { [223, 255, 254, 250] };
        let addresses = [vip.into(), server(1), server(2)];
        let text = format!("{:?} {:?}", plot.drafts, plot.scenario.events);
        let is_taken = |address: &IpAddr| text.contains(&address.to_string());
        let is_free = !addresses.iter().any(is_taken) && !NAMES.iter().any(|name| text.contains(name));
        is_free.then_some(Self { addresses: Some(addresses), is_first: seed & 1 == 0 })
    }

    /// Whether only the second telling knows of this.
    pub(super) fn owns(self, thread: Thread) -> bool {
        let Some([vip, server, bystander]) = self.addresses else { return false };
        match thread {
            // The settings go before the first write to any VIP, so also before the neighbour's.
            Thread::Vpp => true,
            Thread::Vip(key) => key.prefix.address == vip,
            Thread::Server(address) => address == server || address == bystander,
        }
    }

    /// Adds it to a configuration. One without frontends stays so: that it has none means something.
    pub(super) fn move_in(self, draft: &mut Draft) {
        let Some([vip, server, bystander]) = self.addresses else { return };
        let [frontend_name, server_name, bystander_name] = NAMES.map(str::to_owned);
        let check = draft.healthchecks.first().map(|(name, _)| name.clone());
        let backend = |address, healthcheck| DraftBackend { address, healthcheck, enabled: true };
        let at = |len: usize| if self.is_first { 0 } else { len };
        draft.backends.insert(at(draft.backends.len()), (bystander_name, backend(bystander, check)));
        draft.backends.insert(at(draft.backends.len()), (server_name.clone(), backend(server, None)));
        if draft.frontends.is_empty() {
            return;
        }
        let frontend = DraftFrontend {
            description: String::new(),
            address: vip,
            protocol: Some(DraftProtocol::Tcp),
            port: 80,
            src_ip_sticky: false,
            flush_on_down: true,
            pools: vec![DraftPool { name: "p".to_owned(), backends: vec![(server_name, 100)] }],
        };
        draft.frontends.insert(at(draft.frontends.len()), (frontend_name, frontend));
    }
}
