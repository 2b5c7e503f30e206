//! What a story needs of a VPP, real or simulated.

use std::path::PathBuf;

use maglev_core::model::Write;

/// A VPP process, or the place where one ran.
///
/// The functions may block: the stories run on a runtime with threads to spare.
pub trait Vpp: Sized {
    /// Starts one with the lb plugin and nothing else, and waits until it accepts API clients.
    fn start() -> Self;

    /// Where it listens.
    fn api_socket(&self) -> PathBuf;

    /// Where its statistics are, if it has any.
    fn stats_socket(&self) -> Option<PathBuf>;

    /// kill -9: connections break, tables and trace are lost, and the file of the socket stays behind.
    fn kill(&mut self);

    /// An orderly end.
    fn stop(&mut self);

    /// A new process in the same place. The one before must be gone.
    fn start_again(&mut self);

    /// Somebody else changes something, past the API.
    fn edit(&self, write: &Write);

    /// What its CLI prints for `show lb vips verbose`.
    fn verbose(&self) -> String;

    /// What API clients have sent to this process.
    fn received(&self) -> Received;

    /// What a model knows and a process cannot tell: harm that VPP would have suffered in silence.
    fn harm(&self) -> Vec<String>;
}

/// What a VPP process was sent, by its own account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The writes, in order, refused ones included.
    pub writes: Vec<Write>,
    /// How often somebody dumped the VIPs.
    pub vip_dumps: usize,
}

impl Received {
    /// The writes as lines, from the given position on.
    pub fn lines_from(&self, position: usize) -> Vec<String> {
        self.writes.iter().skip(position).map(Write::to_string).collect()
    }
}
