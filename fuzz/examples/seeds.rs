//! Writes what a fuzzer starts from: `cargo run -p maglev-fuzz --example seeds -- TARGET FOLDER`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(target), Some(folder)) = (words.next(), words.next()) else {
        return Err("name a target and a folder".into());
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    for (number, input) in maglev_fuzz::seeds::of(&target).iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), input)?;
    }
    Ok(())
}
