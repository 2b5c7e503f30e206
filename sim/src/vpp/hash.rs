//! The two hashes that decide where a flow goes.

/// VPP's seed for the permutation of every server.
const SEED: u64 = 0x9e37_79b9_7f4a_7c13;

/// XXH64 of the eight little-endian bytes of `key`.
pub(super) fn xxh64(key: u64) -> u64 {
    twox_hash::XxHash64::oneshot(SEED, &key.to_le_bytes())
}

/// CRC-32C over five words in memory order, starting at 0 and without the usual final inversion, as the processor's
/// instruction computes it.
pub(super) fn crc32c(words: [u64; 5]) -> u32 {
    words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .fold(0, |crc, byte| (crc >> 8) ^ CRC32C[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

const CRC32C: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};
