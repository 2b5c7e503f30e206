//! Scenarios by chance: a seed becomes a configuration, what happens to it, and a quiet end that must converge.
//!
//! Each seed draws its own mix: which kinds of things happen at all, and how often. The first act is anything; the
//! second heals the world, and VPP must come to hold what is wanted, and keep it.

use core::fmt::Write as _;

use rand_chacha::ChaCha8Rng;

use crate::chance::{self, Purpose, between};
use crate::script::{Scenario, ScriptError};

/// How long anything goes, in milliseconds.
const FIRST_ACT_MS: u64 = 60_000;

/// The end of the second act: longer than the pause between two recreates of one VIP.
const END_MS: u64 = FIRST_ACT_MS + 700_000;

/// The scenario of a seed, as a file that a person can read, edit and play.
pub fn file(seed: u64) -> String {
    let mut draw = Draw(chance::stream(seed, Purpose::World));
    let site = Site::draw(&mut draw);
    let mut text = format!("about: What chance makes of seed {seed}.\nseed: {seed}\n");
    let _ = write!(text, "config: |\n{}", indented(2, &site.text()));
    let _ = writeln!(text, "configs:");
    for name in ["b", "c"] {
        let mut other = site.clone();
        other.mutate(&mut draw);
        let _ = write!(text, "  {name}: |\n{}", indented(4, &other.text()));
    }
    let mut events = first_act(&mut draw, &site);
    events.sort_by_key(|event| event.0);
    events.extend(healing(&site, &mut draw));
    let _ = writeln!(text, "events:");
    for (ms, kind, sentence) in events {
        let _ = writeln!(text, "  - {{ at: {ms}ms, {kind}: {sentence} }}");
    }
    let _ = writeln!(text, "until: {END_MS}ms\nexpect: {{ settled: true }}");
    text
}

/// The scenario of a seed.
///
/// # Errors
/// The generator wrote something that is no scenario: a bug of this file.
pub fn scenario(seed: u64) -> Result<Scenario, ScriptError> {
    Scenario::read(&file(seed))
}

fn indented(by: usize, text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{:by$}{line}", "");
        all
    })
}

