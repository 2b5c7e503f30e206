//! A scenario with its configurations as data instead of text: what generators make and the minimiser takes apart.

use std::collections::BTreeMap;
use std::sync::Arc;

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

    /// As a file that a person can read, edit and play; `print` writes a configuration.
    pub fn file(&self, print: impl Fn(&Draft) -> String) -> Scenario {
        let text = |draft: &Draft| ConfigText { line: 0, yaml: print(draft) };
        let configs = self.drafts.iter().map(|(name, draft)| (name.clone(), text(draft))).collect();
        Scenario { configs, ..self.scenario.clone() }
    }
}
