//! The client against a real VPP with the lb plugin. Ignored unless asked for:
//!
//! ```sh
//! MAGLEV_VPP_BIN=… MAGLEV_VPP_PLUGINS=… cargo test --test it real_vpp -- --ignored
//! ```

mod calls;
mod chance;
mod draw;
mod life;
mod stats;
mod traffic;
mod twins;
