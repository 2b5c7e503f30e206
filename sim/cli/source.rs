//! Where a scenario comes from: a file that a person wrote, or a seed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use maglev_sim::plot::Plot;
use maglev_sim::script::ScriptError;
use maglev_sim::{Configs, Scenario, swarm};

use crate::Trouble;
use crate::args::Source;

/// A file larger than this is no scenario.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A scenario that can be played.
#[derive(Debug)]
pub(crate) struct Piece {
    /// What messages call it.
    pub(crate) name: String,
    /// What happens.
    pub(crate) scenario: Scenario,
    /// Its configurations, checked.
    pub(crate) configs: Configs,
    /// The same as data.
    pub(crate) plot: Plot,
}

impl Source {
    /// Reads and checks it.
    pub(crate) fn open(&self) -> Result<Piece, Trouble> {
        match (&self.what, self.seed) {
            (_, Some(seed)) => Piece::of_seed(seed),
            (Some(path), None) => match path.to_str().and_then(|text| text.parse().ok()) {
                Some(seed) if !path.exists() => Piece::of_seed(seed),
                _ => Piece::of_file(path),
            },
            (None, None) => Err(Trouble::Bad("nothing to play: name a scenario file or a seed".into())),
        }
    }
}

impl Piece {
    fn of_seed(seed: u64) -> Result<Self, Trouble> {
        let name = format!("seed {seed}");
        let plot = swarm::plot(seed);
        let configs = plot.configs().map_err(|error| unplayable(&name, &error))?;
        Ok(Self { scenario: plot.scenario.clone(), name, configs, plot })
    }

    fn of_file(path: &Path) -> Result<Self, Trouble> {
        let name = path.display().to_string();
        let text = read(path).map_err(|error| Trouble::Bad(format!("{name}: {}", remedy(path, &error))))?;
        let understand = || {
            let scenario = Scenario::read(&text)?;
            Ok((scenario.checked()?, Plot::of(&scenario)?, scenario))
        };
        let (configs, plot, scenario) = understand().map_err(|error| unplayable(&name, &error))?;
        Ok(Self { name, scenario, configs, plot })
    }
}

/// `file:line: what is wrong, and what to do`, as editors understand it.
pub(crate) fn unplayable(name: &str, error: &ScriptError) -> Trouble {
    let place = if error.line == 0 { name.to_owned() } else { format!("{name}:{}", error.line) };
    Trouble::Bad(format!("{place}: {}", error.message))
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn remedy(path: &Path, error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "there is no such file: name a scenario such as fixtures/scenarios/sync-04-failover.yaml, or a seed"
            .into()
    } else if path.is_dir() {
        "this is a folder: name one scenario in it".into()
    } else if kind == io::ErrorKind::InvalidData {
        format!("this is no text: {error}; save it as UTF-8")
    } else {
        format!("it cannot be read: {error}; name a scenario file that you may read")
    }
}
