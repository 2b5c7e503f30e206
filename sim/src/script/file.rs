//! The YAML twin of a scenario, read and printed.

use core::fmt;
use std::collections::BTreeMap;

use maglev_core::Instant;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::happening::parse_command;
use super::words::{Confused, Exact, instant, number};
use super::{
    Behaviour, Conclusion, ConfigText, DaemonChange, Event, FIRST_CONFIG, Facts, Fault, Happening, Invalid,
    Paper, Scenario, ScriptError, VppChange, Who, parse_write,
};
use crate::twin::Twin;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ScenarioFile {
    about: Spanned<String>,
    #[serde(default)]
    seed: u64,
    config: Spanned<String>,
    #[serde(default)]
    configs: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    events: Vec<Spanned<EventFile>>,
    until: Option<Spanned<String>>,
    converge: Option<Spanned<String>>,
    twin: Option<Spanned<String>>,
    expect: Option<Spanned<Facts>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EventFile {
    at: Spanned<String>,
    backend: Option<BTreeMap<String, Spanned<String>>>,
    vpp: Option<Spanned<String>>,
    fault: Option<Spanned<String>>,
    foreign: Option<Spanned<String>>,
    reload: Option<Spanned<String>>,
    reload_invalid: Option<Spanned<String>>,
    operator: Option<Spanned<String>>,
    choices: Option<Spanned<String>>,
    daemon: Option<Spanned<String>>,
    traffic: Option<Spanned<String>>,
    expect: Option<Spanned<Facts>>,
}

/// A sentence of an event and the reader of its kind.
type Sentence = (Option<Spanned<String>>, fn(&str) -> Result<Happening, Confused>);

pub(super) fn read(yaml: &str) -> Result<Scenario, ScriptError> {
    let file: ScenarioFile = serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        ScriptError { line, message: error.without_snippet().to_string() }
    })?;
    if file.about.value.trim().is_empty() {
        return Err(at(
            &file.about.referenced,
            "about is empty: say in one sentence what must be seen".into(),
        ));
    }
    let configs = configs(file.config, file.configs)?;
    let mut events = events(file.events, &configs)?;
    let (until, conclusion) = end(file.until, file.converge)?;
    if let Some(last) = events.last().filter(|event| event.at > until) {
        return Err(ScriptError {
            line: last.line,
            message: "this comes after the end: move the end".into(),
        });
    }
    if let Some(facts) = file.expect {
        events.push(Event { line: facts.referenced.line(), at: until, happening: expectation(facts)? });
    }
    let twin =
        |text: Spanned<String>| Twin::parse(&text.value).map_err(|confused| at(&text.referenced, confused));
    let twin = file.twin.map(twin).transpose()?;
    Ok(Scenario { about: file.about.value, seed: file.seed, configs, events, until, conclusion, twin })
}

/// When it ends, or when the second act begins.
fn end(
    until: Option<Spanned<String>>,
    converge: Option<Spanned<String>>,
) -> Result<(Instant, Option<Conclusion>), ScriptError> {
    match (until, converge) {
        (Some(until), None) => {
            let end = instant(&until.value).map_err(|confused| at(&until.referenced, confused))?;
            Ok((end, None))
        }
        (None, Some(converge)) => {
            let conclusion =
                conclusion(&converge.value).map_err(|confused| at(&converge.referenced, confused))?;
            Ok((conclusion.from, Some(conclusion)))
        }
        (Some(_), Some(converge)) => Err(at(
            &converge.referenced,
            "until and converge are two ends: keep until for a run that just stops, converge for one that must come \
             to rest"
                .into(),
        )),
        (None, None) => Err(ScriptError {
            line: 0,
            message: "there is no end: add until: 60s, or converge: 60s for a run that must come to rest".into(),
        }),
    }
}

fn conclusion(sentence: &str) -> Result<Conclusion, Confused> {
    let (from, restart) = match sentence.strip_suffix(" then restart") {
        Some(from) => (from, true),
        None => (sentence, false),
    };
    Ok(Conclusion { from: instant(from)?, restart })
}

fn at(location: &Location, message: String) -> ScriptError {
    ScriptError { line: location.line(), message }
}

