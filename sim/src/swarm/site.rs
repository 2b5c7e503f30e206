//! What a configuration is made of, and how people edit one.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use maglev_core::config::{
    CheckKind, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftLb, DraftPool, DraftProtocol, Http,
    Strangers,
};
use maglev_core::model::{Prefix, Protocol, VipKey};

use crate::choices::Choices;

/// Names of the checks.
const CHECKS: [&str; 2] = ["c", "d"];

/// A configuration in the making.
#[derive(Clone, Debug)]
pub(super) struct Site {
    lb: DraftLb,
    checks: [DraftCheck; 2],
    pub(super) backends: Vec<Member>,
    pub(super) frontends: Vec<Front>,
    /// Backends are IPv6.
    six: bool,
    /// There are more backends than the window of calls takes at once.
    pub(super) is_crowd: bool,
}

/// A backend.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Last byte of its address.
    pub(super) last: u8,
    check: Option<usize>,
    enabled: bool,
}

/// A frontend.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) name: String,
    /// Last byte of the address; port, 0 for all.
    key: (u8, u16),
    sticky: bool,
    flush_on_down: bool,
    /// Positions of backends, and weights.
    pools: Vec<Vec<(usize, u32)>>,
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn index(choices: &mut impl Choices, len: usize, label: &'static str) -> usize {
    choices.choose(u32::try_from(len).unwrap_or(1), label) as usize
}

impl Site {
    pub(super) fn draw(choices: &mut impl Choices) -> Self {
        let delays = [(0, 0), (1, 1), (1, 3), (2, 5), (0, 2), (3, 8), (5, 10)];
        let (min, max) = *choices.of(&delays, "startup delays");
        let lb = DraftLb {
            ipv4_src_address: Some(Ipv4Addr::new(192, 0, 2, 1)),
            ipv6_src_address: Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            startup_min_delay: secs(min),
            startup_max_delay: secs(max),
            sync_interval: secs(*choices.of(&[1, 2, 5, 5, 10], "sync-interval")),
            // A sticky table is allocated by the first packet; small ones are quick.
            sticky_buckets_per_core: 1_024,
            new_flows_table_length: Self::table_length(choices),
            strangers: if choices.one_in(4, "strangers") { Strangers::Keep } else { Strangers::Delete },
            ..DraftLb::default()
        };
        let checks = [Self::check(choices), Self::check(choices)];
        // Once in a while more than the window of calls takes at once.
        let is_crowd = choices.one_in(256, "crowd");
        let count = if is_crowd { 190 } else { 1 + choices.choose(4, "backends") };
        let mut backends: Vec<Member> = (0..count)
            .map(|n| Member {
                name: format!("b{n}"),
                last: 10 + u8::try_from(n).unwrap_or(0),
                // Few of a crowd are probed: it is the calls that make it one.
                check: (choices.one_in(8, "unchecked") == is_crowd).then(|| index(choices, 2, "which check")),
                enabled: !choices.one_in(12, "disabled by the file"),
            })
            .collect();
        if backends.len() > 1 && choices.one_in(6, "two on one address") {
            backends[1].last = backends[0].last;
        }
        let six = choices.one_in(5, "IPv6 backends");
        let mut site = Self { lb, checks, backends, frontends: Vec::new(), six, is_crowd };
        for _ in 0..=choices.choose(3, "frontends") {
            site.add_frontend(choices);
        }
        if is_crowd {
            site.add_frontend(choices);
            site.lead(choices);
        }
        site
    }

    /// One server of a frontend stands before all others, which serve when it is dead.
    fn lead(&mut self, choices: &mut impl Choices) {
        if choices.one_in(2, "one before the crowd") {
            self.frontends[0].pools.insert(0, vec![(0, 100)]);
        }
    }

    /// Short tables are quick; whoever wants others finds the automatic length once in a while, and one that dumps show
    /// as 0.
    fn table_length(choices: &mut impl Choices) -> Option<u64> {
        match choices.choose(64, "table length") {
            0..4 => None,
            4 => Some(65_536),
            _ => Some(256),
        }
    }

    fn check(choices: &mut impl Choices) -> DraftCheck {
        let kind = if choices.one_in(3, "http") {
            CheckKind::Http { port: 80, http: Http::default(), tls: None }
        } else {
            CheckKind::Tcp { port: 80, tls: None }
        };
        let mut check = DraftCheck::new(kind);
        Self::retime(&mut check, choices);
        check
    }

