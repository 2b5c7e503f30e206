//! The configuration file: what is refused and in which words, what is accepted, and what comes out of it.
//!
//! One bad file per rule in `fixtures/config/bad`; its messages are `snapshots/config/<file>.snap`.

mod print;

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::{CheckKind, Config, Draft, DraftBackend, DraftFrontend, DraftPool, DraftProtocol};
use maglev_core::model::Encap;
use maglevd::config::{ConfigError, Loaded, Options, parse, read};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::shelf;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names and bytes of the files of one shelf of fixtures, sorted.
fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    files(&root().join("fixtures/config").join(folder), "yaml")
        .into_iter()
        .map(|path| (stem(&path), fs::read(&path).expect("a fixture is readable")))
        .collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a fixture has a name").to_string_lossy().into_owned()
}

fn load(text: &str) -> Result<Loaded, ConfigError> {
    parse(text.as_bytes(), "maglev.yaml", Options::default())
}

fn loaded(fixture: &str) -> Config {
    let bytes = fs::read(root().join("fixtures/config/good").join(fixture)).expect("a fixture is readable");
    let loaded = parse(&bytes, fixture, Options::default()).expect("a good file loads");
    Arc::unwrap_or_clone(loaded.config)
}

/// Every rule has a file that breaks it, and says so in words that stand in a snapshot.
#[test]
fn bad_files_are_refused_with_all_their_mistakes() {
    let fixtures = fixtures("bad");
    assert!(fixtures.len() >= 45, "only {} bad files", fixtures.len());
    shelf("config").bind(|| {
        for (name, bytes) in fixtures {
            let error = parse(&bytes, &format!("{name}.yaml"), Options::default());
            let error = error.expect_err(&format!("{name} was accepted"));
            assert!(!error.findings().is_empty(), "{name} is refused without a reason");
            for line in error.to_string().lines() {
                assert!(
                    line.starts_with(&format!("{name}.yaml:")),
                    "{name}: not one line per finding: {line}"
                );
            }
            insta::assert_snapshot!(name, format!("{}, exit {}\n{error}", error.kind(), error.exit_code()));
        }
    });
}

/// Good files load; only those named for it warn.
#[test]
fn good_files_load() {
    shelf("config").bind(|| {
        for (name, bytes) in fixtures("good") {
            let loaded = parse(&bytes, &format!("{name}.yaml"), Options::default());
            let warnings = loaded.unwrap_or_else(|error| panic!("{name} was refused:\n{error}")).warnings;
            assert_eq!(name.starts_with("warn-"), !warnings.is_empty(), "{name}: {warnings:?}");
            if !warnings.is_empty() {
                let lines: Vec<_> = warnings.iter().map(ToString::to_string).collect();
                insta::assert_snapshot!(name, lines.join("\n"));
            }
        }
    });
}

/// A message that no fixture produces any more is a message that nobody reviews.
#[test]
fn snapshots_without_a_fixture_are_removed() {
    let known: BTreeSet<String> =
        fixtures("bad").into_iter().chain(fixtures("good")).map(|(name, _)| name).collect();
    let snapshots = files(&root().join("snapshots/config"), "snap");
    let orphans: Vec<_> =
        snapshots.iter().map(|path| stem(path)).filter(|name| !known.contains(name)).collect();
    assert!(orphans.is_empty(), "remove these from snapshots/config: {orphans:?}");
}

