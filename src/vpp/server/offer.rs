//! Which messages a played VPP has, and under which ids.

use crate::vpp::messages::Kind;

/// The first id after the fixed ones in the build that `vpp-api.md` was written against.
const PLUGIN_BASE: u16 = 89;

/// Messages that every VPP lists and nobody here uses.
const OTHERS: [&str; 5] = [
    "memclnt_create_9c5e1c2f",
    "memclnt_keepalive_51077d14",
    "sw_interface_dump_aa610c27",
    "sw_interface_details_6c221fc7",
    "get_first_msg_id_ebf79a66",
];

/// Which messages there are.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    absent: Vec<Kind>,
    redefined: Vec<Kind>,
    more: Vec<&'static str>,
    shift: u16,
}

impl Offer {
    /// Release 26.10.
    pub fn current() -> Self {
        Self::default()
    }

    /// A VPP that has not loaded the lb plugin.
    pub fn without_plugin() -> Self {
        let absent = Kind::ALL.into_iter().filter(|kind| kind.is_of_plugin()).collect();
        Self { absent, ..Self::default() }
    }

    /// Release 26.06: no `lb_conf_get`, no weights.
    pub fn release_26_06() -> Self {
        let absent = vec![
            Kind::LbConfGet,
            Kind::LbConfGetReply,
            Kind::LbAddDelAsV2,
            Kind::LbAddDelAsV2Reply,
            Kind::LbAsSetWeight,
            Kind::LbAsSetWeightReply,
            Kind::LbAsV2Dump,
            Kind::LbAsV2Details,
        ];
        let more = vec![
            "lb_add_del_as_35d72500",
            "lb_add_del_as_reply_e8d4e804",
            "lb_as_dump_1063f819",
            "lb_as_details_8d24c29e",
        ];
        Self { absent, more, ..Self::default() }
    }

    /// Without these.
    pub fn lacking(mut self, kinds: &[Kind]) -> Self {
        self.absent.extend_from_slice(kinds);
        self
    }

    /// With another definition of these.
    pub fn redefining(mut self, kinds: &[Kind]) -> Self {
        self.redefined.extend_from_slice(kinds);
        self
    }

    /// With other ids, as after a restart with another set of plugins.
    pub fn shifted(mut self, by: u16) -> Self {
        self.shift = by;
        self
    }

    /// The id of a message, present or not.
    pub fn id(&self, kind: Kind) -> u16 {
        match kind {
            Kind::SockclntCreate => 15,
            Kind::SockclntCreateReply => 16,
            Kind::SockclntDelete => 17,
            Kind::SockclntDeleteReply => 18,
            Kind::ControlPing => 23,
            Kind::ControlPingReply => 24,
            Kind::ShowVersion
            | Kind::ShowVersionReply
            | Kind::CliInband
            | Kind::CliInbandReply
            | Kind::LbConf
            | Kind::LbConfReply
            | Kind::LbConfGet
            | Kind::LbConfGetReply
            | Kind::LbAddDelVipV2
            | Kind::LbAddDelVipV2Reply
            | Kind::LbAddDelAsV2
            | Kind::LbAddDelAsV2Reply
            | Kind::LbAsSetWeight
            | Kind::LbAsSetWeightReply
            | Kind::LbFlushVip
            | Kind::LbFlushVipReply
            | Kind::LbVipDump
            | Kind::LbVipDetails
            | Kind::LbAsV2Dump
            | Kind::LbAsV2Details
            | Kind::IpRouteLookupV2
            | Kind::IpRouteLookupV2Reply => PLUGIN_BASE.wrapping_add(self.shift).wrapping_add(kind as u16),
        }
    }

    /// What a request with this id means here.
    pub fn request(&self, id: u16) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| {
            !kind.is_answer()
                && self.id(*kind) == id
                && !self.absent.contains(kind)
                && !self.redefined.contains(kind)
        })
    }

    /// The message table, in an order that has nothing to do with the ids.
    pub fn listed(&self) -> Vec<(u16, String)> {
        let ours = Kind::ALL.into_iter().filter(|kind| !self.absent.contains(kind)).map(|kind| {
            let key =
                if self.redefined.contains(&kind) { format!("{}_0badcafe", kind.name()) } else { kind.key() };
            (self.id(kind), key)
        });
        let others = OTHERS.iter().chain(&self.more).zip(900..).map(|(key, id)| (id, (*key).to_owned()));
        let mut listed: Vec<_> = ours.chain(others).collect();
        listed.sort_by(|(_, a), (_, b)| a.bytes().rev().cmp(b.bytes().rev()));
        listed
    }
}
