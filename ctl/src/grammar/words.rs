//! A line, split into words as a shell does: quotes and backslashes protect spaces.

/// A word and where it begins in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without quotes.
    pub text: String,
    /// Its first byte in the line.
    pub start: usize,
}

/// A line in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The words; the last one may be unfinished.
    pub words: Vec<Word>,
    /// Whether the line ends inside or right behind a word.
    pub is_open: bool,
    /// Whether it ends inside quotes.
    pub is_quoted: bool,
}

/// The words of a line.
pub fn split(line: &str) -> Split {
    let mut words: Vec<Word> = Vec::new();
    let mut is_open = false;
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            is_open = false;
            continue;
        }
        if !is_open {
            words.push(Word { text: String::new(), start: at });
            is_open = true;
        }
        let text = &mut words.last_mut().expect("a word was begun just above").text;
        match c {
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            '\\' if quote != Some('\'') => text.extend(chars.next().map(|(_, c)| c)),
            _ => text.push(c),
        }
    }
    Split { words, is_open, is_quoted: quote.is_some() }
}

/// A name as it must be written to be one word.
pub fn quoted(name: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | '?');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
