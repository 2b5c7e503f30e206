//! The binary as people run it: exit codes, messages, files.
fn main() {}
