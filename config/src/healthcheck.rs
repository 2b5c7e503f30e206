//! One health check of the file, in both spellings: `http:` and `tls:`, or `params:` as Go's vpp-maglev writes them.

use maglev_core::config::{CheckKind, DraftCheck, Http, Method, Tls};
use serde_saphyr::Location;

use super::section::{At, Reader, Section, quoted, set};
use super::world;
use super::yaml::Node;

const PORTS: &str = "1 to 65535";
const COUNTS: &str = "a whole number from 1 to 254";

const NO_REQUEST_ICMP: &str = "an icmp check makes no request; remove this, or use type http or https";
const NO_REQUEST_TCP: &str = "a tcp check makes no request; remove this, or use type http or https";
const NO_TLS_ICMP: &str = "an icmp check speaks no TLS; remove this, or use type tcp or https";
const NO_TLS_HTTP: &str = "an http check speaks no TLS; remove this, or use type https";

const REQUEST_KEYS: [&str; 5] = ["path", "host", "method", "response-code", "response-regexp"];
const HANDSHAKE_KEYS: [&str; 4] = ["ssl", "server-name", "insecure-skip-verify", "ca-file"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Icmp,
    Tcp,
    Http,
    Https,
}

const KINDS: &[(&str, Kind)] =
    &[("icmp", Kind::Icmp), ("tcp", Kind::Tcp), ("http", Kind::Http), ("https", Kind::Https)];

/// What to ask and how to shake hands, whichever keys said so.
#[derive(Default)]
struct Settings {
    http: Http,
    tls: Option<Tls>,
}

pub(super) fn healthcheck(
    node: &Node,
    place: Location,
    path: At<'_>,
    reader: &Reader<'_>,
) -> Option<DraftCheck> {
    let mut section = reader.section(node, place, path)?;
    let kind = section.word("type", KINDS);
    if kind.is_none() && section.find("type").is_none() {
        section.missing("type", "write icmp, tcp, http or https");
    }
    let port = section.number("port", PORTS, 1).unwrap_or(0);
    if kind == Some(Kind::Icmp) {
        section.refuse("port", "icmp has no ports; remove the port, or use type tcp");
    }
    let mut settings = blocks(&mut section, kind, path, reader);
    let found = section.find("params");
    if let Some((place, _)) = found {
        one_spelling(&mut section, place, kind);
        let read = |section: &mut Section<'_, '_>| params(section, kind);
        settings = block(found, At::Key(&path, "params"), reader, read).unwrap_or_default();
    }
    let Settings { http, tls } = settings;
    let kind = kind.map(|kind| match kind {
        Kind::Icmp => CheckKind::Icmp,
        Kind::Tcp => CheckKind::Tcp { port, tls },
        Kind::Http => CheckKind::Http { port, http, tls: None },
        Kind::Https => CheckKind::Http { port, http, tls: Some(tls.unwrap_or_default()) },
    });
    let mut check = DraftCheck::new(kind.unwrap_or(CheckKind::Icmp));
    set(&mut check.interval, section.duration("interval"));
    check.fast_interval = section.duration("fast-interval");
    check.down_interval = section.duration("down-interval");
    set(&mut check.timeout, section.duration("timeout"));
    set(&mut check.rise, section.number("rise", COUNTS, 1));
    set(&mut check.fall, section.number("fall", COUNTS, 1));
    check.probe_ipv4_src = section.address("probe-ipv4-src").map(|(_, address)| address);
    check.probe_ipv6_src = section.address("probe-ipv6-src").map(|(_, address)| address);
    if found.is_some() {
        check.http_key = "params";
    }
    section.end();
    Some(check)
}

/// The blocks `http` and `tls`, each for its types.
fn blocks(section: &mut Section<'_, '_>, kind: Option<Kind>, path: At<'_>, reader: &Reader<'_>) -> Settings {
    let http = block(section.find("http"), At::Key(&path, "http"), reader, http_keys);
    let tls = block(section.find("tls"), At::Key(&path, "tls"), reader, tls_keys);
    match kind {
        Some(Kind::Icmp) => {
            section.refuse("http", NO_REQUEST_ICMP);
            section.refuse("tls", NO_TLS_ICMP);
        }
        Some(Kind::Tcp) => section.refuse("http", NO_REQUEST_TCP),
        Some(Kind::Http) => section.refuse("tls", NO_TLS_HTTP),
        Some(Kind::Https) | None => (),
    }
    Settings { http: http.unwrap_or_default(), tls }
}

