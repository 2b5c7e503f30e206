//! The journal's files: `F` is being written, `F.1` is the one before, `F.lock` says that both are ours.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The smallest size of both files together: less holds no configuration.
pub const SIZE_MIN: u64 = 64 << 10;

/// How every journal begins.
const BEGINNING: &[u8] = b"{\"maglev-journal\":";

/// Names of servers are in it, and what people call them.
const MODE: u32 = 0o640;

/// Why no journal can be kept. Says which file, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A folder stands there.
    #[error("--journal {}: this is a folder; name a file in it", .0.display())]
    Folder(PathBuf),
    /// A device, a pipe or a socket stands there.
    #[error("--journal {}: this is no regular file, and a journal is renamed when it is full; name another", .0.display())]
    Special(PathBuf),
    /// Somebody's file stands there.
    #[error("--journal: {} is there and is no journal of maglevd; name another file, or move this one away", .0.display())]
    Foreign(PathBuf),
    /// Two daemons.
    #[error("--journal {}: another maglevd writes this journal; give each its own file", .0.display())]
    InUse(PathBuf),
    /// The system says no.
    #[error("--journal {}: {} cannot be {doing}: {source}; the folder must be there, and this user must be allowed to write in it", .path.display(), .file.display())]
    System {
        /// What the flag says.
        path: PathBuf,
        /// Which file.
        file: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        source: io::Error,
    },
}

/// An open journal. Not being written yet, or by one thread.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    file: File,
    length: u64,
    /// `F` is full at this length.
    limit: u64,
    /// Length of the head that `F` begins with.
    head: u64,
    /// Held as long as the journal is written; the file stays.
    _lock: File,
}

impl Book {
    /// Takes `path`. A journal that is there becomes `F.1`; `size` is for both.
    ///
    /// # Errors
    /// See [`BookError`]; nothing was renamed and nothing written.
    pub fn open(path: &Path, size: u64) -> Result<Self, BookError> {
        // A daemon that changes its folder later still finds it.
        let system = |file: &Path, doing: &'static str| {
            let (path, file) = (path.to_owned(), file.to_owned());
            move |source: io::Error| BookError::System { path, file, doing, source }
        };
        let full = std::path::absolute(path).map_err(system(path, "found"))?;
        let (old, lock_path) = (beside(&full, ".1"), beside(&full, ".lock"));
        match fs::metadata(&full) {
            Ok(found) if found.is_dir() => return Err(BookError::Folder(full)),
            Ok(found) if !found.is_file() => return Err(BookError::Special(full)),
            Ok(_) | Err(_) => (),
        }
        let lock =
            options().append(true).create(true).open(&lock_path).map_err(system(&lock_path, "opened"))?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(BookError::InUse(full)),
            Err(TryLockError::Error(err)) => return Err(system(&lock_path, "locked")(err)),
        }
        for file in [&full, &old] {
            if !may_be_replaced(file).map_err(system(file, "read"))? {
                return Err(BookError::Foreign(file.clone()));
            }
        }
        let file = replace(&full, &old).map_err(system(&full, "made"))?;
        // A little is written between the moment when it is full and the new one.
        let limit = size / 2 - size / 16;
        Ok(Self { path: full, file, length: 0, limit, head: 0, _lock: lock })
    }

    /// Where it is, from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the next head should begin another file. A head that fills half of it leaves room for as much again.
    pub(super) const fn is_full(&self) -> bool {
        self.length >= self.limit && self.length >= 2 * self.head
    }

    /// Begins another file if this one is full.
    pub(super) fn turn_page(&mut self) -> io::Result<()> {
        if self.is_full() {
            self.file = replace(&self.path, &beside(&self.path, ".1"))?;
            (self.length, self.head) = (0, 0);
        }
        Ok(())
    }

    /// A head of this length is appended next. The first of a file counts.
    pub(super) fn begins_with(&mut self, head: usize) {
        if self.head == 0 {
            self.head = head as u64;
        }
    }

    /// Appends all of it, or nothing.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<()> {
        match self.file.write_all(text) {
            Ok(()) => self.length += text.len() as u64,
            Err(err) => {
                // A torn line in the middle would end every replay. If even this fails, it does.
                let _ = self.file.set_len(self.length);
                return Err(err);
            }
        }
        Ok(())
    }
}

fn options() -> fs::OpenOptions {
    let mut options = File::options();
    options.mode(MODE);
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Whether a file is not there, is empty, or is a journal.
fn may_be_replaced(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Ok(false),
        Ok(_) => (),
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(true),
        Err(err) => return Err(err),
    }
    let file = File::open(path)?;
    let mut text = Vec::new();
    file.take(BEGINNING.len() as u64).read_to_end(&mut text)?;
    Ok(BEGINNING.starts_with(&text))
}

/// Moves what is at `path` to `old`, unless it is empty, and makes a new file there.
fn replace(path: &Path, old: &Path) -> io::Result<File> {
    let has_text = fs::metadata(path).is_ok_and(|found| found.len() > 0);
    if has_text {
        fs::rename(path, old)?;
    }
    options().append(true).create(true).open(path)
}
