//! A terminal: a pseudo-terminal with a process on it, and what its user would see.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal. Its process is killed when it is dropped.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    output: mpsc::Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was ever written to it.
    raw: Vec<u8>,
}

impl Terminal {
    pub fn start(command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let child = command.env("TERM", "xterm-256color").spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let (reader, (sender, output)) = (Arc::clone(&pty), mpsc::channel());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The read fails when the last process has gone.
            while let Ok(length @ 1..) = (&*reader).read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { pty, child, output, screen: screen(rows, columns), raw: Vec::new() }
    }

    /// Types.
    pub fn say(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.screen = screen(rows, columns);
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// What its user sees.
    pub fn seen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until its user sees it.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        loop {
            let seen = self.seen();
            if is_so(&seen) {
                return seen;
            }
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.take(&bytes),
                Err(err) => panic!("waited in vain until {what} ({err}):\n{seen}"),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.raw.extend_from_slice(bytes);
    }

    /// Waits for the end of the process: its code, and all that was ever written.
    pub fn end(mut self) -> (i32, String) {
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.take(&bytes),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.seen()),
            }
        }
        let code = self.child.wait().unwrap().code().expect("an exit code");
        (code, String::from_utf8_lossy(&self.raw).into_owned())
    }
}

fn screen(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap(), 0)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
