//! What several rooms of the tests share.

use std::path::Path;

/// Where snapshots of one kind stand: `snapshots/<name>/<snapshot>.snap`, mirroring `fixtures/<name>/`.
pub fn shelf(name: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
