//! The table of commands, asked without a daemon.

use super::*;

/// A site with two frontends.
struct Site;

impl Names for Site {
    fn names(&self, kind: Kind, before: &[(Kind, String)]) -> Vec<String> {
        let pool = before.iter().any(|(kind, _)| *kind == Kind::Pool);
        let names: &[&str] = match kind {
            Kind::Backend if pool => &["fra", "ams"],
            Kind::Backend => &["lon", "fra", "ams"],
            Kind::Frontend => &["www", "api"],
            Kind::Pool if before.contains(&(Kind::Frontend, "www".into())) => &["primary", "spare"],
            Kind::Pool
            | Kind::Healthcheck
            | Kind::Weight
            | Kind::Count
            | Kind::File
            | Kind::Level
            | Kind::Topic
            | Kind::Shell => &[],
        };
        names.iter().map(|name| (*name).into()).collect()
    }
}

fn said(line: &str) -> Result<Parsed, ParseError> {
    let words: Vec<String> = split(line).words.into_iter().map(|word| word.text).collect();
    parse(&words)
}

fn whole(line: &str) -> Verb {
    said(line).unwrap_or_else(|err| panic!("{line}: {err}")).verb
}

fn wrong(line: &str) -> String {
    said(line).expect_err(line).to_string()
}

fn texts(line: &str) -> Vec<String> {
    let Split { mut words, is_open, .. } = split(line);
    let begun = if is_open { words.pop().unwrap().text } else { String::new() };
    let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
    candidates(&words, &begun, &Site).into_iter().map(|it| it.text).collect()
}

/// Values that fit, so that every rule can be said.
fn example(pattern: &str) -> String {
    let mut line: String = pattern.split(['[', '{']).next().unwrap().into();
    for (name, value) in
        [("weight", "7"), ("count", "5"), ("level", "warn"), ("topic", "vpp"), ("shell", "bash")]
    {
        line = line.replace(&format!("<{name}>"), value);
    }
    line.replace(['<', '>'], "")
}

#[test]
fn every_rule_can_be_said_and_means_its_verb() {
    for rule in RULES {
        assert_eq!(whole(&example(rule.pattern)), rule.verb, "{}", rule.pattern);
    }
}

/// Cuts each plain word of each rule to every length: it means the same or is refused as ambiguous, never another.
#[test]
fn a_prefix_never_means_something_else() {
    for rule in RULES {
        let line = example(rule.pattern);
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            for length in 1..word.len() {
                let mut cut: Vec<&str> = words.clone();
                cut[at] = &word[..length];
                match parse(&cut) {
                    // A shorter name is a name, and `frontend` alone is what begins `frontends`.
                    Ok(parsed) => assert!(
                        parsed.verb == rule.verb || cut[at] == "frontend" || cut[at] == "backend",
                        "{cut:?} means {:?}",
                        parsed.verb
                    ),
                    Err(ParseError::Ambiguous { candidates, .. }) => {
                        assert!(candidates.iter().any(|it| it == word), "{cut:?}: {candidates:?}");
                    }
                    Err(ParseError::Incomplete { .. }) => {
                        assert!(["frontends", "backends", "healthchecks"].contains(word), "{cut:?}");
                    }
                    Err(err) => panic!("{cut:?}: {err}"),
                }
            }
        }
    }
}

#[test]
fn what_follows_decides_between_singular_and_plural() {
    assert_eq!(whole("sh front"), Verb::ShowFrontends);
    assert_eq!(whole("sh front www"), Verb::ShowFrontend);
    assert_eq!(wrong("show frontend"), "show frontend is not complete: next comes <frontend>");
}

#[test]
fn ambiguous_words_list_what_they_may_be() {
    assert_eq!(wrong("s version"), "s is ambiguous: set, show, sync; write more of it");
    assert_eq!(wrong("show v"), "v is ambiguous: version, vpp; write more of it");
    assert_eq!(wrong("watch events l 5"), "l is ambiguous: last, level; write more of it");
    assert_eq!(
        wrong("watch events topic w x"),
        "unknown word x after watch events topic w: say topic, level, backend, frontend or last"
    );
}

