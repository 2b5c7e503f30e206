//! Any bytes as a configuration file: refused with line and remedy, or accepted and written as the same again.

use maglev_config::{ConfigError, Loaded, Options, draft, parse, print};

use crate::Seen;

const NAME: &str = "fuzz.yaml";

/// What comes before a remedy.
const REMEDIES: [&str; 3] = ["; ", " needs ", " must "];

/// # Panics
/// When a promise of the reader or of the printer is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    // A CA file would be one of this host, and no input may mean something else elsewhere.
    if data.windows(7).any(|word| word == b"ca-file") {
        return;
    }
    for vpp_in_use in [true, false] {
        let options = Options { vpp_in_use };
        match parse(data, NAME, options) {
            Ok(loaded) => {
                seen.note("accepted");
                reads_back(&loaded, options);
            }
            Err(error) => {
                seen.note(error.kind());
                has_line_and_remedy(&error, data);
                // What breaks the rules is printed too, for whoever wants to see it.
                let _ = draft(data, NAME, options).map(|draft| print(&draft));
            }
        }
    }
}

fn reads_back(loaded: &Loaded, options: Options) {
    let text = print(&loaded.draft);
    let again = parse(text.as_bytes(), NAME, options);
    let again = again.unwrap_or_else(|error| panic!("what was printed is refused: {error}\n{text}"));
    assert!(again.config == loaded.config, "what was printed means something else:\n{text}");
    assert_eq!(print(&again.draft), text, "what was printed is printed otherwise");
    assert_eq!(
        again.warnings.len(),
        loaded.warnings.len(),
        "what was printed is warned of otherwise:\n{text}"
    );
}

fn has_line_and_remedy(error: &ConfigError, data: &[u8]) {
    assert!(!error.findings().is_empty(), "a refusal without a reason");
    // CR, LF, and what else a reader may count as the end of a line.
    let lines =
        1 + String::from_utf8_lossy(data).matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for finding in error.findings() {
        assert!(
            (1..=lines as u64).contains(&finding.line) && finding.column > 0,
            "without a place: {finding:?}"
        );
        assert!(!finding.message.contains(['\n', '\r']), "more than one line: {finding:?}");
        assert!(REMEDIES.iter().any(|word| finding.message.contains(word)), "without a remedy: {finding:?}");
    }
}

pub(crate) fn must_see() -> Vec<&'static str> {
    vec!["accepted", "structural", "semantic"]
}
