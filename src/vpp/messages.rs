//! The messages that we use: their names, and the CRCs of the definitions that we were written against.
//!
//! A CRC covers the definition and its nested types, so an equal CRC means an equal layout. It does not mean an
//! equal meaning: releases up to 26.06 have the same CRCs and broken handlers (see `docs/vpp.md`).

/// A message that we use. The order is that of our own list, not of anybody's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The first request on every connection; its id is 15 everywhere.
    SockclntCreate,
    /// Carries the message table; its id is 16 everywhere.
    SockclntCreateReply,
    /// Says goodbye. VPP works without it, and so do we.
    SockclntDelete,
    /// Says that VPP closes the connection.
    SockclntDeleteReply,
    /// Asks for nothing, and ends a dump.
    ControlPing,
    /// Carries VPP's pid.
    ControlPingReply,
    /// Asks for the release.
    ShowVersion,
    /// Carries the release.
    ShowVersionReply,
    /// One line for the debug CLI.
    CliInband,
    /// What the CLI printed.
    CliInbandReply,
    /// Sets the plugin's global settings.
    LbConf,
    /// Return code.
    LbConfReply,
    /// Asks for the plugin's global settings. Present from 26.10 on, in the very commit that repaired the handlers.
    LbConfGet,
    /// The plugin's global settings.
    LbConfGetReply,
    /// Adds or deletes a VIP.
    LbAddDelVipV2,
    /// Return code.
    LbAddDelVipV2Reply,
    /// Adds or deletes an application server.
    LbAddDelAsV2,
    /// Return code.
    LbAddDelAsV2Reply,
    /// Changes the weight of an application server.
    LbAsSetWeight,
    /// Return code.
    LbAsSetWeightReply,
    /// Forgets the flows of a VIP.
    LbFlushVip,
    /// Return code; always 0.
    LbFlushVipReply,
    /// Asks for all VIPs.
    LbVipDump,
    /// One VIP.
    LbVipDetails,
    /// Asks for application servers.
    LbAsV2Dump,
    /// One application server.
    LbAsV2Details,
    /// Asks for one route, by exactly its prefix. Without it there are no counters of routes.
    IpRouteLookupV2,
    /// The route, with the index of its counters.
    IpRouteLookupV2Reply,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::SockclntCreate,
        Self::SockclntCreateReply,
        Self::SockclntDelete,
        Self::SockclntDeleteReply,
        Self::ControlPing,
        Self::ControlPingReply,
        Self::ShowVersion,
        Self::ShowVersionReply,
        Self::CliInband,
        Self::CliInbandReply,
        Self::LbConf,
        Self::LbConfReply,
        Self::LbConfGet,
        Self::LbConfGetReply,
        Self::LbAddDelVipV2,
        Self::LbAddDelVipV2Reply,
        Self::LbAddDelAsV2,
        Self::LbAddDelAsV2Reply,
        Self::LbAsSetWeight,
        Self::LbAsSetWeightReply,
        Self::LbFlushVip,
        Self::LbFlushVipReply,
        Self::LbVipDump,
        Self::LbVipDetails,
        Self::LbAsV2Dump,
        Self::LbAsV2Details,
        Self::IpRouteLookupV2,
        Self::IpRouteLookupV2Reply,
    ];

    /// Name and CRC.
    const fn definition(self) -> (&'static str, &'static str) {
        match self {
            Self::SockclntCreate => ("sockclnt_create", "455fb9c4"),
            Self::SockclntCreateReply => ("sockclnt_create_reply", "35166268"),
            Self::SockclntDelete => ("sockclnt_delete", "8ac76db6"),
            Self::SockclntDeleteReply => ("sockclnt_delete_reply", "8f38b1ee"),
            Self::ControlPing => ("control_ping", "51077d14"),
            Self::ControlPingReply => ("control_ping_reply", "f6b0b8ca"),
            Self::ShowVersion => ("show_version", "51077d14"),
            Self::ShowVersionReply => ("show_version_reply", "c919bde1"),
            Self::CliInband => ("cli_inband", "f8377302"),
            Self::CliInbandReply => ("cli_inband_reply", "05879051"),
            Self::LbConf => ("lb_conf", "56cd3261"),
            Self::LbConfReply => ("lb_conf_reply", "e8d4e804"),
            Self::LbConfGet => ("lb_conf_get", "51077d14"),
            Self::LbConfGetReply => ("lb_conf_get_reply", "923427ac"),
            Self::LbAddDelVipV2 => ("lb_add_del_vip_v2", "7c520e0f"),
            Self::LbAddDelVipV2Reply => ("lb_add_del_vip_v2_reply", "e8d4e804"),
            Self::LbAddDelAsV2 => ("lb_add_del_as_v2", "2f1d3b0e"),
            Self::LbAddDelAsV2Reply => ("lb_add_del_as_v2_reply", "e8d4e804"),
            Self::LbAsSetWeight => ("lb_as_set_weight", "2d89bdbd"),
            Self::LbAsSetWeightReply => ("lb_as_set_weight_reply", "e8d4e804"),
            Self::LbFlushVip => ("lb_flush_vip", "1063f819"),
            Self::LbFlushVipReply => ("lb_flush_vip_reply", "e8d4e804"),
            Self::LbVipDump => ("lb_vip_dump", "56110cb7"),
            Self::LbVipDetails => ("lb_vip_details", "1329ec9b"),
            Self::LbAsV2Dump => ("lb_as_v2_dump", "1063f819"),
            Self::LbAsV2Details => ("lb_as_v2_details", "90064aae"),
            Self::IpRouteLookupV2 => ("ip_route_lookup_v2", "710d6471"),
            Self::IpRouteLookupV2Reply => ("ip_route_lookup_v2_reply", "84cc9e03"),
        }
    }

    /// The name in VPP's API.
    pub const fn name(self) -> &'static str {
        self.definition().0
    }

    /// The CRC, eight lower-case hex digits.
    pub const fn crc(self) -> &'static str {
        self.definition().1
    }

    /// The key in VPP's message table.
    pub fn key(self) -> String {
        format!("{}_{}", self.name(), self.crc())
    }

    /// The id that is the same in every VPP, where there is one: that of the handshake.
    pub const fn fixed_id(self) -> Option<u16> {
        if matches!(self, Self::SockclntCreate) {
            Some(15)
        } else if matches!(self, Self::SockclntCreateReply) {
            Some(16)
        } else {
            None
        }
    }

    /// Whether the lb plugin brings it.
    pub fn is_of_plugin(self) -> bool {
        self.name().starts_with("lb_")
    }

    /// Whether a VPP without it cannot be worked with.
    pub const fn is_needed(self) -> bool {
        !matches!(
            self,
            Self::SockclntDelete
                | Self::SockclntDeleteReply
                | Self::IpRouteLookupV2
                | Self::IpRouteLookupV2Reply
        )
    }

    /// Whether VPP says it, rather than a client.
    pub fn is_answer(self) -> bool {
        self.name().ends_with("_reply") || self.name().ends_with("_details")
    }

    /// The kind of the message that answers this request. A dump is answered by details.
    pub const fn answered_by(self) -> Option<Self> {
        match self {
            Self::SockclntCreate => Some(Self::SockclntCreateReply),
            Self::SockclntDelete => Some(Self::SockclntDeleteReply),
            Self::ControlPing => Some(Self::ControlPingReply),
            Self::ShowVersion => Some(Self::ShowVersionReply),
            Self::CliInband => Some(Self::CliInbandReply),
            Self::LbConf => Some(Self::LbConfReply),
            Self::LbConfGet => Some(Self::LbConfGetReply),
            Self::LbAddDelVipV2 => Some(Self::LbAddDelVipV2Reply),
            Self::LbAddDelAsV2 => Some(Self::LbAddDelAsV2Reply),
            Self::LbAsSetWeight => Some(Self::LbAsSetWeightReply),
            Self::LbFlushVip => Some(Self::LbFlushVipReply),
            Self::LbVipDump => Some(Self::LbVipDetails),
            Self::LbAsV2Dump => Some(Self::LbAsV2Details),
            Self::IpRouteLookupV2 => Some(Self::IpRouteLookupV2Reply),
            Self::SockclntCreateReply
            | Self::SockclntDeleteReply
            | Self::ControlPingReply
            | Self::ShowVersionReply
            | Self::CliInbandReply
            | Self::LbConfReply
            | Self::LbConfGetReply
            | Self::LbAddDelVipV2Reply
            | Self::LbAddDelAsV2Reply
            | Self::LbAsSetWeightReply
            | Self::LbFlushVipReply
            | Self::LbVipDetails
            | Self::LbAsV2Details
            | Self::IpRouteLookupV2Reply => None,
        }
    }
}
