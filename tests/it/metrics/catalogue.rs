//! The reference and the examples name the metrics that there are.

use std::collections::BTreeSet;

use maglevd::metrics::catalogue::ALL;

fn page(name: &str) -> String {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

/// Names of metrics in a text, without what a histogram or a counter adds for its series.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("maglev_"));
    let whole = |name: &str| ALL.iter().any(|metric| metric.name == name);
    names
        .map(|name| {
            let suffix = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            suffix.filter(|short| !whole(name) && whole(short)).unwrap_or(name).to_owned()
        })
        .collect()
}

#[test]
fn examples_name_only_metrics_that_exist() {
    let all: BTreeSet<String> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    for example in ["examples/maglevd.rules.yml", "examples/maglevd-dashboard.json"] {
        let named = named(&page(example));
        assert!(named.len() > 5, "{example} names few metrics");
        let unknown: Vec<_> = named.difference(&all).collect();
        assert!(unknown.is_empty(), "{example} names {unknown:?}");
    }
    serde_json::from_str::<serde_json::Value>(&page("examples/maglevd-dashboard.json")).unwrap();
}

/// One row for each, word for word.
#[test]
fn the_reference_is_the_catalogue() {
    let text = page("metrics.md");
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = format!(
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.help
        );
        assert!(text.contains(&row), "docs/metrics.md lacks this row:\n{row}");
    }
    let all: BTreeSet<String> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(named(&text).difference(&all).collect::<Vec<_>>(), Vec::<&String>::new());
}
