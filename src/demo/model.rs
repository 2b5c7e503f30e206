//! The simulator's model of the lb plugin as the other side of a connection.

use maglev_core::model::{LbConf, Prefix, ServerRow, VipKey, VipRow, Write};
use maglev_sim::LbPlugin;

use crate::vpp::server::Plugin;

/// What `show_version` says.
const VERSION: &str = "26.10-simulated";

/// Somebody who holds a model and looks on while it works: the demo, a bench, a test.
pub trait Modelled: Send {
    /// The model.
    fn plugin(&self) -> &LbPlugin;

    /// Has the model carry out a write; returns VPP's return code.
    fn execute(&mut self, write: &Write) -> i32;

    /// The VIPs were dumped.
    fn vips_dumped(&self) {}

    /// Where the counters of a route are. The model has none, but whoever holds it may.
    fn place(&self, _prefix: Prefix) -> Option<u32> {
        None
    }
}

impl<T: Modelled> Plugin for T {
    fn write(&mut self, write: &Write) -> i32 {
        self.execute(write)
    }

    fn conf(&self) -> LbConf {
        self.plugin().conf()
    }

    fn vips(&self) -> Vec<VipRow> {
        self.vips_dumped();
        self.plugin().vips()
    }

    fn servers(&self, like: Option<VipKey>) -> Vec<ServerRow> {
        self.plugin().servers(like)
    }

    fn verbose(&self) -> String {
        self.plugin().verbose()
    }

    fn route(&self, prefix: Prefix) -> Option<u32> {
        self.place(prefix)
    }

    fn pid(&self) -> u32 {
        self.plugin().pid()
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }
}
