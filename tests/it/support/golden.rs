//! Bytes as people can read them: hex, `00*12` for repetition, `"text"`, and `#` up to the end of the line.

/// What is written.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap();
        for (nth, part) in line.split('"').enumerate() {
            if nth % 2 == 1 {
                bytes.extend_from_slice(part.as_bytes());
            } else {
                part.split_whitespace().for_each(|word| bytes.extend(hex(word)));
            }
        }
    }
    bytes
}

fn hex(word: &str) -> Vec<u8> {
    let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    pairs.collect::<Vec<_>>().repeat(times.parse().unwrap())
}

/// One line that says these bytes, but for the zeros at their end.
pub fn line(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut line = String::new();
    for alike in bytes[..end].chunk_by(|a, b| look(*a) == look(*b)) {
        match (look(alike[0]), alike.len()) {
            (Look::Zero, zeros @ 4..) => line.push_str(&format!(" 00*{zeros} ")),
            (Look::Text, 4..) => line.push_str(&format!(" \"{}\" ", String::from_utf8_lossy(alike))),
            _ => alike.iter().for_each(|byte| line.push_str(&format!("{byte:02x}"))),
        }
    }
    line.trim().to_owned()
}

#[derive(PartialEq, Eq)]
enum Look {
    Zero,
    /// Can stand between quotes.
    Text,
    Other,
}

fn look(byte: u8) -> Look {
    match byte {
        0 => Look::Zero,
        b'"' | b'#' => Look::Other,
        b' '..=b'~' => Look::Text,
        _ => Look::Other,
    }
}
