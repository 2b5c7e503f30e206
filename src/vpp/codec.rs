//! Reading and writing the fields of a message. Every offset is checked; nothing here can panic on foreign bytes.
//!
//! Big endian and packed, with VPP's exceptions named where they occur.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maglev_core::model::{Encap, LbConf, Prefix, Protocol, VipKey};

use crate::vpp::error::{Malformed, Problem};
use crate::vpp::messages::Kind;

/// Walks over one payload.
#[derive(Debug)]
pub struct Reader<'a> {
    message: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `payload`, which is the message called `message`.
    pub fn new(message: &'static str, payload: &'a [u8]) -> Self {
        Self { message, bytes: payload, at: 0 }
    }

    /// The next `need` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn bytes(&mut self, field: &'static str, need: usize) -> Result<&'a [u8], Malformed> {
        let have = self.bytes.len().saturating_sub(self.at);
        let end = self.at.checked_add(need);
        let Some(found) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(self.malformed(field, Problem::Short { need, have }));
        };
        self.at += need;
        Ok(found)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(field, N)?;
        Ok(bytes.try_into().expect("`bytes` returns exactly as many as it was asked for"))
    }

    /// A byte.
    ///
    /// # Errors
    /// When none is left; the same holds for all that follow.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        Ok(self.array::<1>(field)?[0])
    }

    /// A `bool`: VPP takes every value but zero for true.
    pub fn bool(&mut self, field: &'static str) -> Result<bool, Malformed> {
        Ok(self.u8(field)? != 0)
    }

    /// A big-endian number.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// A big-endian number.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// A big-endian number.
    pub fn i32(&mut self, field: &'static str) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array(field)?))
    }

    /// A NUL-padded string of `len` bytes. What is not UTF-8 is replaced, since these are only shown to people.
    pub fn string(&mut self, field: &'static str, len: usize) -> Result<String, Malformed> {
        let bytes = self.bytes(field, len)?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// A string with its length in front.
    pub fn long_string(&mut self, field: &'static str) -> Result<String, Malformed> {
        let len = self.u32("len")? as usize;
        Ok(String::from_utf8_lossy(self.bytes(field, len)?).into_owned())
    }

    /// `vl_api_address_t`: IPv4 sits in the first four bytes of the union.
    pub fn address(&mut self, field: &'static str) -> Result<IpAddr, Malformed> {
        let at = self.at;
        let family = self.u8(field)?;
        let union: [u8; 16] = self.array(field)?;
        match family {
            0 => Ok(IpAddr::from([union[0], union[1], union[2], union[3]])),
            1 => Ok(IpAddr::from(union)),
            other => {
                Err(Malformed { message: self.message, field, at, problem: Problem::Value(other.into()) })
            }
        }
    }

    /// A union of an address as it lies in the message, its family skipped.
    pub fn raw_address(&mut self, field: &'static str) -> Result<[u8; 16], Malformed> {
        self.u8(field)?;
        self.array(field)
    }

    /// `vl_api_prefix_t`. The length is not checked: VPP shows an IPv6 `::/64` as the IPv4 `0.0.0.0/64`.
    pub fn prefix(&mut self) -> Result<Prefix, Malformed> {
        Ok(Prefix { address: self.address("pfx.address")?, len: self.u8("pfx.len")? })
    }

    /// `vl_api_lb_vip_t`.
    pub fn vip(&mut self) -> Result<VipKey, Malformed> {
        let prefix = self.prefix()?;
        let protocol = Protocol(self.u8("protocol")?);
        let port = self.u16("port")?;
        Ok(VipKey { prefix, protocol, port })
    }

    /// `vl_api_lb_encap_type_t`.
    pub fn encap(&mut self) -> Result<Encap, Malformed> {
        Ok(match self.u32("encap")? {
            0 => Encap::Gre4,
            1 => Encap::Gre6,
            other => Encap::Other(other),
        })
    }

    /// The four fields of `lb_conf` and `lb_conf_get_reply`.
    pub fn conf(&mut self) -> Result<LbConf, Malformed> {
        Ok(LbConf {
            ip4_source: Ipv4Addr::from(self.array::<4>("ip4_src_address")?),
            ip6_source: Ipv6Addr::from(self.array::<16>("ip6_src_address")?),
            sticky_buckets: self.u32("sticky_buckets_per_core")?,
            flow_timeout_secs: self.u32("flow_timeout")?,
        })
    }

    fn malformed(&self, field: &'static str, problem: Problem) -> Malformed {
        Malformed { message: self.message, field, at: self.at, problem }
    }
}

/// Fills one payload.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins a payload with its message id.
    pub fn new(id: u16) -> Self {
        let mut writer = Self(Vec::with_capacity(64));
        writer.u16(id);
        writer
    }

    /// The finished payload.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// `count` zero bytes.
    pub fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// A `bool`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(value.into())
    }

    /// A big-endian number.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A big-endian number.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A big-endian number.
    pub fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A NUL-padded string of `len` bytes, cut so that one NUL always remains.
    pub fn string(&mut self, text: &str, len: usize) -> &mut Self {
        let text = text.as_bytes();
        let kept = text.get(..len.saturating_sub(1)).unwrap_or(text);
        self.bytes(kept).zeros(len - kept.len())
    }

    /// A string with its length in front.
    pub fn long_string(&mut self, text: &str) -> &mut Self {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX)).bytes(text.as_bytes())
    }

    /// `vl_api_address_t`.
    pub fn address(&mut self, address: IpAddr) -> &mut Self {
        match address {
            IpAddr::V4(v4) => self.u8(0).bytes(&v4.octets()).zeros(12),
            IpAddr::V6(v6) => self.u8(1).bytes(&v6.octets()),
        }
    }

    /// `vl_api_prefix_t`.
    pub fn prefix(&mut self, prefix: Prefix) -> &mut Self {
        self.address(prefix.address).u8(prefix.len)
    }

    /// `vl_api_lb_vip_t`, or the three fields by which requests name a VIP.
    pub fn vip(&mut self, vip: VipKey) -> &mut Self {
        self.prefix(vip.prefix).u8(vip.protocol.0).u16(vip.port)
    }

    /// `vl_api_lb_encap_type_t`.
    pub fn encap(&mut self, encap: Encap) -> &mut Self {
        self.u32(match encap {
            Encap::Gre4 => 0,
            Encap::Gre6 => 1,
            Encap::Other(other) => other,
        })
    }

    /// The four fields of `lb_conf` and `lb_conf_get_reply`.
    pub fn conf(&mut self, conf: &LbConf) -> &mut Self {
        self.bytes(&conf.ip4_source.octets())
            .bytes(&conf.ip6_source.octets())
            .u32(conf.sticky_buckets)
            .u32(conf.flow_timeout_secs)
    }
}

/// The error for a message that has no place where it was found.
pub(crate) fn not_expected(kind: Kind, id: u16) -> Malformed {
    Malformed { message: kind.name(), field: "_vl_msg_id", at: 0, problem: Problem::Value(id.into()) }
}