    fn retime(check: &mut DraftCheck, choices: &mut impl Choices) {
        check.interval = secs(*choices.of(&[2, 2, 3, 5], "interval"));
        check.fast_interval = choices
            .one_in(2, "fast-interval")
            .then(|| *choices.of(&[Duration::from_millis(300), secs(1)], "fast"));
        check.down_interval = choices.one_in(4, "down-interval").then_some(secs(5));
        check.timeout = *choices.of(&[Duration::from_millis(500), secs(1)], "timeout");
        (check.rise, check.fall) = *choices.of(&[(1, 1), (2, 3), (1, 2), (2, 2)], "rise and fall");
    }

    fn add_frontend(&mut self, choices: &mut impl Choices) {
        let last = 80 + u8::try_from(choices.choose(3, "VIP address")).unwrap_or(0);
        let port = *choices.of(&[80, 443, 53, 80, 443, 0], "VIP port");
        let in_the_way =
            |front: &Front| front.key.0 == last && (front.key.1 == port || front.key.1 == 0 || port == 0);
        let name = format!("f{last}-{port}");
        if self.frontends.iter().any(|front| in_the_way(front) || front.name == name) {
            return;
        }
        let sticky = choices.one_in(4, "src-ip-sticky");
        let flush_on_down = !choices.one_in(4, "flush-on-down");
        let pools = (0..=choices.choose(2, "pools")).map(|_| self.pool(choices)).collect();
        self.frontends.push(Front { name, key: (last, port), sticky, flush_on_down, pools });
    }

    fn rekey(&mut self, front: usize, choices: &mut impl Choices) {
        let (last, port) = self.frontends[front].key;
        let key = (last, *choices.of(&[8_080, 8_443], "another port"));
        if port != 0 && self.frontends.iter().all(|other| other.key != key && other.key != (last, 0)) {
            self.frontends[front].key = key;
        }
    }

    fn pool(&self, choices: &mut impl Choices) -> Vec<(usize, u32)> {
        let mut members: Vec<(usize, u32)> = Vec::new();
        for backend in 0..self.backends.len() {
            // A crowd is in it but for a few.
            if choices.one_in(if self.is_crowd { 8 } else { 2 }, "in this pool") != self.is_crowd {
                members.push((backend, *choices.of(&[100, 100, 50, 1, 0], "weight")));
            }
        }
        if members.is_empty() {
            members.push((index(choices, self.backends.len(), "the only member"), 100));
        }
        members
    }

    /// One to three edits, as an operator makes them.
    pub(super) fn mutate(&mut self, choices: &mut impl Choices) {
        if self.is_crowd {
            let others = self.pool(choices);
            self.frontends[0].pools.last_mut().into_iter().for_each(|pool| pool.clone_from(&others));
        }
        for _ in 0..=choices.choose(3, "edits") {
            let backend = index(choices, self.backends.len(), "edited backend");
            let front = index(choices, self.frontends.len(), "edited frontend");
            match choices.choose(21, "edit") {
                0 => self.add_frontend(choices),
                1 if self.frontends.len() > 1 => {
                    self.frontends.remove(front);
                }
                // Another address; 40 and up are used by nobody else.
                2 => self.backends[backend].last = 40 + u8::try_from(backend).unwrap_or(0),
                3 => self.backends[backend].name = format!("renamed{backend}"),
                4 => self.frontends[front].pools.reverse(),
                5 => self.frontends[front].pools[0] = self.pool(choices),
                6 if choices.one_in(2, "other family") => self.six = !self.six,
                7 => {
                    for check in &mut self.checks {
                        check.kind = CheckKind::Tcp { port: 8080, tls: None };
                    }
                }
                8 if choices.one_in(3, "other stickiness") => {
                    self.frontends[front].sticky = !self.frontends[front].sticky;
                }
                9 => Self::retime(&mut self.checks[0], choices),
                10 => self.backends[backend].enabled = !self.backends[backend].enabled,
                11 => self.frontends[front].flush_on_down = !self.frontends[front].flush_on_down,
                12 => self.lb.sync_interval = secs(3),
                13 => self.backends[backend].check = Some(index(choices, 2, "another check")),
                14 => {
                    let other = index(choices, self.backends.len(), "swapped with");
                    (self.backends[backend].last, self.backends[other].last) =
                        (self.backends[other].last, self.backends[backend].last);
                }
                15 => self.lb.flow_timeout = secs(50),
                19 => self.lb.startup_max_delay += secs(1),
                // The same name for another key.
                17 => self.rekey(front, choices),
                // A successor, beside the others of the first pool.
                18 => self.backends[backend].last = 50 + u8::try_from(backend).unwrap_or(0),
                16 => {
                    let weight = *choices.of(&[100, 7, 0], "edited weight");
                    self.frontends[front].pools[0][0].1 = weight;
                }
                _ => {
                    let check = &mut self.backends[backend].check;
                    *check = if check.is_some() { None } else { Some(0) };
                }
            }
        }
    }

