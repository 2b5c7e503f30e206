//! Looks at parts of the engine, for those who may look at a little at a time only, as metrics must.
//!
//! Each takes time for what it returns alone, so a large site is read in several questions. What changes between two of
//! them is seen as it is at each; positions are slots and keys, which no change moves.

use crate::backend::Backend;
use crate::frontend::Frontend;
use crate::input::VppProcess;
use crate::model::VipKey;
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;

impl Engine {
    /// The backends from `slot` on, ascending by slot.
    pub fn backends_from(&self, slot: u32) -> impl Iterator<Item = (u32, &Backend)> {
        let slots = self.slots.get(slot as usize..).unwrap_or_default();
        slots.iter().zip(slot..).filter_map(|(backend, slot)| Some((slot, backend.as_ref()?)))
    }

    /// The frontends behind `vip`, or all with `None`, ascending by key.
    pub fn frontends_after(&self, vip: Option<VipKey>) -> impl Iterator<Item = &Frontend> {
        let list = self.frontends.list();
        let start = vip.map_or(0, |vip| list.partition_point(|frontend| frontend.vip() <= vip));
        list[start..].iter()
    }

    /// Where warm-up stands.
    pub fn phase(&self) -> Phase {
        self.warmup.phase()
    }

    /// The VPP process that is connected.
    pub fn connected_vpp(&self) -> Option<&VppProcess> {
        self.dataplane.process().filter(|_| self.dataplane.is_connected())
    }

    /// Whether VPP is connected and all of it was read.
    pub fn has_picture(&self) -> bool {
        self.dataplane.has_picture()
    }

    /// Whether nothing is under way to VPP, or due.
    pub fn is_quiet(&self) -> bool {
        self.dataplane.is_quiet()
    }

    /// Frontends that VPP refuses, since when, and why. Looks at all VIPs.
    pub fn out_of_sync(&self) -> impl Iterator<Item = (VipKey, Instant, &str)> {
        self.dataplane.out_of_sync()
    }

    /// How long the verbose text of VPP may be, in bytes; `None` if more than VPP can hand out without danger, or
    /// unknown. Looks at all VIPs.
    pub fn verbose_bytes(&self) -> Option<usize> {
        self.dataplane.has_picture().then(|| self.dataplane.verbose_bytes())?
    }
}
