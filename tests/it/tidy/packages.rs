//! Dependencies: each has a reason, an accepted licence and a known source. `deny.toml` holds the lists.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::{none_of, page, root};

/// The package graph, as cargo resolves it for this machine.
struct Graph {
    packages: Vec<Value>,
    nodes: Vec<Value>,
}

impl Graph {
    fn read() -> Self {
        let host = run("rustc", &["-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
        // Windows crates are in Cargo.lock too, and never on a machine of ours.
        let text =
            run(env!("CARGO"), &["metadata", "--format-version=1", "--locked", "--filter-platform", host]);
        let graph: Value = serde_json::from_str(&text).expect("cargo metadata writes JSON");
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Self { packages: list(&graph["packages"]), nodes: list(&graph["resolve"]["nodes"]) }
    }

    fn ours(&self) -> impl Iterator<Item = &Value> {
        self.packages.iter().filter(|package| package["source"].is_null())
    }

    fn package(&self, name: &str) -> &Value {
        let found = self.ours().find(|package| package["name"] == name);
        found.unwrap_or_else(|| panic!("there is no package {name}"))
    }

    /// Everything that ends up in `name`, itself included; what only tests and build scripts use is left out.
    fn closure(&self, name: &str) -> BTreeSet<&str> {
        let nodes: BTreeMap<&str, &Value> = self.nodes.iter().map(|node| (text(&node["id"]), node)).collect();
        let mut open = vec![text(&self.package(name)["id"])];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(node) = nodes.get(id).filter(|_| seen.insert(id)) else { continue };
            for dependency in node["deps"].as_array().into_iter().flatten() {
                let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
                if kinds.any(|kind| kind["kind"].is_null()) {
                    open.push(text(&dependency["pkg"]));
                }
            }
        }
        let named = self.packages.iter().filter(|package| seen.contains(text(&package["id"])));
        named.map(|package| text(&package["name"])).collect()
    }
}

pub(super) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn direct(package: &Value) -> BTreeSet<&str> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies.map(|dependency| text(&dependency["name"])).collect()
}

/// The strings of a list of `deny.toml`: everything in quotes between `key = [` and the closing bracket.
fn listed(key: &str) -> BTreeSet<String> {
    let page = page("deny.toml");
    let head = format!("\n{key} = [");
    let list = page.split(&head).nth(1).unwrap_or_else(|| panic!("deny.toml has no list `{key}`"));
    let list = list.split("\n]").next().unwrap_or_default();
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).map(Into::into).collect()
}

#[test]
fn every_licence_is_accepted() {
    let allowed = listed("allow");
    let graph = Graph::read();
    let foreign: Vec<_> = graph
        .packages
        .iter()
        .filter(|package| !accepts(text(&package["license"]), &allowed))
        .map(|package| format!("{}: {}", text(&package["name"]), package["license"]))
        .collect();
    none_of(&foreign, "do without these, or accept their licence in deny.toml after reading it");
}

/// Whether a licence expression can be met with the allowed ones. `/` is the old way to write OR.
fn accepts(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    !tokens.is_empty() && any(&tokens, &mut at, allowed) && at == tokens.len()
}

fn any(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(tokens, at, allowed);
    }
    met
}