    /// Somebody finds that clients of a frontend should stick, or that they should not.
    pub(super) fn rehash(&mut self, front: usize) {
        self.frontends[front].sticky = !self.frontends[front].sticky;
    }

    pub(super) const fn min_delay(&self) -> Duration {
        self.lb.startup_min_delay
    }

    /// The first pool of a frontend that has another one, by the names of its backends.
    pub(super) fn pool_before_another(&self, choices: &mut impl Choices) -> Option<Vec<String>> {
        let fronts: Vec<&Front> = self.frontends.iter().filter(|front| front.pools.len() > 1).collect();
        let front = fronts.get(index(choices, fronts.len().max(1), "whose pool"))?;
        Some(front.pools[0].iter().map(|(backend, _)| self.backends[*backend].name.clone()).collect())
    }

    /// A backend and its address.
    pub(super) fn someone(&self, choices: &mut impl Choices) -> (String, IpAddr) {
        let member = &self.backends[index(choices, self.backends.len(), "someone")];
        (member.name.clone(), self.address(member.last))
    }

    /// The name of one that is among the first in VPP.
    pub(super) fn early_name(&self, choices: &mut impl Choices) -> String {
        self.backends[index(choices, self.backends.len().min(40), "early backend")].name.clone()
    }

    /// A server of an all-port frontend, and the frontend's key.
    pub(super) fn all_port_server(&self) -> Option<(IpAddr, VipKey)> {
        let front = self.frontends.iter().find(|front| front.key.1 == 0)?;
        let (backend, _) = front.pools[0].first()?;
        Some((self.address(self.backends[*backend].last), front.vip()))
    }

    /// Of its backends.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.backends.iter().map(|member| self.address(member.last)).collect()
    }

    fn address(&self, last: u8) -> IpAddr {
        address(self.six, last)
    }

    pub(super) const fn is_six(&self) -> bool {
        self.six
    }

    /// The key of one of its frontends.
    pub(super) fn vip(&self, choices: &mut impl Choices) -> VipKey {
        self.frontends[index(choices, self.frontends.len(), "which frontend")].vip()
    }

    /// The configuration.
    pub(super) fn draft(&self) -> Draft {
        let name = |at: usize| CHECKS[at].to_owned();
        Draft {
            lb: self.lb.clone(),
            healthchecks: (0..2).map(|at| (name(at), self.checks[at].clone())).collect(),
            backends: self
                .backends
                .iter()
                .map(|member| {
                    let address = self.address(member.last);
                    let draft = DraftBackend {
                        address,
                        healthcheck: member.check.map(name),
                        enabled: member.enabled,
                    };
                    (member.name.clone(), draft)
                })
                .collect(),
            frontends: self
                .frontends
                .iter()
                .map(|front| (front.name.clone(), self.frontend(front)))
                .collect(),
            ..Draft::default()
        }
    }

    /// The same without frontends.
    pub(super) fn emptied(&self) -> Draft {
        Draft { frontends: Vec::new(), ..self.draft() }
    }

    fn frontend(&self, front: &Front) -> DraftFrontend {
        let pool = |(n, members): (usize, &Vec<(usize, u32)>)| DraftPool {
            name: format!("p{n}"),
            backends: members.iter().map(|(at, weight)| (self.backends[*at].name.clone(), *weight)).collect(),
        };
        DraftFrontend {
            description: String::new(),
            address: front.vip().prefix.address,
            protocol: front.protocol(),
            port: front.key.1,
            src_ip_sticky: front.sticky,
            flush_on_down: front.flush_on_down,
            pools: front.pools.iter().enumerate().map(pool).collect(),
        }
    }
}

impl Front {
    const fn protocol(&self) -> Option<DraftProtocol> {
        match self.key.1 {
            0 => None,
            53 => Some(DraftProtocol::Udp),
            _ => Some(DraftProtocol::Tcp),
        }
    }

    pub(super) fn vip(&self) -> VipKey {
        let protocol = match self.protocol() {
            None => Protocol::ANY,
            Some(DraftProtocol::Udp) => Protocol::UDP,
            Some(DraftProtocol::Tcp) => Protocol::TCP,
        };
        VipKey { prefix: Prefix::host([203, 0, 113, self.key.0].into()), protocol, port: self.key.1 }
    }
}

/// The address of a backend by its last byte.
pub(super) fn address(six: bool, last: u8) -> IpAddr {
    if six {
        IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, u16::from(last)])
    } else {
        IpAddr::from([198, 51, 100, last])
    }
}
