//! The journal of a run: everything that the engine heard, and a hash of everything that it answered.
//!
//! Lines of JSON, so that `grep` and `less` read it and a line that a crash has torn is simply left out:
//!
//! ```text
//! {"maglev-journal":1,"version":"0.1.0","seed":7,"vpp":true,"began":1795430000,"lost":0,"draft":{...}}
//! {"t":0,"h":2861104183}                            the engine was woken at 0 ns
//! {"t":500132,"h":91820713,"p":[3,17,482113]}       probe 17 of slot 3 passed, after 482113 ns
//! {"t":500999,"h":1730441,"i":{"ProbeFinished":…}}  any other input
//! {"t":600000,"h":44,"c":{"forced":false,"draft":…}} a configuration was loaded
//! {"n":288,"chain":"…","state":"…"}                 after 288 steps: the whole chain, and the engine's digest
//! ```
//!
//! What a reader would get wrong: `h` is 32 bits of a chain over the actions and the next wakeup of *all* steps so far, so
//! a difference never heals. A file is one or more stretches, each from a [`Head`] on; a head in the midst of a run holds
//! the whole engine as its checkpoint, so every stretch can be replayed without what came before.

mod chain;
mod entry;
mod hex;
mod line;
mod reader;
mod recorder;

pub use chain::Chain;
pub use entry::{Check, Checkpoint, CheckpointError, Entry, Head, Heard, Record, State};
pub use reader::{Numbered, ReadError, Reader};
pub use recorder::{Recorder, Run};

/// What the first key of a head says. Another number is another format.
pub const FORMAT: u32 = 1;

/// The version that heads name. A checkpoint is understood by the version that wrote it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
