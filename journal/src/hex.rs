//! Bytes as hexadecimal digits: twice as long, and no line of a journal breaks on them.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn print(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// `None` if these are no pairs of digits.
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let [high, low] = pair else { return None };
            Some((nibble(*high)? << 4 | nibble(*low)?) as u8)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_nothing_else_is_taken() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(parse(&print(&bytes)).as_ref(), Some(&bytes));
        assert_eq!((parse("0"), parse("0g"), parse("é"), parse("")), (None, None, None, Some(Vec::new())));
    }
}
