//! The screen: what the daemon is, the tree, the latest events. A function of the model and the size alone.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row as TableRow, Table};

use super::model::{Model, Picture};
use super::rows::{HEAD, rows};
use crate::clean;
use crate::render::{Cell, Tone};
use crate::value::{Value, seconds_between, span};
use crate::view;

/// Lines for events, where the screen has room for them.
const EVENTS: u16 = 6;
/// Below this height the tree alone is shown.
const HIGH: u16 = 18;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let events = if frame.area().height >= HIGH { EVENTS } else { 0 };
    let parts =
        [Constraint::Length(3), Constraint::Min(1), Constraint::Length(events), Constraint::Length(1)];
    let [head, tree, foot, keys] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Paragraph::new(header(model)), head);
    draw_tree(frame, tree, model);
    frame.render_widget(Paragraph::new(latest(model, usize::from(events))), foot);
    frame.render_widget(Paragraph::new(footer(model)), keys);
}

fn styled(cell: &Cell) -> Span<'static> {
    let style = match cell.tone {
        _ if !has_colour() => Style::new(),
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Odd => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
    };
    Span::styled(clean::text(&cell.text), style)
}

/// Bold and reverse stay: they are no colours.
fn has_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn header(model: &Model) -> Vec<Line<'static>> {
    let mut lines = match &model.picture {
        Some(picture) => vec![of_daemon(picture), of_vpp(picture, model)],
        None => vec![Line::from("maglevd: not seen yet"), Line::default()],
    };
    lines.push(match &model.trouble {
        Some((why, attempts)) => {
            let old = if model.picture.is_some() { "; what is shown is old" } else { "" };
            let text = format!("DISCONNECTED, attempt {attempts}{old}: {why}");
            Line::styled(clean::text(&text), Style::new().add_modifier(Modifier::REVERSED))
        }
        None => Line::default(),
    });
    lines
}

fn of_daemon(picture: &Picture) -> Line<'static> {
    let (daemon, now) = (&picture.daemon, picture.now);
    let ready = if daemon.at("ready").is_yes() {
        Cell::toned("ready", Tone::Good)
    } else {
        Cell::toned(format!("not ready: {}", daemon.at("not_ready").text()), Tone::Odd)
    };
    let about = format!(
        "maglevd {}  pid {}  up {}  configuration {}  warm-up {}  ",
        daemon.at("version").text(),
        daemon.at("pid").text(),
        view::age(daemon, "started", now),
        daemon.at("generation").text(),
        picture.warmup.at("phase").text(),
    );
    Line::from(vec![styled(&Cell::plain(about)), styled(&ready)])
}

fn of_vpp(picture: &Picture, model: &Model) -> Line<'static> {
    let (vpp, now) = (&picture.vpp, picture.now);
    if !vpp.at("in_use").is_yes() {
        return Line::from("VPP is not used");
    }
    let age = view::age(vpp, "since", now);
    let connected = if vpp.at("connected").is_yes() {
        Cell::toned(format!("connected {age}"), Tone::Good)
    } else {
        Cell::toned(format!("NOT CONNECTED {age}: {}", vpp.at("last_error").text()), Tone::Bad)
    };
    let sync = if vpp.at("in_sync").is_yes() {
        Cell::toned("in sync", Tone::Good)
    } else {
        let out = vpp.at("out_of_sync_total").number();
        Cell::toned(if out == 0 { "syncing".to_owned() } else { format!("{out} out of sync") }, Tone::Odd)
    };
    let synced = match (&model.synced, &now) {
        (Some(at), Some(now)) => format!("  last sync {} ago", span(seconds_between(at, now))),
        _ => String::new(),
    };
    let holds = format!("  {} VIPs  {} servers", vpp.at("vips_total").text(), vpp.at("servers_total").text());
    let parts = [
        Cell::plain(format!("VPP {}  ", vpp.at("version").text())),
        connected,
        Cell::plain(format!("{holds}  ")),
        sync,
        Cell::plain(synced),
    ];
    Line::from(parts.iter().map(styled).collect::<Vec<_>>())
}

fn draw_tree(frame: &mut Frame<'_>, area: Rect, model: &mut Model) {
    // One line is the head of the table.
    model.page = usize::from(area.height.saturating_sub(1));
    let all = model.picture.as_ref().map(rows).unwrap_or_default();
    model.first = model.first.min(all.len().saturating_sub(model.page));
    let shown = all.iter().skip(model.first).take(model.page).map(|row| {
        let bold = if row.is_frontend { Modifier::BOLD } else { Modifier::empty() };
        TableRow::new(row.cells.iter().map(styled)).style(Style::new().add_modifier(bold))
    });
    let longest = |column: usize, limit: usize| {
        let lengths = all.iter().map(|row| row.cells[column].text.chars().count());
        Constraint::Length(
            u16::try_from(lengths.chain([8]).max().unwrap_or(8).min(limit)).unwrap_or(u16::MAX),
        )
    };
    let widths = [
        longest(0, 32),
        longest(1, 46),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(7),
        Constraint::Min(18),
        Constraint::Length(8),
    ];
    let head = TableRow::new(HEAD).style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_widget(Table::new(shown, widths).header(head), area);
}

fn latest(model: &Model, lines: usize) -> Vec<Line<'static>> {
    let skipped = model.events.len().saturating_sub(lines);
    model.events.iter().skip(skipped).map(|line| Line::from(clean::text(line))).collect()
}

fn footer(model: &Model) -> Line<'static> {
    let number = |name: &str| {
        let daemon = model.picture.as_ref().map(|picture| &picture.daemon);
        daemon.map(|it| it.at(name)).map(Value::number).unwrap_or_default()
    };
    let text = format!(
        "q leave  arrows, PgUp, PgDn, Home, End scroll  {} frontends  {} backends",
        number("frontends_total"),
        number("backends_total")
    );
    Line::styled(text, Style::new().add_modifier(Modifier::DIM))
}
