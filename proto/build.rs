//! Makes Rust types of the protocol's files, without a compiler of the system's.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const FILES: [&str; 4] =
    ["maglev/v1/objects.proto", "maglev/v1/vpp.proto", "maglev/v1/events.proto", "maglev/v1/maglev.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=maglev");
    let files = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no folder for what is generated")?);
    fs::write(out.join("maglev.v1.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(files)?;
    Ok(())
}