fn configs(
    first: Spanned<String>,
    others: BTreeMap<String, Spanned<String>>,
) -> Result<BTreeMap<String, ConfigText>, ScriptError> {
    let mut configs = BTreeMap::new();
    for (name, text) in others {
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(at(
                &text.referenced,
                format!("{name:?} is no name for a configuration: use one word"),
            ));
        }
        if name == FIRST_CONFIG {
            let message = "the name config is that of the first configuration: use another";
            return Err(at(&text.referenced, message.into()));
        }
        configs.insert(name, config(text));
    }
    configs.insert(FIRST_CONFIG.to_owned(), config(first));
    Ok(configs)
}

fn config(text: Spanned<String>) -> ConfigText {
    ConfigText { line: text.referenced.line(), yaml: text.value }
}

fn events(
    files: Vec<Spanned<EventFile>>,
    configs: &BTreeMap<String, ConfigText>,
) -> Result<Vec<Event>, ScriptError> {
    let mut events: Vec<Event> = Vec::new();
    for file in files {
        let line = file.referenced.line();
        let when = file.value.at.clone();
        let now = instant(&when.value).map_err(|confused| at(&when.referenced, confused))?;
        if let Some(before) = events.last().filter(|before| before.at > now) {
            let before = Exact(before.at.since_start());
            return Err(at(&when.referenced, format!("{} comes after {before}: move it up", when.value)));
        }
        let happenings = happenings(file.value, line)?;
        for happening in &happenings {
            known_config(happening, configs).map_err(|message| ScriptError { line, message })?;
        }
        events.extend(happenings.into_iter().map(|happening| Event { line, at: now, happening }));
    }
    Ok(events)
}

/// The one thing that an event says, or several of it for `backend`.
fn happenings(event: EventFile, line: u64) -> Result<Vec<Happening>, ScriptError> {
    let sentences: [Sentence; 9] = [
        (event.vpp, |text| VppChange::parse(text).map(Happening::Vpp)),
        (event.fault, |text| Fault::parse(text).map(Happening::Fault)),
        (event.foreign, |text| parse_write(text).map(Happening::Foreign)),
        (event.reload, reload),
        (event.reload_invalid, |text| Invalid::parse(text).map(Happening::ReloadInvalid)),
        (event.operator, |text| parse_command(text).map(Happening::Operator)),
        (event.choices, |text| Paper::parse(text).map(Happening::Choices)),
        (event.daemon, |text| DaemonChange::parse(text).map(Happening::Daemon)),
        (event.traffic, traffic),
    ];
    let mut kinds = 0;
    let mut all = Vec::new();
    for (text, parse) in sentences {
        let Some(text) = text else { continue };
        kinds += 1;
        all.push(parse(&text.value).map_err(|confused| at(&text.referenced, confused))?);
    }
    if let Some(facts) = event.expect {
        kinds += 1;
        all.push(expectation(facts)?);
    }
    if let Some(backends) = event.backend {
        kinds += 1;
        for (name, text) in backends {
            let behaviour =
                Behaviour::parse(&text.value).map_err(|confused| at(&text.referenced, confused))?;
            all.push(Happening::Backend { who: Who::parse(&name), behaviour });
        }
    }
    match (kinds, all.is_empty()) {
        (1, false) => Ok(all),
        (0 | 1, _) => {
            let message = "nothing happens here: add one of backend, vpp, fault, foreign, reload, reload-invalid, \
                           operator, choices, daemon, traffic, expect";
            Err(ScriptError { line, message: message.into() })
        }
        _ => {
            let message =
                "two kinds of things at once: make two events of the same time, in the order you mean";
            Err(ScriptError { line, message: message.into() })
        }
    }
}

fn reload(sentence: &str) -> Result<Happening, Confused> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    match words[..] {
        [config] => Ok(Happening::Reload { config: config.into(), forced: false }),
        [config, "forced"] => Ok(Happening::Reload { config: config.into(), forced: true }),
        _ => Err(format!(
            "{sentence:?} is no reload: write the name of a configuration, and forced if need be"
        )),
    }
}

fn traffic(sentence: &str) -> Result<Happening, Confused> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    match words[..] {
        [frontend, flows] => Ok(Happening::Traffic {
            frontend: frontend.into(),
            flows: number(flows, "a number of flows, at most 65535")?,
        }),
        _ => {
            Err(format!("{sentence:?} is no traffic: write the frontend and how many flows, such as www 100"))
        }
    }
}

