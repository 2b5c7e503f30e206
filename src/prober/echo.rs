//! ICMP echo messages as bytes: building requests, recognising what answers them. No sockets in here.

use std::net::IpAddr;

/// Length of a request, and of its reply: eight bytes of header and the token.
pub(super) const ECHO_BYTES: usize = 8 + TOKEN_BYTES;

const TOKEN_BYTES: usize = 24;

const V4_REPLY: u8 = 0;
const V4_REQUEST: u8 = 8;
const V6_REQUEST: u8 = 128;
const V6_REPLY: u8 = 129;

/// One echo request, and how to know its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    v6: bool,
    id: u16,
    sequence: u16,
    token: [u8; TOKEN_BYTES],
}

impl Echo {
    /// The request of probe `number` of `slot`. `nonce` is this process's secret.
    pub(super) fn new(to: IpAddr, slot: u32, number: u64, nonce: u64) -> Self {
        let mut token = [0; TOKEN_BYTES];
        token[..8].copy_from_slice(&nonce.to_be_bytes());
        token[8..16].copy_from_slice(&number.to_be_bytes());
        token[16..20].copy_from_slice(&slot.to_be_bytes());
        token[20..].copy_from_slice(b"mglv");
        let [.., id_high, id_low, sequence_high, sequence_low] =
            number.wrapping_add(nonce << 16).to_be_bytes();
        let id = u16::from_be_bytes([id_high, id_low]);
        let sequence = u16::from_be_bytes([sequence_high, sequence_low]);
        Self { v6: to.is_ipv6(), id, sequence, token }
    }

    /// A ping socket puts its own number in the place of ours.
    pub(super) fn set_id(&mut self, id: u16) {
        self.id = id;
    }

    /// The request as sent. The checksum of IPv6 covers addresses, so the kernel fills it in.
    pub(super) fn request(&self) -> [u8; ECHO_BYTES] {
        let mut bytes = self.message(if self.v6 { V6_REQUEST } else { V4_REQUEST });
        if !self.v6 {
            let sum = checksum(&bytes);
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }

    /// Whether `message`, which begins with an ICMP header, is the reply to this request. Our own request, which raw
    /// sockets hear on loopback, is not.
    pub(super) fn is_answered_by(&self, message: &[u8]) -> bool {
        self.is_like(message, if self.v6 { V6_REPLY } else { V4_REPLY }, ECHO_BYTES)
    }

    /// Whether `quoted`, from an ICMP error, is this request. Routers need quote no more than the header.
    pub(super) fn is_quoted_by(&self, quoted: &[u8]) -> bool {
        self.is_like(quoted, if self.v6 { V6_REQUEST } else { V4_REQUEST }, 8)
    }

    fn is_like(&self, message: &[u8], kind: u8, at_least: usize) -> bool {
        let expected = self.message(kind);
        let length = message.len().min(ECHO_BYTES);
        // The checksum, bytes 2 and 3, was the kernel's business.
        length >= at_least && message[..2] == expected[..2] && message[4..length] == expected[4..length]
    }

    fn message(&self, kind: u8) -> [u8; ECHO_BYTES] {
        let mut bytes = [0; ECHO_BYTES];
        bytes[0] = kind;
        bytes[4..6].copy_from_slice(&self.id.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..].copy_from_slice(&self.token);
        bytes
    }
}

/// What follows the IPv4 header in `packet`; nothing if the header is not whole.
pub(super) fn behind_ipv4_header(packet: &[u8]) -> &[u8] {
    let length = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    packet.get(length.max(20)..).unwrap_or_default()
}

/// The checksum of the internet: the complement of the one's complement sum of all 16-bit words.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or_default();
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(to: &str) -> Echo {
        Echo::new(to.parse().unwrap(), 7, 42, 0x1234_5678_9abc_def0)
    }

    fn reply_to(echo: &Echo, kind: u8) -> [u8; ECHO_BYTES] {
        let mut reply = echo.request();
        reply[0] = kind;
        reply
    }

    #[test]
    fn only_the_reply_with_our_id_sequence_and_token_answers() {
        for (to, kind) in [("192.0.2.1", V4_REPLY), ("2001:db8::1", V6_REPLY)] {
            let echo = echo(to);
            let reply = reply_to(&echo, kind);
            assert!(echo.is_answered_by(&reply));
            for at in [0, 1, 4, 5, 6, 7, 8, ECHO_BYTES - 1] {
                let mut other = reply;
                other[at] ^= 1;
                assert!(!echo.is_answered_by(&other), "byte {at} must matter");
            }
            assert!(!echo.is_answered_by(&reply[..ECHO_BYTES - 1]), "a reply must be whole");
            assert!(!echo.is_answered_by(&echo.request()), "our own request is no reply");
            assert!(!echo.is_answered_by(&[]));
        }
    }

    #[test]
    fn a_quoted_header_is_enough_but_it_must_be_ours() {
        let ours = echo("192.0.2.1");
        let request = ours.request();
        assert!(ours.is_quoted_by(&request[..8]));
        assert!(ours.is_quoted_by(&request));
        assert!(!ours.is_quoted_by(&request[..7]));
        let next = Echo::new("192.0.2.1".parse().unwrap(), 7, 43, 0x1234_5678_9abc_def0);
        assert!(!ours.is_quoted_by(&next.request()));
    }

    #[test]
    fn the_checksum_makes_the_whole_sum_to_zero() {
        assert_eq!(checksum(&echo("192.0.2.1").request()), 0);
        assert_eq!(checksum(&[0xff]), !0xff00);
    }

    #[test]
    fn a_broken_ipv4_header_hides_no_message() {
        let mut packet = [0; 28];
        packet[0] = 0x45;
        assert_eq!(behind_ipv4_header(&packet).len(), 8);
        packet[0] = 0x4f;
        assert!(behind_ipv4_header(&packet).is_empty());
        assert_eq!(behind_ipv4_header(&[0x40; 21]).len(), 1);
        assert!(behind_ipv4_header(&[]).is_empty());
    }
}
