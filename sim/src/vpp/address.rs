//! Addresses as the plugin keeps them: 16 bytes for both families, IPv4 in the last four.
//!
//! Hence its oddities: any IPv6 address inside `::/96` is taken for an IPv4 one, and a short prefix of zeros is
//! shown as one.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maglev_core::model::{Prefix, Protocol, VipKey};

/// An address of either family. Ordered as VPP compares its 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ip46(pub(super) u128);

impl Ip46 {
    pub(super) fn is_ip4(self) -> bool {
        self.0 >> 32 == 0
    }
}

impl From<IpAddr> for Ip46 {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(u32::from(v4).into()),
            IpAddr::V6(v6) => Self(v6.into()),
        }
    }
}

impl From<Ip46> for IpAddr {
    /// As VPP encodes it for a dump.
    fn from(address: Ip46) -> Self {
        match u32::try_from(address.0) {
            Ok(v4) => Self::V4(Ipv4Addr::from(v4)),
            Err(_) => Self::V6(Ipv6Addr::from(address.0)),
        }
    }
}

/// A prefix as VPP stores it: masked, and an IPv4 length counts the 96 bits before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix46 {
    pub(super) address: Ip46,
    pub(super) len: u8,
}

impl Prefix46 {
    pub(super) fn is_ip4(self) -> bool {
        self.len >= 96 && self.address.is_ip4()
    }

    /// As `lb_vip_dump` shows it. `::/len` below 96 comes out as `0.0.0.0/len`.
    pub(super) fn shown(self) -> Prefix {
        Prefix { address: self.address.into(), len: if self.is_ip4() { self.len - 96 } else { self.len } }
    }

    /// The prefix of `len` bits around `address`.
    pub(super) fn around(address: Ip46, len: u8) -> Self {
        let mask = u128::MAX.checked_shl(128u32.saturating_sub(len.into())).unwrap_or(0);
        Self { address: Ip46(address.0 & mask), len }
    }
}

impl From<Prefix> for Prefix46 {
    fn from(prefix: Prefix) -> Self {
        let offset = if prefix.address.is_ipv4() { 96 } else { 0 };
        Self::around(prefix.address.into(), prefix.len.wrapping_add(offset))
    }
}

/// What a VIP is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) prefix: Prefix46,
    pub(super) protocol: u8,
    pub(super) port: u16,
}

impl Key {
    pub(super) fn shown(self) -> VipKey {
        VipKey { prefix: self.prefix.shown(), protocol: Protocol(self.protocol), port: self.port }
    }
}

impl From<VipKey> for Key {
    /// Port 0 forces protocol 255, whatever was said.
    fn from(vip: VipKey) -> Self {
        let protocol = if vip.is_all_port() { Protocol::ANY.0 } else { vip.protocol.0 };
        Self { prefix: vip.prefix.into(), protocol, port: vip.port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(address: &str, len: u8) -> Prefix {
        Prefix { address: address.parse().unwrap(), len }
    }

    /// What is shown is not always what was added; `vpp-api.md` section 4.2.
    #[test]
    fn zeros_are_shown_as_ipv4_and_host_bits_are_masked() {
        let shown = |address, len| Prefix46::from(prefix(address, len)).shown();
        assert_eq!(shown("192.0.2.77", 24), prefix("192.0.2.0", 24));
        assert_eq!(shown("2001:db8::77", 64), prefix("2001:db8::", 64));
        assert_eq!(shown("::1", 128), prefix("0.0.0.1", 32));
        assert_eq!(shown("::", 0), prefix("0.0.0.0", 0));
        assert_eq!(shown("::", 64), prefix("0.0.0.0", 64));
    }
}
