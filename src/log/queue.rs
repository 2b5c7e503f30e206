//! The bounded queue between those who log and the thread that writes.
//!
//! A full pipe, a stopped terminal, a slow journal: whoever logs never waits for them. Lines beyond the bound are
//! dropped and counted, and the count is the first thing said when the reader is back. A reader that is gone for good
//! costs us nothing but its lines.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that wait at most. A first sync of 10,000 calls logs as many.
const LINES_MAX: usize = 16_384;

/// How long the end of the process waits for its last lines.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    dropped: u64,
    writing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0 && !self.writing
    }
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

impl Queue {
    /// Starts a thread that writes to `out`. `confess` makes the line that says how many were dropped.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        confess: impl Fn(u64) -> String + Send + 'static,
    ) -> Arc<Self> {
        let queue = Arc::new(Self::default());
        let writer = Arc::clone(&queue);
        let thread = thread::Builder::new().name("log".to_owned());
        // Without the thread (no memory for one) lines are counted as dropped, and the daemon works.
        let _ = thread.spawn(move || writer.write_to(out, confess));
        queue
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A queue of lines is whole after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, line: String) {
        let mut state = self.state();
        if state.lines.len() < LINES_MAX {
            state.lines.push_back(line);
        } else {
            state.dropped += 1;
        }
        self.filled.notify_one();
    }

    /// Waits until everything is written, but not for long.
    pub(super) fn drain(&self) {
        let is_busy = |state: &mut State| !state.is_idle();
        let _ = self.drained.wait_timeout_while(self.state(), DRAIN_LIMIT, is_busy);
    }

    fn write_to(&self, mut out: impl Write, confess: impl Fn(u64) -> String) {
        loop {
            let (lines, dropped) = self.take();
            let mut text: String = lines.into_iter().collect();
            if dropped > 0 {
                text.push_str(&confess(dropped));
            }
            // EPIPE and the like: there is nobody to say it to, and no reason to stop working.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            self.state().writing = false;
            self.drained.notify_all();
        }
    }

    fn take(&self) -> (VecDeque<String>, u64) {
        let is_empty = |state: &mut State| state.lines.is_empty() && state.dropped == 0;
        let filled = self.filled.wait_while(self.state(), is_empty);
        let mut state = filled.unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        (std::mem::take(&mut state.lines), std::mem::take(&mut state.dropped))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    /// A reader that takes one write per permission.
    struct Pipe {
        permits: mpsc::Receiver<io::Result<()>>,
        read: mpsc::Sender<String>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().unwrap_or(Ok(()))?;
            let _ = self.read.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (Arc<Queue>, mpsc::Sender<io::Result<()>>, mpsc::Receiver<String>) {
        let (permit, permits) = mpsc::channel();
        let (read, written) = mpsc::channel();
        let queue = Queue::start(Pipe { permits, read }, |lost| format!("lost {lost}\n"));
        (queue, permit, written)
    }

    #[test]
    fn a_sleeping_reader_costs_lines_and_hears_how_many() {
        let (queue, permit, written) = queue();
        queue.push("first\n".to_owned());
        while !queue.state().writing {
            thread::yield_now();
        }
        for _ in 0..LINES_MAX + 3 {
            queue.push("x\n".to_owned());
        }
        permit.send(Ok(())).unwrap();
        assert_eq!(written.recv().unwrap(), "first\n");
        permit.send(Ok(())).unwrap();
        let rest = written.recv().unwrap();
        assert!(rest.ends_with("x\nlost 3\n"));
        assert_eq!(rest.lines().count(), LINES_MAX + 1);
    }

    #[test]
    fn a_reader_that_is_gone_does_not_end_the_writer() {
        let (queue, permit, written) = queue();
        permit.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        queue.push("nobody reads this\n".to_owned());
        queue.drain();
        permit.send(Ok(())).unwrap();
        queue.push("somebody reads this\n".to_owned());
        assert_eq!(written.recv().unwrap(), "somebody reads this\n");
    }
}