/// Milliseconds, kind, sentence.
type Event = (u64, &'static str, String);

/// A stream of choices.
struct Draw(ChaCha8Rng);

impl Draw {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(between(&mut self.0, 0, n as u64 - 1)).unwrap_or(0)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// What a configuration is made of.
#[derive(Clone, Debug)]
struct Site {
    lb: String,
    check: String,
    /// Name, last byte of the address, and whether it has a check.
    backends: Vec<(String, u8, bool)>,
    frontends: Vec<Front>,
    /// Backends are IPv6.
    six: bool,
}

#[derive(Clone, Debug)]
struct Front {
    name: String,
    /// Last byte of the address, and port.
    key: (u8, u16),
    options: String,
    /// Members by pool: position of the backend and weight.
    pools: Vec<Vec<(usize, u8)>>,
}

impl Site {
    fn draw(draw: &mut Draw) -> Self {
        let delays = draw.of(&["0s 0s", "1s 1s", "2s 10s", "5s 30s", "0s 5s", "3s 20s"]);
        let (min, max) = delays.split_once(' ').unwrap_or(("5s", "30s"));
        let interval = draw.of(&["1s", "5s", "30s"]);
        let strangers = draw.of(&["delete", "delete", "delete", "keep"]);
        let lb = format!(
            "ipv4-src-address: 192.0.2.1, ipv6-src-address: \"2001:db8::1\", startup-min-delay: {min}, \
             startup-max-delay: {max}, sync-interval: {interval}, strangers: {strangers}"
        );
        let timing =
            draw.of(&["interval: 1s, timeout: 500ms", "interval: 2s, fast-interval: 300ms, timeout: 1s"]);
        let thresholds = draw.of(&["rise: 1, fall: 1", "rise: 2, fall: 3", "rise: 1, fall: 2"]);
        let check = format!("type: tcp, port: 80, {timing}, {thresholds}");
        let count = 1 + draw.below(5);
        let backends = (0..count)
            .map(|n| (format!("b{n}"), 10 + u8::try_from(n).unwrap_or(0), !draw.one_in(8)))
            .collect();
        let mut site = Self { lb, check, backends, frontends: Vec::new(), six: draw.one_in(5) };
        for _ in 0..=draw.below(4) {
            site.add_frontend(draw);
        }
        site
    }

    fn add_frontend(&mut self, draw: &mut Draw) {
        let key = (80 + u8::try_from(draw.below(3)).unwrap_or(0), [80, 443, 53][draw.below(3)]);
        let name = format!("f{}-{}", key.0, key.1);
        if self.frontends.iter().any(|front| front.key == key || front.name == name) {
            return;
        }
        let mut options = String::new();
        if draw.one_in(4) {
            options.push_str("src-ip-sticky: true, ");
        }
        if draw.one_in(4) {
            options.push_str("flush-on-down: false, ");
        }
        let pools = (0..=draw.below(2)).map(|_| self.pool(draw)).collect();
        self.frontends.push(Front { name, key, options, pools });
    }

    fn pool(&self, draw: &mut Draw) -> Vec<(usize, u8)> {
        let weight = |draw: &mut Draw| [100, 100, 50, 1, 0][draw.below(5)];
        let mut members: Vec<(usize, u8)> = Vec::new();
        for backend in 0..self.backends.len() {
            if draw.one_in(2) {
                members.push((backend, weight(draw)));
            }
        }
        if members.is_empty() {
            members.push((draw.below(self.backends.len()), weight(draw)));
        }
        members
    }

    /// One to three edits, as an operator makes them.
    fn mutate(&mut self, draw: &mut Draw) {
        for _ in 0..=draw.below(3) {
            match draw.below(9) {
                0 => self.add_frontend(draw),
                1 if self.frontends.len() > 1 => {
                    let gone = draw.below(self.frontends.len());
                    self.frontends.remove(gone);
                }
                2 => {
                    let which = draw.below(self.backends.len());
                    // Another address; 40 and up are used by nobody else.
                    self.backends[which].1 = 40 + u8::try_from(which).unwrap_or(0);
                }
                3 => {
                    let which = draw.below(self.backends.len());
                    self.backends[which].0 = format!("renamed{which}");
                }
                4 => {
                    let which = draw.below(self.frontends.len());
                    self.frontends[which].pools.reverse();
                }
                5 => {
                    let which = draw.below(self.frontends.len());
                    let pool = self.pool(draw);
                    self.frontends[which].pools[0] = pool;
                }
                6 if draw.one_in(3) => self.six = !self.six,
                7 => self.check = self.check.replace("port: 80,", "port: 8080,"),
                8 if draw.one_in(3) => {
                    let which = draw.below(self.frontends.len());
                    self.frontends[which].options = "src-ip-sticky: true, ".into();
                }
                _ => {
                    let which = draw.below(self.backends.len());
                    self.backends[which].2 = !self.backends[which].2;
                }
            }
        }
    }

    fn address(&self, last: u8) -> String {
        if self.six { format!("2001:db8:1::{last}") } else { format!("198.51.100.{last}") }
    }

    fn text(&self) -> String {
        let mut yaml = format!(
            "maglev:\n  vpp: {{ lb: {{ {} }} }}\n  healthchecks: {{ c: {{ {} }} }}\n  backends:\n",
            self.lb, self.check
        );
        // Writing to a string cannot fail.
        for (name, last, checked) in &self.backends {
            let check = if *checked { ", healthcheck: c" } else { "" };
            let _ = writeln!(yaml, "    {name}: {{ address: \"{}\"{check} }}", self.address(*last));
        }
        let _ = writeln!(yaml, "  frontends:");
        for front in &self.frontends {
            let pools: Vec<String> =
                (0..).zip(&front.pools).map(|(n, pool)| self.pool_text(n, pool)).collect();
            let protocol = if front.key.1 == 53 { "udp" } else { "tcp" };
            let _ = writeln!(
                yaml,
                "    {}: {{ address: 203.0.113.{}, protocol: {protocol}, port: {}, {}pools: [ {} ] }}",
                front.name,
                front.key.0,
                front.key.1,
                front.options,
                pools.join(", ")
            );
        }
        yaml
    }

    fn pool_text(&self, n: usize, pool: &[(usize, u8)]) -> String {
        let members: Vec<String> = pool
            .iter()
            .map(|(at, weight)| format!("{}: {{ weight: {weight} }}", self.backends[*at].0))
            .collect();
        format!("{{ name: p{n}, backends: {{ {} }} }}", members.join(", "))
    }

    fn vip(&self, draw: &mut Draw) -> String {
        let front = &self.frontends[draw.below(self.frontends.len())];
        let protocol = if front.key.1 == 53 { "udp" } else { "tcp" };
        format!("203.0.113.{} {protocol}/{}", front.key.0, front.key.1)
    }
}

/// What can happen; each seed leaves some of it out.
const KINDS: [&str; 8] = ["backend", "backend", "vpp", "fault", "foreign", "reload", "operator", "daemon"];

fn first_act(draw: &mut Draw, site: &Site) -> Vec<Event> {
    let kinds: Vec<&'static str> = KINDS.into_iter().filter(|_| !draw.one_in(3)).collect();
    let mut events: Vec<Event> = Vec::new();
    if kinds.is_empty() {
        return events;
    }
    for _ in 0..draw.below(40) {
        let (ms, kind) = (instant(draw), kinds[draw.below(kinds.len())]);
        let sentence = sentence(draw, site, kind);
        if matches!(sentence.as_str(), "kill" | "terminate") {
            events.push((ms + 2_000, "daemon", "restart".into()));
        }
        events.push((ms, kind, sentence));
    }
    events
}

/// Ties are common on purpose: half of all instants are whole seconds.
fn instant(draw: &mut Draw) -> u64 {
    let ms = between(&mut draw.0, 0, FIRST_ACT_MS - 4_000);
    if draw.one_in(2) { ms / 1_000 * 1_000 } else { ms }
}

fn sentence(draw: &mut Draw, site: &Site, kind: &str) -> String {
    let (name, last, _) = site.backends[draw.below(site.backends.len())].clone();
    match kind {
        "backend" => {
            let how =
                draw.of(&["up", "up", "refuse", "silent", "one-in 2", "slow 200ms", "local-fault EMFILE"]);
            format!("{{ \"{}\": {how} }}", site.address(last))
        }
        "vpp" => draw
            .of(&[
                "drop-link",
                "drop-link",
                "restart",
                "absent",
                "up",
                "away",
                "slow 20ms",
                "slow 0s",
                "stall 3s",
            ])
            .to_owned(),
        "fault" => fault(draw),
        "foreign" => foreign(draw, site, last),
        "reload" => draw.of(&["config", "b", "c"]).to_owned(),
        "operator" => operator(draw, site, &name),
        _ => draw.of(&["restart", "kill", "terminate", "stall 2s", "stall 8s"]).to_owned(),
    }
}

fn fault(draw: &mut Draw) -> String {
    let n = 1 + draw.below(12);
    match draw.below(5) {
        0 => format!("refuse {n} with {}", draw.of(&["-6", "-7", "-81", "-97"])),
        1 => format!("lose-reply {n}"),
        2 => format!("drop-link-after {n}"),
        3 => format!("restart-after {n}"),
        _ => format!("delay-reply {n} by {}", draw.of(&["1s", "6s"])),
    }
}

fn foreign(draw: &mut Draw, site: &Site, last: u8) -> String {
    let (vip, server) = (site.vip(draw), site.address(last));
    let call = match draw.below(5) {
        0 => format!("set-weight {vip} {server} weight {}", draw.below(101)),
        1 => format!("del-as {vip} {server}"),
        2 => "add-vip 203.0.113.99 tcp/80 gre4 length 1024".to_owned(),
        3 => "add-vip 203.0.113.80 tcp/8080 gre4 length 1024".to_owned(),
        _ => format!("add-as {vip} {server} weight 3"),
    };
    format!("\"{call}\"")
}

fn operator(draw: &mut Draw, site: &Site, name: &str) -> String {
    match draw.below(6) {
        0 => format!("pause {name}"),
        1 => format!("resume {name}"),
        2 => format!("disable {name}"),
        3 => format!("enable {name}"),
        4 => "sync".to_owned(),
        _ => {
            let front = &site.frontends[draw.below(site.frontends.len())].name;
            let flush = if draw.one_in(3) { " flush" } else { "" };
            format!("weight {front} p0 {name} {}{flush}", draw.below(101))
        }
    }
}

/// The second act begins: everything works again, and nothing else will happen.
fn healing(site: &Site, draw: &mut Draw) -> Vec<Event> {
    let mut healing =
        vec![(FIRST_ACT_MS, "vpp", "up".to_owned()), (FIRST_ACT_MS, "vpp", "slow 0s".to_owned())];
    for last in (10..16).chain(40..46) {
        for six in [false, true] {
            let address = Site { six, ..site.clone() }.address(last);
            healing.push((FIRST_ACT_MS, "backend", format!("{{ \"{address}\": up }}")));
        }
    }
    healing.push((FIRST_ACT_MS, "reload", draw.of(&["config", "b", "c"]).to_owned()));
    healing
}
