//! What may complete a line, flags included: the same at the prompt and in a shell.

use clap::{CommandFactory as _, ValueEnum as _};

use crate::clean;
use crate::flags::{self, Flags, Output};
use crate::grammar::{self, Candidate, Names};

/// All that may complete `begun` behind `words`. Names that could steer a terminal are left out.
pub fn of(words: &[String], begun: &str, names: &dyn Names) -> Vec<Candidate> {
    let Some(plain) = flags::without(words) else {
        return of_value(words.last().map_or("", String::as_str), begun);
    };
    let mut found = grammar::candidates(&plain, begun, names);
    if begun.starts_with('-') {
        found.extend(of_flags(begun));
    }
    found.retain(|candidate| !candidate.text.chars().any(clean::is_harmful));
    found
}

fn of_value(flag: &str, begun: &str) -> Vec<Candidate> {
    if !matches!(flag, "-o" | "--output") {
        return Vec::new();
    }
    let words = Output::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
    let words = words.map(|it| Candidate {
        text: it.get_name().into(),
        about: it.get_help().map(ToString::to_string).unwrap_or_default(),
    });
    words.filter(|it| it.text.starts_with(begun)).collect()
}

fn of_flags(begun: &str) -> Vec<Candidate> {
    let command = Flags::command();
    let flags = command.get_arguments().filter_map(|flag| {
        let about = flag.get_help().map(ToString::to_string).unwrap_or_default();
        let about = about.split(['.', ':']).next().unwrap_or_default().to_owned();
        Some(Candidate { text: format!("--{}", flag.get_long()?), about })
    });
    flags.filter(|it| it.text.starts_with(begun)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Kind;

    struct Evil;

    impl Names for Evil {
        fn names(&self, _: Kind, _: &[(Kind, String)]) -> Vec<String> {
            vec!["good".into(), "e\x1b[2Jvil".into()]
        }
    }

    fn texts(line: &str, begun: &str) -> Vec<String> {
        let words: Vec<String> = line.split_whitespace().map(Into::into).collect();
        of(&words, begun, &Evil).into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn flags_and_their_values_are_completed() {
        assert_eq!(texts("show -o", "j"), ["json"]);
        assert_eq!(texts("", "--out"), ["--output"]);
        assert_eq!(texts("-o json show", "heal"), ["healthchecks", "healthcheck"]);
        assert_eq!(texts("--why", ""), Vec::<String>::new());
    }

    #[test]
    fn no_name_steers_the_terminal() {
        assert_eq!(texts("show backend", ""), ["good"]);
    }
}