fn expectation(facts: Spanned<Facts>) -> Result<Happening, ScriptError> {
    if facts.value.is_empty() {
        return Err(at(
            &facts.referenced,
            "nothing is expected here: name a fact such as in-sync: true".into(),
        ));
    }
    Ok(Happening::Expect(facts.value))
}

fn known_config(happening: &Happening, configs: &BTreeMap<String, ConfigText>) -> Result<(), Confused> {
    let (Happening::Reload { config: name, .. } | Happening::Daemon(DaemonChange::Restart(Some(name)))) =
        happening
    else {
        return Ok(());
    };
    if configs.contains_key(name) {
        return Ok(());
    }
    let known: Vec<&str> = configs.keys().map(String::as_str).collect();
    Err(format!("there is no configuration {name:?}: use one of {}", known.join(", ")))
}

pub(super) fn print(scenario: &Scenario, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "about: {}", quoted(&scenario.about))?;
    writeln!(f, "seed: {}", scenario.seed)?;
    if let Some(first) = scenario.configs.get(FIRST_CONFIG) {
        f.write_str("config: ")?;
        print_block(&first.yaml, 2, f)?;
    }
    let others = || scenario.configs.iter().filter(|(name, _)| *name != FIRST_CONFIG);
    if others().next().is_some() {
        writeln!(f, "configs:")?;
    }
    for (name, config) in others() {
        write!(f, "  {}: ", quoted(name))?;
        print_block(&config.yaml, 4, f)?;
    }
    if !scenario.events.is_empty() {
        writeln!(f, "events:")?;
    }
    for event in &scenario.events {
        print_event(event.at, &event.happening, f)?;
    }
    if let Some(twin) = scenario.twin {
        writeln!(f, "twin: {twin}")?;
    }
    let end = Exact(scenario.until.since_start());
    match scenario.conclusion {
        None => writeln!(f, "until: {end}"),
        Some(Conclusion { restart: false, .. }) => writeln!(f, "converge: {end}"),
        Some(Conclusion { restart: true, .. }) => writeln!(f, "converge: {end} then restart"),
    }
}

fn print_event(at: Instant, happening: &Happening, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (kind, what) = match happening {
        Happening::Backend { who, behaviour } => {
            ("backend", format!("{{ {}: {} }}", quoted(&who.to_string()), quoted(&behaviour.to_string())))
        }
        Happening::Vpp(change) => ("vpp", quoted(&change.to_string())),
        Happening::Fault(fault) => ("fault", quoted(&fault.to_string())),
        Happening::Foreign(write) => ("foreign", quoted(&write.to_string())),
        Happening::Reload { config, forced: false } => ("reload", quoted(config)),
        Happening::Reload { config, forced: true } => ("reload", quoted(&format!("{config} forced"))),
        Happening::ReloadInvalid(kind) => ("reload-invalid", kind.word().to_owned()),
        Happening::Operator(command) => ("operator", quoted(&command.to_string())),
        Happening::Choices(change) => ("choices", quoted(&change.to_string())),
        Happening::Daemon(change) => ("daemon", quoted(&change.to_string())),
        Happening::Traffic { frontend, flows } => ("traffic", quoted(&format!("{frontend} {flows}"))),
        Happening::Expect(facts) => ("expect", facts.to_string()),
    };
    writeln!(f, "  - {{ at: {}, {kind}: {what} }}", Exact(at.since_start()))
}

/// In quotes only where YAML would misread it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_' | '/');
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain);
    let is_other_type = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"]
        .contains(&text.to_ascii_lowercase().as_str());
    if is_word && !is_other_type && !text.ends_with(' ') {
        return text.to_owned();
    }
    format!("{text:?}")
}

/// A literal block; its indentation is stated, so that any text survives.
fn print_block(text: &str, indent: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let chomping = if text.ends_with('\n') { "+" } else { "-" };
    writeln!(f, "|2{chomping}")?;
    for line in text.lines() {
        writeln!(f, "{:indent$}{line}", "")?;
    }
    Ok(())
}
