//! The pages that people read agree with the code.

use super::{File, files, none_of, page, root};

/// The page on which an operator finds every event of the log.
const OPERATING: &str = "docs/operating.md";

#[test]
fn every_event_is_explained_to_operators() {
    if !root().join(OPERATING).exists() {
        return;
    }
    let explained = page(OPERATING);
    let names = event_names();
    assert!(names.len() > 30, "only {} event names were found in core/src/event.rs", names.len());
    let unexplained: Vec<_> =
        names.into_iter().filter(|name| !explained.contains(&format!("`{name}`"))).collect();
    none_of(&unexplained, "say in docs/operating.md, in backquotes, what these events mean and what to do");
}

/// What `Event::name` may return: the strings of that function and of the one that it asks for changes.
fn event_names() -> Vec<String> {
    let source = page("core/src/event.rs");
    let bodies = ["pub const fn name(&self)", "fn changed_name("].map(|head| {
        let body = source.split(head).nth(1).unwrap_or_else(|| panic!("core/src/event.rs has no `{head}`"));
        body.split("\n    }\n").next().unwrap_or_default().split("\n}\n").next().unwrap_or_default()
    });
    let strings = bodies.iter().flat_map(|body| body.split('"').skip(1).step_by(2));
    strings.map(Into::into).collect()
}

/// Links between our pages lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<File> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|path| File { path: (*path).into(), text: page(path) })
        .collect();
    pages.extend(files("docs", ".md"));
    pages.extend(files("fuzz", ".md"));
    let mut broken = Vec::new();
    for page in &pages {
        let folder = root().join(&page.path).parent().expect("a file has a folder").to_path_buf();
        let links = page.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            if !folder.join(link).exists() {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    none_of(&broken, "correct these links");
}

/// What the pages quote of the tree is there.
#[test]
fn the_code_map_is_true() {
    let map = page("ARCHITECTURE.md");
    let quoted = map.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let tops = [
            "src/",
            "core/",
            "config/",
            "journal/",
            "sim/",
            "fuzz/",
            "ctl/",
            "tests/",
            "fixtures/",
            "snapshots/",
            "docs/",
            "benches/",
            "packaging/",
        ];
        tops.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '<', '{', ' '])
    };
    let gone: Vec<String> =
        quoted.filter(is_path).filter(|path| !root().join(path).exists()).map(Into::into).collect();
    none_of(&gone, "ARCHITECTURE.md names these, and they are not there");
}

/// The configuration of the front page can be copied.
#[test]
fn the_example_of_the_front_page_loads() {
    let readme = page("README.md");
    let yaml = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let yaml = yaml.expect("README.md has an example");
    let loaded = maglevd::config::parse(yaml.as_bytes(), "README.md", maglevd::config::Options::default());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}
