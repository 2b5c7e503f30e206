//! Compiled response patterns, kept: compiling one costs more than the probe that uses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use maglev_core::input::LocalFault;
use regex::bytes::Regex;

use super::fault;

/// Patterns kept at most. Configurations name a handful; more means years of reloads, and starting over is cheap.
const KEPT_MAX: usize = 256;

/// Compiles and keeps patterns. They search bytes: a body need not be UTF-8.
#[derive(Default)]
pub(super) struct Patterns {
    kept: Mutex<BTreeMap<String, Arc<Regex>>>,
}

impl Patterns {
    pub(super) fn compile(&self, pattern: &str) -> Result<Arc<Regex>, LocalFault> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = kept.get(pattern) {
            return Ok(Arc::clone(regex));
        }
        let regex = Regex::new(pattern)
            .map_err(|err| fault::unusable(format_args!("response-regexp cannot be used: {err}")))?;
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let regex = Arc::new(regex);
        kept.insert(pattern.into(), Arc::clone(&regex));
        Ok(regex)
    }
}
