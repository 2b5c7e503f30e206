//! stub
use std::process::ExitCode;
/// stub
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {}
/// stub
pub fn main(_: &Flags, _: crate::clock::SystemClock) -> ExitCode {
    ExitCode::SUCCESS
}
