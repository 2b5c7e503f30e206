//! `maglevc top`: everything on a full screen, live. It outlives a restart of the daemon and any size of the terminal.

mod draw;
mod feed;
mod model;
mod rows;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use tokio::runtime::Runtime;

use crate::failure::{Exit, Failure};
use crate::target::Target;
use model::{Model, Update};

/// How long a new picture may wait for a key before it is drawn.
const GLANCE: Duration = Duration::from_millis(100);

/// Shows everything until q, Ctrl-C, or a signal to end.
///
/// # Errors
/// There is no terminal, or it went away.
pub fn run(runtime: &Runtime, target: &Target) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let text = "top needs a terminal: `show` and `watch events` do without";
        return Err(Failure::new(Exit::Usage, text));
    }
    let (sender, updates) = mpsc::channel();
    let feeds = feed::start(runtime, target, &sender);
    let mut terminal = ratatui::try_init().map_err(gone)?;
    let ended = turns(&mut terminal, &updates);
    feeds.iter().for_each(tokio::task::AbortHandle::abort);
    // The terminal is given back whatever happened.
    ratatui::try_restore().map_err(gone)?;
    ended.map_err(gone)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn gone(err: io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the terminal is gone: {err}"))
}

/// Draws, waits a glance for a key, takes in what is new; again and again.
fn turns(terminal: &mut DefaultTerminal, updates: &mpsc::Receiver<Update>) -> io::Result<()> {
    let mut model = Model::default();
    let mut is_new = true;
    loop {
        if is_new {
            // A terminal that has changed its size is drawn anew as a whole.
            terminal.draw(|frame| draw::draw(frame, &mut model))?;
        }
        is_new = event::poll(GLANCE)?;
        if is_new && is_end(&event::read()?, &mut model) {
            return Ok(());
        }
        for update in updates.try_iter() {
            if matches!(update, Update::End) {
                return Ok(());
            }
            model.take(update);
            is_new = true;
        }
    }
}

/// What a key does; `true` if it is to leave.
fn is_end(event: &Event, model: &mut Model) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    let page = model.page.max(1);
    #[expect(clippy::wildcard_enum_match_arm, reason = "a terminal has more keys than we have meanings")]
    match code {
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Down | KeyCode::Char('j') => model.first += 1,
        KeyCode::Up | KeyCode::Char('k') => model.first = model.first.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => model.first += page,
        KeyCode::PageUp => model.first = model.first.saturating_sub(page),
        KeyCode::Home => model.first = 0,
        KeyCode::End => model.first = usize::MAX - page,
        _ => (),
    }
    false
}
