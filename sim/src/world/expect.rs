//! Whether the facts of an expectation are true now.

use core::fmt::Debug;
use core::net::IpAddr;
use std::collections::BTreeMap;

use maglev_core::Engine;
use maglev_core::config::Strangers;
use maglev_core::engine::FrontendView;
use maglev_core::model::VipKey;

use super::World;
use crate::script::{Facts, Who};

impl World {
    /// What is not as expected, in words.
    pub(super) fn unmet(&self, facts: &Facts, engine: Option<&Engine>) -> Result<Vec<String>, String> {
        let mut unmet = Vec::new();
        let tally = self.link.tally();
        differs(&mut unmet, "writes", facts.writes, &tally.writes);
        differs(&mut unmet, "refused", facts.refused, &tally.refused);
        differs(&mut unmet, "flows-moved", facts.flows_moved, &self.traffic.moved);
        differs(&mut unmet, "packets-dropped", facts.packets_dropped, &self.traffic.dropped);
        for (fact, strict) in [(facts.in_sync, true), (facts.settled, false)] {
            let Some(wanted) = fact else { continue };
            let differences = match engine {
                Some(engine) => self.differences(engine, strict),
                None => vec!["maglevd is not running".to_owned()],
            };
            match (wanted, differences.is_empty()) {
                (true, false) => unmet.push(format!("not in sync: {}", differences.join("; "))),
                (false, true) => unmet.push("in sync, which was not expected".into()),
                (true, true) | (false, false) => (),
            }
        }
        let is_told = |name: &&String| self.told.contains(name.as_str());
        unmet.extend(
            facts.told.iter().filter(|name| !is_told(name)).map(|name| format!("{name} was not told")),
        );
        unmet.extend(facts.not_told.iter().filter(is_told).map(|name| format!("{name} was told")));
        for (frontend, backends) in &facts.weights {
            self.compare_weights(frontend, backends, &mut unmet)?;
        }
        Ok(unmet)
    }

    fn compare_weights(
        &self,
        frontend: &str,
        backends: &BTreeMap<String, i16>,
        unmet: &mut Vec<String>,
    ) -> Result<(), String> {
        let held = self.held(self.vip(frontend)?).unwrap_or_default();
        for (backend, wanted) in backends {
            let address = self.address(&Who::parse(backend))?;
            let weight = held.get(&address).map_or(-1, |weight| i16::from(*weight));
            if weight != *wanted {
                unmet.push(format!("weight of {backend} in {frontend} is {weight}, expected {wanted}"));
            }
        }
        Ok(())
    }

    /// The weights of a VIP in VPP by address; `None` if it is not there.
    fn held(&self, vip: VipKey) -> Option<BTreeMap<IpAddr, u8>> {
        let plugin = self.link.plugin()?;
        plugin.vips().iter().find(|row| row.vip == vip)?;
        let rows = plugin.weights(vip);
        Some(rows.into_iter().map(|(address, weight)| (address, weight.value())).collect())
    }

    /// VIPs in VPP that no frontend names, where they are to be removed.
    pub(super) fn strangers(&self, engine: &Engine) -> Vec<String> {
        let Some(plugin) = self.link.plugin() else { return Vec::new() };
        let may_go = !engine.frontends().is_empty() || self.emptied;
        if engine.config().lb().strangers == Strangers::Keep || !may_go {
            return Vec::new();
        }
        let is_ours = |vip: VipKey| engine.frontends().find(vip).is_some();
        // What has an encapsulation that we never make is left alone.
        let rows = plugin.vips().into_iter().filter(|row| !is_ours(row.vip) && row.encap.is_ours());
        rows.map(|row| format!("{} is a stranger", row.vip)).collect()
    }

    /// How VPP differs from what the engine wants; both sides are looked at directly, not through its picture.
    pub(super) fn differences(&self, engine: &Engine, strict: bool) -> Vec<String> {
        self.differences_of(engine, strict, &|_| true)
    }

    /// The same of some VIPs only.
    pub(super) fn differences_of(
        &self,
        engine: &Engine,
        strict: bool,
        is_judged: &dyn Fn(VipKey) -> bool,
    ) -> Vec<String> {
        let view = engine.view();
        let mut differences = Vec::new();
        let says =
            |frontend: &&FrontendView| (strict || frontend.out_of_sync.is_none()) && is_judged(frontend.vip);
        for frontend in view.frontends.iter().filter(says) {
            let Some(held) = self.held(frontend.vip) else {
                differences.push(format!("{} is not in VPP", frontend.name));
                continue;
            };
            let wanted: BTreeMap<IpAddr, u8> = frontend
                .servers
                .iter()
                .filter_map(|server| Some((server.address, server.wanted?.value())))
                .collect();
            if held != wanted {
                differences.push(format!("{} holds {held:?}, wanted {wanted:?}", frontend.name));
            }
        }
        let wanted = engine.config().lb().conf.filter(|_| !view.frontends.is_empty());
        let said = engine.dataplane().conf_trouble().is_some()
            || view.frontends.iter().any(|frontend| frontend.out_of_sync.is_some());
        let is_said = !strict && said;
        if wanted.is_some() && self.link.plugin().map(crate::vpp::LbPlugin::conf) != wanted && !is_said {
            differences.push("lb conf differs".into());
        }
        differences
    }
}

fn differs<T: PartialEq + Debug>(unmet: &mut Vec<String>, what: &str, wanted: Option<T>, is: &T) {
    if let Some(wanted) = wanted
        && wanted != *is
    {
        unmet.push(format!("{what} is {is:?}, expected {wanted:?}"));
    }
}
