//! Ctrl-C: the first one asks to stop, the second one ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

use crate::Trouble;

/// As shells count a death by SIGINT.
const KILLED: i32 = 130;

/// Whether somebody wants us to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on SIGINT and SIGTERM are heard here.
    pub(crate) fn listen() -> Result<Self, Trouble> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it.
            register_conditional_shutdown(signal, KILLED, asked.clone())?;
            register(signal, asked.clone())?;
        }
        Ok(Self(asked))
    }

    /// Somebody does.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
