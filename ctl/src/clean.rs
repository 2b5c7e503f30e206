//! Text of others, made harmless for a terminal: what a daemon, a backend or VPP wrote may try to steer it.

/// A character that a terminal may obey, or that turns the order of what is read: shown as its number instead.
pub fn is_harmful(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    c.is_control() || turns
}

/// One line without anything harmful: line breaks and tabs become spaces, others their escape.
pub fn text(dirty: &str) -> String {
    let mut clean = String::with_capacity(dirty.len());
    for c in dirty.chars() {
        match c {
            '\n' | '\r' | '\t' => clean.push(' '),
            _ if is_harmful(c) => clean.extend(c.escape_unicode()),
            _ => clean.push(c),
        }
    }
    clean
}

/// A whole JSON or YAML document: its own line breaks stay, and what is harmful becomes an escape that both know within
/// double quotes.
pub fn document(dirty: &str) -> String {
    let mut clean = String::with_capacity(dirty.len());
    for c in dirty.chars() {
        match c {
            '\n' => clean.push(c),
            _ if is_harmful(c) => clean.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(text("a\x1b[2Jb\u{9b}c\u{202e}d\r\ne"), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d  e");
        assert_eq!(document("\"a\u{9b}\"\n"), "\"a\\u009b\"\n");
        assert_eq!(text("Zürich 東京"), "Zürich 東京");
    }
}