/// The example of the documentation means what it says.
#[test]
fn the_example_means_what_it_says() {
    let config = loaded("example.yaml");
    assert_eq!(config.transition_history(), 5);
    let lb = config.lb();
    assert_eq!(lb.conf.map(|conf| (conf.sticky_buckets, conf.flow_timeout_secs)), Some((65_536, 40)));
    assert_eq!((lb.table_length, lb.sync_interval), (16_384, Duration::from_secs(30)));
    let names: Vec<_> = config.backends().iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["ams", "dr", "fra"]);
    let check = config.backends()[0].check.as_ref().expect("ams is checked");
    assert_eq!((check.timing.rise.get(), check.timing.fall.get()), (2, 3));
    assert_eq!(check.timing.fast_interval, Duration::from_millis(500));
    let CheckKind::Http { port, http, tls } = &check.target.kind else { panic!("web is an http check") };
    assert_eq!((*port, tls), (80, &None));
    assert_eq!((http.path.as_str(), http.response_codes.as_slice()), ("/healthz", &[(200, 299)][..]));
    let frontend = &config.frontends()[0];
    assert_eq!((frontend.vip.to_string().as_str(), frontend.encap), ("203.0.113.80 tcp/80", Encap::Gre4));
    let weights: Vec<_> =
        frontend.pools.iter().flat_map(|pool| &pool.members).map(|m| m.weight.value()).collect();
    assert_eq!(weights, [100, 50, 100]);
}

/// Backends of one check share its target, so equality is a pointer away.
#[test]
fn backends_of_one_check_share_its_target() {
    let config = loaded("example.yaml");
    let target =
        |index: usize| config.backends()[index].check.as_ref().expect("it is checked").target.clone();
    assert!(Arc::ptr_eq(&target(0), &target(2)));
    assert!(!Arc::ptr_eq(&target(0), &target(1)));
}

/// What the file writes is kept to the letter, even where YAML would read a number.
#[test]
fn spellings_are_kept_and_codes_are_put_in_order() {
    let config = loaded("ipv6.yaml");
    let vips: Vec<_> = config.frontends().iter().map(|frontend| frontend.vip.to_string()).collect();
    assert_eq!(vips, ["203.0.113.80 udp/443", "2001:db8:ffff::80 tcp/443", "2001:db8:ffff::80 udp/53"]);
    assert_eq!(config.frontends()[2].pools[0].name, "010");
    assert!(config.frontends().iter().all(|frontend| frontend.encap == Encap::Gre6));
    let check = config.backends()[0].check.as_ref().expect("ams is checked");
    assert_eq!(check.target.netns.as_deref(), Some("dataplane"));
    assert_eq!(check.timing.down_interval, Duration::from_secs(90));
    let CheckKind::Http { http, tls, .. } = &check.target.kind else { panic!("secure is an https check") };
    assert_eq!(http.response_codes, [(200, 299), (301, 301)]);
    assert!(tls.as_ref().is_some_and(|tls| tls.insecure_skip_verify));
}

/// A file of Go's vpp-maglev means here what it meant there.
#[test]
fn params_are_the_other_spelling_of_http_and_tls() {
    let config = loaded("go-params.yaml");
    let kinds =
        config.backends().iter().map(|backend| &backend.check.as_ref().expect("it is checked").target.kind);
    let kinds: Vec<_> = kinds.collect();
    let [web, secure, plain, handshake, connect, ping, codes] = kinds[..] else { panic!("seven backends") };
    let CheckKind::Http { port: 80, http, tls: None } = web else { panic!("{web:?}") };
    assert_eq!((http.path.as_str(), http.host.as_deref()), ("/healthz", Some("www.example.net")));
    assert_eq!((http.response_codes.as_slice(), http.response_regexp.is_some()), (&[(200, 200)][..], true));
    let CheckKind::Http { http, tls: Some(tls), .. } = secure else { panic!("{secure:?}") };
    assert_eq!(http.response_codes, [(200, 299)]);
    assert_eq!((tls.server_name.as_deref(), tls.insecure_skip_verify), (Some("www.example.net"), true));
    assert_eq!(*plain, CheckKind::Tcp { port: 25, tls: None });
    let CheckKind::Tcp { tls: Some(tls), .. } = handshake else { panic!("{handshake:?}") };
    assert_eq!((tls.server_name.as_deref(), tls.insecure_skip_verify), (Some("mx.example.net"), false));
    assert_eq!((connect, ping), (&CheckKind::Tcp { port: 22, tls: None }, &CheckKind::Icmp));
    let CheckKind::Http { http, .. } = codes else { panic!("{codes:?}") };
    assert_eq!(http.response_codes, [(204, 204)]);
}

