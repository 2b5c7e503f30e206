//! A scenario with its configurations as data instead of text: what generators make and the minimiser takes apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use maglev_config::Options;
use maglev_core::Config;
use maglev_core::config::Draft;

use crate::script::{ConfigText, Scenario, ScriptError};
use crate::world::Configs;

/// A scenario and its configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Everything but the configurations, whose texts are not here.
    pub scenario: Scenario,
    /// The configurations by name, not checked yet.
    pub drafts: BTreeMap<String, Draft>,
}

impl Plot {
    /// Takes the texts of a scenario's configurations apart.
    ///
    /// # Errors
    /// One cannot be read; the line is that of the scenario.
    pub fn of(scenario: &Scenario) -> Result<Self, ScriptError> {
        let read = |(name, text): (&String, &ConfigText)| {
            let draft = maglev_config::draft(text.yaml.as_bytes(), name, Options::default());
            Ok((name.clone(), draft.map_err(|error| unreadable(name, text, &error.to_string()))?))
        };
        let drafts = scenario.configs.iter().map(read).collect::<Result<_, ScriptError>>()?;
        Ok(Self { scenario: Scenario { configs: BTreeMap::new(), ..scenario.clone() }, drafts })
    }

    /// The configurations, checked.
    ///
    /// # Errors
    /// One breaks a rule.
    pub fn configs(&self) -> Result<Configs, ScriptError> {
        let checked = |(name, draft): (&String, &Draft)| match Config::check(draft) {
            Ok((config, _)) => Ok((name.clone(), Arc::new(config))),
            Err(problems) => {
                let words: Vec<String> = problems.iter().map(|problem| format!("{problem:?}")).collect();
                let message = format!("configuration {name} breaks a rule: {}", words.join("; "));
                Err(ScriptError { line: 0, message })
            }
        };
        self.drafts.iter().map(checked).collect()
    }

    /// As a file that a person can read, edit and play.
    pub fn file(&self) -> Scenario {
        let text = |draft: &Draft| ConfigText { line: 0, yaml: maglev_config::print(draft) };
        let configs = self.drafts.iter().map(|(name, draft)| (name.clone(), text(draft))).collect();
        Scenario { configs, ..self.scenario.clone() }
    }
}

impl Scenario {
    /// Its configurations, checked.
    ///
    /// # Errors
    /// One cannot be read; the line is that of the scenario.
    pub fn checked(&self) -> Result<Configs, ScriptError> {
        let read = |(name, text): (&String, &ConfigText)| {
            let loaded = maglev_config::parse(text.yaml.as_bytes(), name, Options::default());
            let loaded = loaded.map_err(|error| unreadable(name, text, &error.to_string()))?;
            Ok((name.clone(), loaded.config))
        };
        self.configs.iter().map(read).collect()
    }
}

fn unreadable(name: &str, text: &ConfigText, why: &str) -> ScriptError {
    let message = format!("configuration {name} (its line 1 is here) cannot be read: {why}");
    ScriptError { line: text.line, message }
}
