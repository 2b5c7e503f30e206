//! The file: a line that says what follows and its checksum, then the choices as JSON that people can read.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use maglev_core::{Memory, Recollection};
use serde_json::json;
use twox_hash::XxHash64;

use crate::clock::wall_time;

/// The file in the folder.
const NAME: &str = "operator-choices.json";

/// The version of what stands in it.
const VERSION: u64 = 1;

/// More than this is no file of ours: 100,000 choices with their reasons are a third of it.
const SIZE_MAX: u64 = 64 << 20;

/// What people call things is in it, and who they are.
const MODE: u32 = 0o640;

/// Why the folder cannot be used at all, or its file cannot be written. Says which, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ChoicesError {
    /// Two daemons.
    #[error("--state-dir {}: another maglevd keeps operators' choices there; give each its own folder", .0.display())]
    InUse(PathBuf),
    /// The system says no.
    #[error("{} cannot be {doing}: {source}; see that the folder of --state-dir is there, that this user may write in it, and that there is room", .path.display())]
    System {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        source: io::Error,
    },
}

/// The folder of one daemon.
#[derive(Debug)]
pub struct Choices {
    folder: PathBuf,
    /// What stands in the file cannot be read: it goes aside before it is overwritten.
    is_damaged: AtomicBool,
    /// Held as long as the daemon lives, if it could be had.
    _lock: Option<File>,
}

impl Choices {
    /// Takes the folder, which is made if only it is missing, and reads what is kept there.
    ///
    /// # Errors
    /// Another daemon has it. Whatever else is wrong is no reason not to start: reading says so now, writing soon.
    pub fn open(folder: &Path) -> Result<(Self, Recollection), ChoicesError> {
        // A daemon that changes its folder later still finds it.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        // If this fails, so will writing, and that is told.
        let _ = fs::create_dir(&folder);
        let lock = options().append(true).create(true).open(folder.join("lock")).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(ChoicesError::InUse(folder));
        }
        let found = read(&folder.join(NAME));
        let is_damaged = AtomicBool::new(matches!(found, Recollection::Lost(_)));
        Ok((Self { folder, is_damaged, _lock: lock }, found))
    }

    /// Writes everything anew, so that whoever reads finds the old or the new, and whole.
    ///
    /// # Errors
    /// The system says no; what stood there stands there still.
    pub fn write(&self, memory: &Memory) -> Result<(), ChoicesError> {
        let (path, fresh) = (self.folder.join(NAME), self.folder.join(format!("{NAME}.new")));
        let failed = |path: &Path, doing: &'static str| {
            let path = path.to_owned();
            move |source: io::Error| ChoicesError::System { path, doing, source }
        };
        let mut file =
            options().write(true).create(true).truncate(true).open(&fresh).map_err(failed(&fresh, "made"))?;
        file.write_all(print(memory).as_bytes()).map_err(failed(&fresh, "written"))?;
        file.sync_all().map_err(failed(&fresh, "brought to the disk"))?;
        self.set_aside(&path).map_err(failed(&path, "set aside"))?;
        fs::rename(&fresh, &path).map_err(failed(&path, "replaced"))?;
        // The new name must outlive a power cut as well.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(&self.folder, "brought to the disk"))
    }

    /// What could not be read gets a second name, and keeps its first until the new file is there: who starts in between
    /// must not find nothing.
    fn set_aside(&self, path: &Path) -> io::Result<()> {
        if !self.is_damaged.load(Ordering::Relaxed) {
            return Ok(());
        }
        let aside = self.folder.join(format!("{NAME}.unreadable-{}", wall_time().as_secs()));
        match fs::hard_link(path, &aside) {
            Ok(()) => tracing::warn!(file = %aside.display(), "operator-choices-set-aside"),
            Err(err) if err.kind() == ErrorKind::NotFound || err.kind() == ErrorKind::AlreadyExists => (),
            Err(err) => return Err(err),
        }
        self.is_damaged.store(false, Ordering::Relaxed);
        Ok(())
    }
}

fn options() -> fs::OpenOptions {
    let mut options = File::options();
    options.mode(MODE);
    options
}

/// The whole file.
pub fn print(memory: &Memory) -> String {
    seal(&(serde_json::to_string_pretty(memory).unwrap_or_default() + "\n"))
}

/// A body under the first line that belongs to it.
pub fn seal(body: &str) -> String {
    let head = json!({ "maglev-choices": VERSION, "bytes": body.len(), "xxh64": checksum(body) });
    format!("{head}\n{body}")
}

fn checksum(body: &str) -> String {
    format!("{:016x}", XxHash64::oneshot(VERSION, body.as_bytes()))
}

fn read(path: &Path) -> Recollection {
    match load(path) {
        Ok(None) => Recollection::Nothing,
        Ok(Some(bytes)) => match parse(&bytes) {
            Ok(memory) => Recollection::Known(memory),
            Err(why) => Recollection::Lost(format!(
                "{}: {why}; it is set aside when the next one is written",
                path.display()
            )),
        },
        Err(why) => Recollection::Lost(format!("{} cannot be read: {why}", path.display())),
    }
}

fn load(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no regular file")),
        Ok(found) if found.len() > SIZE_MAX => {
            return Err(io::Error::other(format!(
                "it has {} bytes, at most {SIZE_MAX} are ours",
                found.len()
            )));
        }
        Ok(_) => (),
    }
    fs::read(path).map(Some)
}

/// Reads a whole file.
///
/// # Errors
/// It is not as it was written, or of another version: why, in words.
pub fn parse(bytes: &[u8]) -> Result<Memory, String> {
    let text = str::from_utf8(bytes).map_err(|err| format!("it is no text: {err}"))?;
    let (head, body) = text.split_once('\n').ok_or("it ends within its first line")?;
    let head: serde_json::Value =
        serde_json::from_str(head).map_err(|err| format!("its first line: {err}"))?;
    match head["maglev-choices"].as_u64() {
        Some(VERSION) => (),
        Some(other) => return Err(format!("it has version {other}, and this maglevd reads {VERSION}")),
        None => return Err("its first line is not that of a file of choices".into()),
    }
    if head["bytes"].as_u64() != Some(body.len() as u64) {
        return Err(format!("{} bytes were written and {} are there", head["bytes"], body.len()));
    }
    if head["xxh64"].as_str() != Some(checksum(body).as_str()) {
        return Err("its checksum is wrong".into());
    }
    serde_json::from_str(body).map_err(|err| err.to_string())
}