fn all(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allowed);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let token = tokens.get(*at).copied().unwrap_or_default();
    *at += 1;
    if token == "(" {
        let met = any(tokens, at, allowed);
        *at += 1;
        return met;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(&format!("{token} WITH {exception}"));
    }
    allowed.contains(token)
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> = ["MIT", "ISC"].map(Into::into).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("", false),
    ] {
        assert_eq!(accepts(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_package_comes_from_the_registry() {
    let graph = Graph::read();
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let foreign: Vec<_> = graph
        .packages
        .iter()
        .filter(|package| package["source"].as_str().is_some_and(|source| source != registry))
        .map(|package| format!("{}: {}", text(&package["name"]), package["source"]))
        .collect();
    none_of(&foreign, "take released versions from the registry; a branch of a repository moves under us");
}

#[test]
fn unwanted_packages_are_absent() {
    let unwanted = listed("deny");
    let graph = Graph::read();
    let names = graph.packages.iter().map(|package| text(&package["name"]));
    let found: Vec<String> = names.filter(|name| unwanted.contains(*name)).map(Into::into).collect();
    none_of(
        &found,
        "deny.toml says why these are not wanted; `cargo tree --invert NAME` says who brings them",
    );
}

#[test]
fn no_package_is_there_twice() {
    let tolerated = listed("skip");
    let graph = Graph::read();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &graph.packages {
        versions.entry(text(&package["name"])).or_default().insert(text(&package["version"]));
    }
    let twice = versions.iter().filter(|(name, versions)| versions.len() > 1 && !tolerated.contains(**name));
    let twice: Vec<_> = twice.map(|(name, versions)| format!("{name}: {versions:?}")).collect();
    none_of(&twice, "bring these to one version, or tolerate them in deny.toml with the reason");
}

#[test]
fn every_dependency_has_its_line_of_reason() {
    let contributing = page("CONTRIBUTING.md");
    let reasons: BTreeSet<&str> = contributing
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name))
        .collect();
    let graph = Graph::read();
    let ours: BTreeSet<&str> = graph.ours().map(|package| text(&package["name"])).collect();
    let used: BTreeSet<&str> = graph.ours().flat_map(direct).filter(|name| !ours.contains(name)).collect();
    let silent: Vec<String> = used.difference(&reasons).map(|name| (*name).into()).collect();
    none_of(&silent, "give these their line in the table of dependencies in CONTRIBUTING.md, or do without");
    let stale: Vec<String> = reasons.difference(&used).map(|name| (*name).into()).collect();
    none_of(&stale, "nothing depends on these any more; take them out of CONTRIBUTING.md");
}

#[test]
fn the_core_depends_on_chance_and_serde_alone() {
    let graph = Graph::read();
    let dependencies = graph.package("maglev-core")["dependencies"].as_array().into_iter().flatten();
    let linked = dependencies.filter(|dependency| dependency["kind"].is_null());
    let direct: BTreeSet<&str> = linked.map(|dependency| text(&dependency["name"])).collect();
    assert_eq!(
        direct,
        BTreeSet::from(["rand", "rand_chacha", "serde"]),
        "core/Cargo.toml: the core decides, and needs nothing else for it"
    );
}

#[test]
fn the_reader_has_no_runtime_below_it() {
    let graph = Graph::read();
    let runtime = runtime_below("maglev-config", &graph);
    assert!(runtime.is_empty(), "config/Cargo.toml: a file is read without waiting, so without {runtime:?}");
}

#[test]
fn the_journal_knows_the_core_alone() {
    let graph = Graph::read();
    let ours: BTreeSet<&str> = graph.ours().map(|package| text(&package["name"])).collect();
    let direct = direct(graph.package("maglev-journal"));
    let known: Vec<&str> = direct.into_iter().filter(|name| ours.contains(name)).collect();
    assert_eq!(known, ["maglev-core"], "journal/Cargo.toml: the daemon writes it, the simulator reads it");
    let runtime = runtime_below("maglev-journal", &graph);
    assert!(
        runtime.is_empty(),
        "journal/Cargo.toml: it is read and written without waiting, so without {runtime:?}"
    );
}

#[test]
fn the_simulator_has_no_runtime_below_it() {
    let graph = Graph::read();
    let runtime = runtime_below("maglev-sim", &graph);
    assert!(
        runtime.is_empty(),
        "sim/Cargo.toml: the simulator runs on simulated time alone, without {runtime:?}"
    );
}

fn runtime_below(package: &str, graph: &Graph) -> Vec<&'static str> {
    let closure = graph.closure(package);
    let runtime = ["tokio", "mio", "hyper", "socket2", "rustls"];
    runtime.into_iter().filter(|name| closure.contains(name)).collect()
}
