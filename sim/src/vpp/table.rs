//! The new-flows table: which bucket belongs to which server, exactly as VPP fills it (`vpp-api.md` section 4.3).

use super::address::Ip46;
use super::hash;

/// A server that may take new flows: the value to write into its buckets, its address and its weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) index: u32,
    pub(super) address: Ip46,
    pub(super) weight: u8,
}

/// One of the `weight` copies of a server, on its walk over the table.
struct Walker {
    order: (u8, Ip46),
    index: u32,
    position: u32,
    skip: u32,
}

/// The table of `length` buckets (a power of two); every bucket is 0 when no candidate has a weight.
pub(super) fn build(candidates: &[Candidate], length: u32) -> Vec<u32> {
    let mask = length - 1;
    let mut walkers: Vec<Walker> = candidates
        .iter()
        .flat_map(|candidate| (0..candidate.weight).map(|replica| walker(candidate, replica, mask)))
        .collect();
    walkers.sort_unstable_by_key(|walker| walker.order);
    let mut table = vec![0; length as usize];
    let mut free = if walkers.is_empty() { 0 } else { length };
    while free > 0 {
        for walker in walkers.iter_mut().take(free as usize) {
            take_next_free(&mut table, walker, mask);
            free -= 1;
        }
    }
    table
}

fn walker(candidate: &Candidate, replica: u8, mask: u32) -> Walker {
    let bytes = candidate.address.0.to_be_bytes();
    let half = |at: usize| {
        u64::from_le_bytes(*bytes[at..].first_chunk().expect("an address has two halves of eight bytes"))
    };
    let x = hash::xxh64(half(0) ^ half(8) ^ u64::from(replica));
    Walker {
        order: (replica, candidate.address),
        index: candidate.index,
        position: (x >> 32) as u32 & mask,
        skip: (x as u32 | 1) & mask,
    }
}

/// Takes the next free bucket on the walk. There is one, and an odd step in a table of a power of two meets it.
fn take_next_free(table: &mut [u32], walker: &mut Walker, mask: u32) {
    loop {
        let here = walker.position as usize;
        walker.position = walker.position.wrapping_add(walker.skip) & mask;
        if table[here] == 0 {
            table[here] = walker.index;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use sha2::{Digest, Sha256};

    use super::*;

    /// Golden vectors of `vpp-api.md` section 4.3, read from a live VPP: (shares, first owners, digest of all owners).
    fn golden(servers: &[(&str, u8)], length: u32) -> (Vec<usize>, Vec<u8>, String) {
        let candidates: Vec<Candidate> = (1..)
            .zip(servers)
            .map(|(index, (address, weight))| {
                let address = Ip46::from(address.parse::<IpAddr>().unwrap());
                Candidate { index, address, weight: *weight }
            })
            .collect();
        let owners: Vec<u8> =
            build(&candidates, length).iter().map(|index| u8::try_from(*index).unwrap() - 1).collect();
        let shares = (0..servers.len())
            .map(|n| owners.iter().filter(|owner| usize::from(**owner) == n).count())
            .collect();
        let digest = Sha256::digest(&owners)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        (shares, owners[..16].to_vec(), digest)
    }

    #[test]
    fn equal_weights_match_vpp_bucket_for_bucket() {
        let (shares, first, digest) = golden(&[("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)], 1024);
        assert_eq!(shares, [342, 341, 341]);
        assert_eq!(first, [1, 1, 2, 2, 2, 0, 2, 1, 0, 2, 2, 1, 0, 2, 0, 0]);
        assert_eq!(digest, "4148b9d649f3a530");
    }

    #[test]
    fn unequal_weights_match_vpp_bucket_for_bucket() {
        let (shares, first, digest) = golden(&[("10.0.0.1", 100), ("10.0.0.2", 100), ("10.0.0.3", 50)], 1024);
        assert_eq!(shares, [408, 408, 208]);
        assert_eq!(first, [0, 0, 2, 0, 0, 2, 1, 1, 0, 1, 2, 0, 1, 0, 1, 2]);
        assert_eq!(digest, "1bdde1e3d18deb53");
        let (shares, first, digest) = golden(&[("10.0.0.1", 2), ("10.0.0.2", 2), ("10.0.0.3", 1)], 1024);
        assert_eq!(shares, [410, 409, 205]);
        assert_eq!(first, [1, 0, 2, 2, 1, 0, 2, 1, 0, 2, 1, 1, 0, 2, 0, 0]);
        assert_eq!(digest, "7f3e9fc8ca24dc54");
    }

    #[test]
    fn ipv6_servers_match_vpp_bucket_for_bucket() {
        let (shares, _, digest) = golden(&[("2001:db8::a", 100), ("2001:db8::b", 10)], 16384);
        assert_eq!(shares, [14894, 1490]);
        assert_eq!(digest, "a4890e8b7073b991");
    }

    /// Without a server every bucket is index 0, which drops; and a table of one bucket is legal.
    #[test]
    fn the_smallest_tables() {
        assert_eq!(build(&[], 4), [0; 4]);
        let one = Candidate { index: 7, address: Ip46(1), weight: 3 };
        assert_eq!(build(&[one], 1), [7]);
    }
}