/// Which spelling a file chose is no difference: a rewrite of it restarts no probing.
#[test]
fn both_spellings_give_equal_checks() {
    let with = |settings: &str| {
        let text = format!(
            "maglev:\n  healthchecks:\n    web: {{ type: https, port: 443, {settings} }}\n  \
             backends:\n    ams: {{ address: 198.51.100.10, healthcheck: web }}\n"
        );
        load(&text).expect("it loads").config.backends()[0].check.clone()
    };
    let blocks = with("http: { path: /a, host: b, method: HEAD }, tls: { server-name: c.example }");
    assert_eq!(blocks, with("params: { path: /a, host: b, method: HEAD, server-name: c.example }"));
}

/// A merged key gives way to the entry's own.
#[test]
fn merge_keys_are_expanded() {
    let config = loaded("anchors.yaml");
    let check = |index: usize| config.backends()[index].check.as_ref().expect("it is checked");
    assert_eq!((check(0).target.kind.port(), check(1).target.kind.port()), (Some(80), Some(8080)));
    assert_eq!(check(1).timing.fall.get(), 5);
}

/// One anchor may serve any number of entries.
#[test]
fn one_anchor_serves_thousands() {
    use std::fmt::Write;
    let mut text =
        String::from("maglev:\n  backends:\n    first: &all { enabled: false, address: 198.51.100.1 }\n");
    for n in 0..20_000 {
        writeln!(text, "    b{n}: {{ <<: *all, address: 10.1.{}.{} }}", n / 250, n % 250)
            .expect("a String never fails");
    }
    let config = load(&text).expect("it loads").config;
    assert!(config.backends().len() == 20_001 && config.backends().iter().all(|backend| !backend.enabled));
}

/// Aliases of aliases are bounded before they fill the memory.
#[test]
fn exploding_aliases_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text += &format!("a{n}: &a{n} [{aliases}]\n");
    }
    let error = load(&text).expect_err("it explodes").to_string();
    assert!(error.contains("use fewer aliases"), "{error}");
}

/// Without VPP, its source addresses are nobody's business.
#[test]
fn without_vpp_no_source_is_needed() {
    let (_, bytes) =
        fixtures("bad").into_iter().find(|(name, _)| name.ends_with("sources-missing")).expect("it exists");
    let loaded = parse(&bytes, "maglev.yaml", Options { vpp_in_use: false }).expect("no source is needed");
    assert_eq!(loaded.config.lb().conf, None);
}

/// A missing file, a directory and a broken encoding end with exit code 1 and the name.
#[test]
fn unreadable_files_are_named() {
    let missing = read(Path::new("/nonexistent/maglev.yaml"), Options::default()).expect_err("it is missing");
    assert_eq!((missing.kind(), missing.exit_code()), ("read", 1));
    insta::assert_snapshot!(missing, @"/nonexistent/maglev.yaml: cannot be read: No such file or directory (os error 2); create it, or name another file with --config");
    let folder = read(Path::new("/"), Options::default()).expect_err("it is a directory");
    insta::assert_snapshot!(folder, @"/: cannot be read: Is a directory (os error 21); name the file inside of it with --config");
    let latin =
        parse(b"maglev:\n  # caf\xe9\n", "maglev.yaml", Options::default()).expect_err("it is not UTF-8");
    insta::assert_snapshot!(latin, @"maglev.yaml:2:8: the file is not UTF-8 here; save it as UTF-8");
}

/// Editors of other systems leave marks that mean nothing.
#[test]
fn byte_order_marks_and_carriage_returns_are_accepted() {
    load("\u{feff}maglev:\r\n  backends:\r\n    ams: { address: 198.51.100.10 }\r\n").expect("it loads");
}

