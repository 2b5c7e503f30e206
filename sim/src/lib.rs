//! The world that maglevd runs against in tests and in the demo.
//!
//! Depends on the core and on nothing that has a clock, a thread or a hash order of its own.

pub mod backends;
pub mod chance;
pub mod choices;
pub mod exhaustive;
pub mod hunt;
pub mod link;
pub mod matrix;
pub mod oracle;
pub mod plot;
pub mod replay;
pub mod script;
pub mod shrink;
pub mod story;
pub mod straight;
pub mod swarm;
pub mod twin;
pub mod vpp;
pub mod watch;
pub mod world;

pub use backends::Backends;
pub use link::Link;
pub use script::Scenario;
pub use straight::play;
pub use vpp::LbPlugin;
pub use world::{Configs, Report, Settings};