#[test]
fn errors_say_what_to_do() {
    assert_eq!(wrong("shwo version"), "unknown word shwo: did you mean show?");
    assert_eq!(wrong("show backnd ams"), "unknown word backnd after show: did you mean backend?");
    assert_eq!(
        wrong("show version now"),
        "now is too much after show version: the command is complete without it"
    );
    assert_eq!(
        wrong("set backend ams"),
        "set backend ams is not complete: next comes pause, resume, enable or disable"
    );
    assert_eq!(wrong("set frontend www pool a backend b weight 101"), "101 is no weight: say 0 to 100");
    assert_eq!(wrong("show events last 0"), "0 is no count: say 1 to 4096");
    assert_eq!(
        wrong("show events level x"),
        "x is no level: say debug, info, warn or error: this urgent and above"
    );
    assert!(wrong("").starts_with("nothing to do: say show, set, explain"), "{}", wrong(""));
    assert_eq!(wrong("\x1b[2J").chars().filter(|c| c.is_control()).count(), 0);
}

#[test]
fn values_arrive_in_their_order() {
    let parsed = said("set f www p only b ams w 7 fl").unwrap();
    assert_eq!(parsed.words.last(), Some(&"flush"));
    let values: Vec<&str> = parsed.values.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["www", "only", "ams", "7"]);
    let parsed = said("watch ev top sy lev w back ams last 3 top v").unwrap();
    assert_eq!(parsed.all(Kind::Topic).collect::<Vec<_>>(), ["sync", "vpp"]);
    assert_eq!((parsed.last(Kind::Level), parsed.last(Kind::Count)), (Some("warn"), Some("3")));
}

#[test]
fn completion_knows_words_and_names() {
    assert_eq!(texts("se"), ["set"]);
    assert_eq!(texts("sh fr"), ["frontends", "frontend"]);
    assert_eq!(texts("show frontend "), ["api", "www"]);
    assert_eq!(texts("set frontend www pool "), ["primary", "spare"]);
    assert_eq!(texts("set frontend www pool primary backend "), ["ams", "fra"]);
    assert_eq!(texts("explain back l"), ["lon"]);
    assert_eq!(texts("watch events level "), ["debug", "info", "warn", "error"]);
    assert_eq!(texts("show nonsense "), Vec::<String>::new());
}

#[test]
fn help_tells_what_may_follow() {
    let told = |words: &[&str], begun: &str| -> Vec<String> {
        hints(words, begun, &Site).into_iter().map(|hint| format!("{} - {}", hint.what, hint.about)).collect()
    };
    assert_eq!(told(&["show", "frontend"], ""), ["<frontend> - name of a frontend: api, www"]);
    assert_eq!(
        told(&["show", "vpp", "lb", "diff"], ""),
        ["<frontend> - name of a frontend: api, www", "<enter> - do it"]
    );
    assert_eq!(told(&[], "ex"), ["explain - why things are as they are"]);
    assert_eq!(told(&["top"], ""), ["<enter> - do it"]);
}

#[test]
fn every_word_that_begins_several_rules_is_explained() {
    for rule in RULES {
        let words: Vec<&str> =
            rule.pattern.split(' ').take_while(|word| !word.starts_with(['<', '[', '{'])).collect();
        for end in 1..words.len() {
            let path = words[..end].join(" ");
            let users = RULES.iter().filter(|rule| rule.pattern.starts_with(&format!("{path} "))).count();
            let is_group = GROUPS.iter().any(|(group, _)| *group == path);
            assert!(users < 2 || is_group, "GROUPS lacks {path}");
        }
    }
}

#[test]
fn quotes_protect_spaces_and_question_marks() {
    let Split { words, is_open, is_quoted } = split(r#"show  backend "a b" 'c?' d\ e"#);
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!((texts, is_open, is_quoted), (vec!["show", "backend", "a b", "c?", "d e"], true, false));
    assert!(split("show backend \"a").is_quoted && !split("show ").is_open);
    for name in ["plain", "a b", "q\"uo\\te", "-dash", "why?", ""] {
        assert_eq!(split(&quoted(name)).words.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn the_guide_has_every_command_and_every_exit_code() {
    use crate::failure::Exit;
    let guide = include_str!("../../../docs/maglevc.md");
    assert!(guide.contains(&reference()), "put what `maglevc help` says into docs/maglevc.md");
    let exits = [
        Exit::Done,
        Exit::Failed,
        Exit::BadConfig,
        Exit::NotFound,
        Exit::NotNow,
        Exit::NotAllowed,
        Exit::NoDaemon,
        Exit::Usage,
    ];
    for exit in exits {
        assert!(
            guide.contains(&format!("\n| {} |", exit as u8)),
            "docs/maglevc.md lacks the code of {exit:?}"
        );
    }
}
