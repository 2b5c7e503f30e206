//! How we are, in one line: what `systemctl status` shows.

use maglev_core::Engine;
use maglev_core::warmup::Phase;

/// Characters of somebody else's text that fit into the line.
const TEXT_MAX: usize = 200;

/// A look at the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    phase: Phase,
    frontends: usize,
    open: usize,
    vpp: Vpp,
    /// Which configuration is in force.
    pub(super) generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vpp {
    Away,
    Unread,
    Read,
}

impl Look {
    /// Between two turns, and cheap.
    pub(super) fn at(engine: &Engine) -> Self {
        let warmup = engine.warmup_view();
        let vpp = match (engine.connected_vpp(), engine.has_picture()) {
            (None, _) => Vpp::Away,
            (Some(_), false) => Vpp::Unread,
            (Some(_), true) => Vpp::Read,
        };
        let (generation, _) = engine.generation();
        Self { phase: warmup.phase, frontends: warmup.frontends, open: warmup.open, vpp, generation }
    }

    /// The line.
    pub(super) fn line(&self, uses_vpp: bool, refused: Option<&str>) -> String {
        let Self { frontends, open, .. } = self;
        let phase = match self.phase {
            Phase::HandsOff => "hands-off".to_owned(),
            Phase::Release => format!("warm-up, {open}/{frontends} frontends released"),
            Phase::Over if *frontends == 1 => "running, 1 frontend".to_owned(),
            Phase::Over => format!("running, {frontends} frontends"),
        };
        let vpp = match self.vpp {
            _ if !uses_vpp => "not in use",
            Vpp::Away => "not connected",
            Vpp::Unread => "connected, not read yet",
            Vpp::Read => "connected",
        };
        let refused =
            refused.map(|why| format!("; last reload refused: {}", one_line(why))).unwrap_or_default();
        format!("{phase}; VPP: {vpp}{refused}")
    }
}

/// The first line of a text, as far as it fits: a datagram's lines are `KEY=value`, and a second one would be another key.
pub(super) fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
    if short.len() < line.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phase: Phase, frontends: usize, vpp: Vpp, uses_vpp: bool, refused: Option<&str>) -> String {
        Look { phase, frontends, open: 2, vpp, generation: 1 }.line(uses_vpp, refused)
    }

    #[test]
    fn each_phase_has_its_line() {
        assert_eq!(line(Phase::HandsOff, 7, Vpp::Away, true, None), "hands-off; VPP: not connected");
        let released = line(Phase::Release, 7, Vpp::Unread, true, None);
        assert_eq!(released, "warm-up, 2/7 frontends released; VPP: connected, not read yet");
        assert_eq!(line(Phase::Over, 7, Vpp::Read, true, None), "running, 7 frontends; VPP: connected");
        assert_eq!(line(Phase::Over, 1, Vpp::Away, false, None), "running, 1 frontend; VPP: not in use");
    }

    #[test]
    fn a_refusal_adds_no_key_of_its_own() {
        let refused = line(Phase::Over, 0, Vpp::Read, true, Some("\nbad\r\nMAINPID=1\n"));
        assert_eq!(refused, "running, 0 frontends; VPP: connected; last reload refused: bad");
        assert_eq!(one_line(&"x".repeat(500)), format!("{}...", "x".repeat(200)));
    }
}
