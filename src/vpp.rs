//! Speaks VPP's binary API over its Unix socket: the daemon's half, and the other half for the demo and the tests.
//!
//! ```text
//!  Order ──► client::run ──► session ──► ask ──► frame ──► api.sock ──► VPP, or server::serve
//!  Input ◄──                          ◄── answer ◄──
//! ```
//!
//! What a reader would get wrong: VPP answers nothing at all to what it does not understand, so nothing in here
//! waits with a limit of its own. The engine owns the deadlines; it sends [`Order::Disconnect`] when one passes.

pub mod answer;
pub mod ask;
pub mod client;
pub mod codec;
pub mod error;
pub mod frame;
mod handshake;
pub mod inquiry;
pub mod lb;
pub mod messages;
mod parting;
pub mod server;
mod session;
pub mod stats;
pub mod table;
pub mod unix;
pub mod verbose;
mod waiting;

pub use client::{Connector, Counters, Order, run, run_counted};
pub use error::VppError;
pub use unix::UnixConnector;

/// Names of the messages without which a connection is given up, but for those of every VPP.
pub fn needed_messages() -> impl Iterator<Item = &'static str> {
    let plugin =
        messages::Kind::ALL.into_iter().filter(|message| message.is_of_plugin() && !message.is_answer());
    plugin.map(messages::Kind::name)
}
