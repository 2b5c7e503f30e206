//! YAML as a person would set it: what fits on one line stands on one line, and quotes only where YAML needs them.

/// An entry that would be longer gets several lines.
const COLUMNS: usize = 100;

/// Words that some reader of YAML takes for a truth value, for nothing, or for a number.
const RESERVED: [&str; 12] =
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];

/// What is written under a key. Keys and words are quoted already where they have to be.
pub(super) enum Tree {
    Word(String),
    /// On one line if it fits.
    Map(Vec<(String, Tree)>),
    /// Always on lines of its own.
    Open(Vec<(String, Tree)>),
    /// Each item on a line of its own; never empty.
    List(Vec<Tree>),
}

impl Tree {
    /// On one line; `None` where something in it wants lines of its own.
    fn line(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.clone()),
            Self::Map(entries) | Self::Open(entries) if entries.is_empty() => Some("{}".into()),
            Self::Map(entries) => {
                let entry = |(key, tree): &(String, Tree)| Some(format!("{key}: {}", tree.line()?));
                let entries: Option<Vec<String>> = entries.iter().map(entry).collect();
                Some(format!("{{ {} }}", entries?.join(", ")))
            }
            Self::Open(_) | Self::List(_) => None,
        }
    }

    /// Behind `lead`, which begins in column `indent`: on the same line if it fits, or else below.
    fn write(&self, lead: &str, indent: usize, out: &mut String) {
        out.push_str(lead);
        // What cannot be divided stands there however long it is.
        let is_whole = |line: &str| matches!(self, Self::Word(_)) || line == "{}";
        let room = COLUMNS.saturating_sub(indent + lead.chars().count() + 1);
        if let Some(line) = self.line().filter(|line| is_whole(line) || line.chars().count() <= room) {
            out.push(' ');
            out.push_str(&line);
            out.push('\n');
            return;
        }
        match self {
            Self::Word(_) => (),
            Self::Map(entries) | Self::Open(entries) if lead == "-" => {
                // The first key stands behind the dash.
                out.push(' ');
                block(entries, indent + 2, true, out);
            }
            Self::Map(entries) | Self::Open(entries) => {
                out.push('\n');
                block(entries, indent + 2, false, out);
            }
            Self::List(items) => {
                out.push('\n');
                for item in items {
                    out.extend(std::iter::repeat_n(' ', indent + 2));
                    item.write("-", indent + 2, out);
                }
            }
        }
    }
}

/// One entry after the other, each on its own line; the first one may stand where `out` ends.
fn block(entries: &[(String, Tree)], indent: usize, begun: bool, out: &mut String) {
    for (index, (key, tree)) in entries.iter().enumerate() {
        if index > 0 || !begun {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        tree.write(&format!("{key}:"), indent, out);
    }
}

/// The whole file.
pub(super) fn document(entries: &[(String, Tree)]) -> String {
    let mut out = String::new();
    block(entries, 0, false, &mut out);
    out
}

/// `text` as a word of YAML: as it is where that means the same everywhere, or else in double quotes.
pub(super) fn text(text: &str) -> String {
    if is_plain(text) { text.into() } else { quoted(text) }
}

/// Begins like a word, and holds nothing that means something to YAML, inside of braces or outside.
fn is_plain(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    let begins = rest.next().is_some_and(|c| c.is_alphabetic() || "/_".contains(c));
    let goes_on = |c: char, next: Option<&char>| match c {
        ' ' => next.is_some_and(|next| *next != ' '),
        ':' => next.is_some_and(|next| next.is_alphanumeric() || "/:".contains(*next)),
        _ => c.is_alphanumeric() || "/_.-+=%~@?&;".contains(c),
    };
    while let Some(c) = rest.next() {
        if !goes_on(c, rest.peek()) {
            return false;
        }
    }
    begins && !RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_shown(c) => out.push(c),
            c => {
                let number = u32::from(c);
                out.push_str(&match number {
                    0..=0xff => format!("\\x{number:02x}"),
                    0x100..=0xffff => format!("\\u{number:04x}"),
                    _ => format!("\\U{number:08x}"),
                });
            }
        }
    }
    out.push('"');
    out
}

/// Whether a reader sees that `c` is there, and that it is what it is.
fn is_shown(c: char) -> bool {
    let is_hidden = matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_hidden)
}
