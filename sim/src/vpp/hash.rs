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
    words.iter().fold(0, |crc, word| {
        let bytes = (word ^ u64::from(crc)).to_le_bytes();
        (0..8).fold(0, |sum, at| sum ^ TABLES[7 - at][usize::from(bytes[at])])
    })
}

/// What a byte contributes that is followed by so many zero bytes: eight look-ups take in a whole word.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc >> 8) ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
};