/// Every file is somebody's typing: whatever it holds, there is an answer and no panic.
#[test]
fn mutated_files_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(80);
    let (mut good, mut refused) = (0, 0);
    for (_, original) in fixtures("good") {
        for _ in 0..200 {
            let mut bytes = original.clone();
            for _ in 0..rng.random_range(1..6) {
                mutate(&mut bytes, &mut rng);
            }
            match parse(&bytes, "maglev.yaml", Options::default()) {
                Ok(_) => good += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty(), "a refusal has a reason");
                    refused += 1;
                }
            }
        }
    }
    assert!(
        good > 50 && refused > 50,
        "the mutations are too tame or too wild: {good} good, {refused} refused"
    );
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    const SPICE: &[u8] = b"{}[]:,-#&*!|>'\"%@`~ \t\n\r0129.eE/\\\x00\x7f\xc3\xff";
    let at = rng.random_range(0..=bytes.len());
    let spice = SPICE[rng.random_range(0..SPICE.len())];
    match rng.random_range(0..4) {
        0 => bytes.insert(at, spice),
        1 if at < bytes.len() => bytes[at] = spice,
        2 if at < bytes.len() => {
            bytes.remove(at);
        }
        _ => {
            let end = rng.random_range(at..=bytes.len().min(at + 40));
            let copy: Vec<u8> = bytes[at..end].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, copy);
        }
    }
}

/// 50,000 backends in 1,000 frontends are a matter of a second, and mistakes in all of them too.
#[test]
fn the_largest_site_loads() {
    let config = load(&site(50_000, 1_000, 100)).expect("the site loads").config;
    assert_eq!((config.backends().len(), config.frontends().len()), (50_000, 1_000));
    let wrong = site(20_000, 100, 100).replace("healthcheck: web", "healthcheck: wob");
    assert_eq!(load(&wrong).expect_err("no check exists").findings().len(), 20_000);
}

fn site(backends: usize, frontends: usize, members: usize) -> String {
    use std::fmt::Write;
    let mut text = String::from(
        "maglev:\n  vpp: { lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1' } }\n  \
         healthchecks:\n    web: { type: http, port: 80 }\n  backends:\n",
    );
    let mut line = |args: std::fmt::Arguments<'_>| text.write_fmt(args).expect("a String never fails");
    for n in 0..backends {
        line(format_args!(
            "    b{n}:\n      address: 10.{}.{}.1\n      healthcheck: web\n",
            n / 250,
            n % 250
        ));
    }
    line(format_args!("  frontends:\n"));
    for n in 0..frontends {
        line(format_args!(
            "    f{n}:\n      address: 203.0.113.1\n      protocol: tcp\n      port: {}\n",
            n + 1
        ));
        line(format_args!("      pools:\n        - name: primary\n          backends:\n"));
        for m in 0..members {
            line(format_args!(
                "            b{}: {{ weight: {} }}\n",
                (n * 53 + m * 7) % backends,
                1 + m % 100
            ));
        }
    }
    text
}

/// A draft that no file could hold is checked like any other: names twice, and a backend twice in a pool.
#[test]
fn drafts_that_no_file_can_hold_are_refused_too() {
    let backend =
        |last| DraftBackend { address: IpAddr::from([198, 51, 100, last]), healthcheck: None, enabled: true };
    let frontend = DraftFrontend {
        description: String::new(),
        address: IpAddr::from([203, 0, 113, 80]),
        protocol: Some(DraftProtocol::Tcp),
        port: 80,
        src_ip_sticky: false,
        flush_on_down: true,
        pools: vec![DraftPool { name: "a".into(), backends: vec![("ams".into(), 1), ("ams".into(), 2)] }],
    };
    let draft = Draft {
        backends: vec![("ams".into(), backend(10)), ("ams".into(), backend(11))],
        frontends: vec![("www".into(), frontend)],
        vpp_in_use: false,
        ..Draft::default()
    };
    let problems = Config::check(&draft).expect_err("the draft is wrong");
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    backends.ams: the name is used twice in this section; rename one of the two
    frontends.www.pools[0].backends.ams: the backend is in this pool twice; remove one of the two
    ");
}

/// What the documentation shows can be copied.
#[test]
fn examples_of_the_documentation_load() {
    let text = fs::read_to_string(root().join("docs/configuration.md")).expect("the page is readable");
    let examples: Vec<_> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty(), "the page has no example");
    for example in examples {
        let loaded = load(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}
