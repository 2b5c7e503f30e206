//! The wire to VPP: frames, messages, the client, and the server that plays VPP.

mod compat;
mod connection;
mod golden;
mod goodbye;
mod hazards;
mod mischief;
mod random;
mod recorded;
mod server;
mod stats;
mod verbose;
