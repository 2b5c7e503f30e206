//! What several rooms of the tests share.

// All of it is test code; the attribute lets clippy know.
#[cfg(test)]
pub mod backends;
pub mod binary;
pub mod golden;
pub mod kept;
pub mod pki;
pub mod recorded;
pub mod scratch;
pub mod segment;
pub mod site;
pub mod until;
pub mod vpp_process;
pub mod vpp_raw;
pub mod vpp_talk;
pub mod vpp_toy;

use std::io::Write as _;

/// Says what cannot be tested here, past the test harness, which keeps to itself what a test prints that passes.
pub fn not_tested(why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}

/// Settings for snapshots under `snapshots/<name>/`: absolute, without module names, without expressions.
pub fn shelf(name: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("{}/snapshots/{name}", env!("CARGO_MANIFEST_DIR")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