fn block<T>(
    found: Option<(Location, &Node)>,
    path: At<'_>,
    reader: &Reader<'_>,
    read: impl FnOnce(&mut Section<'_, '_>) -> T,
) -> Option<T> {
    let (place, node) = found?;
    let mut section = reader.section(node, place, path)?;
    let value = read(&mut section);
    section.end();
    Some(value)
}

/// Two spellings of one setting could disagree, so a check has one. A block that the type refuses is not one to keep.
fn one_spelling(section: &mut Section<'_, '_>, place: Location, kind: Option<Kind>) {
    let has_http = section.find("http").is_some() && !matches!(kind, Some(Kind::Icmp | Kind::Tcp));
    let has_tls = section.find("tls").is_some() && !matches!(kind, Some(Kind::Icmp | Kind::Http));
    let kept = match (has_http, has_tls) {
        (true, true) => "`http` and `tls`",
        (true, false) => "`http`",
        (false, true) => "`tls`",
        (false, false) => return,
    };
    let message = format!(
        "another spelling of what stands in {kept}; keep {kept}, move what is missing there, and remove this"
    );
    section.semantic(place, "params", message);
}

/// All settings in one block, as Go's vpp-maglev has them.
///
/// A file that Go accepts may name a server although no handshake is made: with `http`, and with `tcp` without `ssl`.
/// That has no effect there, and none here.
fn params(section: &mut Section<'_, '_>, kind: Option<Kind>) -> Settings {
    let mut settings = Settings::default();
    let no_request = match kind {
        Some(Kind::Icmp) => Some(NO_REQUEST_ICMP),
        Some(Kind::Tcp) => Some(NO_REQUEST_TCP),
        Some(Kind::Http | Kind::Https) | None => None,
    };
    match no_request {
        Some(reason) => REQUEST_KEYS.into_iter().for_each(|key| section.refuse(key, reason)),
        None => settings.http = http_keys(section),
    }
    match kind {
        Some(Kind::Icmp) => {
            HANDSHAKE_KEYS.into_iter().for_each(|key| section.refuse(key, NO_TLS_ICMP));
        }
        Some(Kind::Tcp) | None => {
            let wanted = section.boolean("ssl").unwrap_or(false);
            settings.tls = Some(tls_keys(section)).filter(|_| wanted);
        }
        Some(Kind::Http) => {
            section.text("server-name");
            section.boolean("insecure-skip-verify");
            section.refuse("ca-file", NO_TLS_HTTP);
            section.refuse("ssl", NO_TLS_HTTP);
        }
        Some(Kind::Https) => {
            section.refuse("ssl", "an https check always speaks TLS; remove this");
            settings.tls = Some(tls_keys(section));
        }
    }
    settings
}

fn http_keys(section: &mut Section<'_, '_>) -> Http {
    let mut http = Http::default();
    set(&mut http.path, section.text("path"));
    http.host = section.text("host");
    set(&mut http.method, section.word("method", &[("GET", Method::Get), ("HEAD", Method::Head)]));
    if let Some((place, text)) = section.text_at("response-code") {
        match response_codes(&text) {
            Some(codes) => http.response_codes = codes,
            None => section.structural(
                place,
                "response-code",
                format!(
                    "{} is not a list of status codes; write codes and ranges such as \"200-299,301\"",
                    quoted(&text)
                ),
            ),
        }
    }
    if let Some((place, pattern)) = section.text_at("response-regexp") {
        if let Some(complaint) = world::regexp_complaint(&pattern) {
            section.semantic(place, "response-regexp", complaint);
        }
        http.response_regexp = Some(pattern);
    }
    http
}

/// `200-299,301` as ranges; white space around numbers is forgiven.
fn response_codes(text: &str) -> Option<Vec<(u16, u16)>> {
    let code = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten()
    };
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => Some((code(first)?, code(last)?)),
        None => code(part).map(|code| (code, code)),
    };
    text.split(',').map(range).collect()
}

fn tls_keys(section: &mut Section<'_, '_>) -> Tls {
    let server_name = section.text_at("server-name");
    let insecure_skip_verify = section.boolean("insecure-skip-verify").unwrap_or(false);
    let ca_file = section.text_at("ca-file");
    if let Some((place, name)) = &server_name
        && let Some(complaint) = world::server_name_complaint(name)
    {
        section.semantic(*place, "server-name", complaint);
    }
    if let Some((place, file)) = &ca_file
        && let Some(complaint) = world::ca_file_complaint(file)
    {
        section.semantic(*place, "ca-file", format!("{} {complaint}", quoted(file)));
    }
    let text = |found: Option<(Location, String)>| found.map(|(_, text)| text);
    Tls { server_name: text(server_name), insecure_skip_verify, ca_file: text(ca_file) }
}
