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
}

/// What stands between `open` and `close`, each time.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| Some(rest.split_once(close)?.0))
}

/// Panels group by labels that their metrics have, name their lines by labels that are left, and do not overlap; and
/// whatever VPP counts is on one.
#[test]
fn the_dashboard_groups_by_labels_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&page("examples/maglevd-dashboard.json")).unwrap();
    let (mut ids, mut places, mut shown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let (title, place) = (&panel["title"], &panel["gridPos"]);
        assert!(ids.insert(panel["id"].as_u64()), "{title} has the id of another");
        assert!(places.insert((place["x"].as_u64(), place["y"].as_u64())), "{title} lies on another");
        for target in panel["targets"].as_array().unwrap() {
            let [expr, legend] = ["expr", "legendFormat"].map(|key| target[key].as_str().unwrap());
            let names = named(expr);
            let metrics = ALL.iter().filter(|metric| names.contains(metric.name));
            let labels: BTreeSet<&str> =
                metrics.flat_map(|metric| metric.labels).copied().chain(["instance", "le"]).collect();
            let groups: Vec<&str> =
                between(expr, "by (", ")").flat_map(|group| group.split(',').map(str::trim)).collect();
            let lines: Vec<&str> = between(legend, "{{", "}}").collect();
            let all = groups.iter().chain(&lines);
            let unknown: Vec<_> = all.filter(|label| !labels.contains(**label)).collect();
            assert!(unknown.is_empty(), "{title}: no label {unknown:?} in {expr}");
            let lost: Vec<_> = lines.iter().filter(|line| !groups.contains(line)).collect();
            assert!(groups.is_empty() || lost.is_empty(), "{title}: {lost:?} is grouped away by {expr}");
            shown.extend(names);
        }
    }
    let counted = ["maglev_vpp_vip_", "maglev_vpp_server_"];
    let counted = ALL.iter().filter(|metric| counted.iter().any(|start| metric.name.starts_with(start)));
    let missing: Vec<_> = counted.filter(|metric| !shown.contains(metric.name)).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
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
