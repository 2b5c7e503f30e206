//! Stats segments of our own making, laid out as VPP lays them out.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use maglevd::vpp::stats::{KINDS, Memory};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType, accept,
    bind, connect, listen, sendmsg, socket,
};

/// Where VPP's process has it mapped.
pub const BASE: u64 = 0x7f00_0000_0000;
/// Where [`Build`] puts the directory.
pub const DIRECTORY: usize = 64;
pub const ENTRY: usize = 144;
/// Room for this many entries.
const ENTRIES: usize = 16;

/// Makes one.
pub struct Build {
    pub bytes: Vec<u8>,
    entries: usize,
}

impl Build {
    /// With VPP's own three entries.
    pub fn new(heartbeat: u64, boot_time: u64) -> Self {
        let mut build = Self { bytes: vec![0; DIRECTORY + ENTRIES * ENTRY], entries: 0 };
        for (at, value) in [(0, 2), (8, BASE), (16, 5), (24, 0), (32, BASE + DIRECTORY as u64)] {
            build.put(at, value);
        }
        build.entry("/sys/heartbeat", 1, heartbeat);
        build.entry("/sys/last_stats_clear", 1, 0);
        build.entry("/sys/boottime", 1, boot_time);
        build
    }

    /// One that is there already, to be spoiled.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, entries: 0 }
    }

    /// Writes a number.
    pub fn put(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    /// Adds an entry.
    pub fn entry(&mut self, name: &str, kind: u32, value: u64) {
        let at = DIRECTORY + self.entries * ENTRY;
        self.put(at, kind.into());
        self.put(at + 8, value);
        self.bytes[at + 16..at + 16 + name.len()].copy_from_slice(name.as_bytes());
        self.entries += 1;
        self.put(DIRECTORY - 8, self.entries as u64);
    }

    /// Adds a vector of numbers, `elements` of them to an element, and returns its address.
    pub fn vector(&mut self, numbers: &[u64], elements: usize) -> u64 {
        self.bytes.extend(((numbers.len() / elements) as u64).to_ne_bytes());
        let address = BASE + self.bytes.len() as u64;
        self.bytes.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
        address
    }

    /// Adds counters: for each thread a vector by index, `width` numbers to an index.
    pub fn counters(&mut self, name: &str, kind: u32, width: usize, threads: &[&[u64]]) {
        let inner: Vec<u64> = threads.iter().map(|numbers| self.vector(numbers, width)).collect();
        let outer = self.vector(&inner, 1);
        self.entry(name, kind, outer);
    }

    /// The four lb counters, the nth of them with `packets(n)`, each in two threads.
    pub fn lb(&mut self, packets: impl Fn(usize) -> [Vec<u64>; 2]) {
        for (nth, (name, _)) in KINDS.iter().enumerate() {
            let [main, worker] = packets(nth);
            self.counters(name, 2, 1, &[&main, &worker]);
        }
    }
}

type Writer = dyn Fn(u64, &mut Vec<u8>);

/// A segment in memory, whose writer may move between two of our reads.
pub struct Shared {
    pub bytes: RefCell<Vec<u8>>,
    pub reads: Cell<u64>,
    writer: Box<Writer>,
}

impl Shared {
    /// Nobody writes.
    pub fn still(bytes: Vec<u8>) -> Self {
        Self::written(bytes, |_, _| ())
    }

    /// `writer` has its turn before each of our reads, and hears how many there were.
    pub fn written(bytes: Vec<u8>, writer: impl Fn(u64, &mut Vec<u8>) + 'static) -> Self {
        Self { bytes: RefCell::new(bytes), reads: Cell::new(0), writer: Box::new(writer) }
    }
}

impl Memory for &Shared {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.borrow().len() as u64)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let nth = self.reads.get();
        self.reads.set(nth + 1);
        (self.writer)(nth, &mut self.bytes.borrow_mut());
        let bytes = self.bytes.borrow();
        let at = usize::try_from(at).expect("the reader checks offsets");
        let found = bytes.get(at..at + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    }
}

/// A stats socket that hands out one segment, whose bytes can be changed; gone when dropped.
pub struct StatsSocket {
    path: PathBuf,
    segment: File,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StatsSocket {
    /// Listens on `path`.
    pub fn start(path: &Path, bytes: &[u8]) -> Self {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let segment = File::from(rustix::fs::memfd_create("segment", flags).unwrap());
        let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        bind(&listener, &SocketAddrUnix::new(path).unwrap()).unwrap();
        listen(&listener, 5).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, file) = (Arc::clone(&is_over), segment.try_clone().unwrap());
        let thread = std::thread::spawn(move || {
            while let Ok(client) = accept(&listener) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let descriptors = [file.as_fd()];
                let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
                // Who has gone meanwhile needs none.
                let _ = sendmsg(&client, &[], &mut control, SendFlags::empty());
            }
        });
        let socket = Self { path: path.to_owned(), segment, is_over, thread: Some(thread) };
        socket.write(bytes);
        socket
    }

    /// What is handed out, to be written by somebody else.
    pub fn memory(&self) -> File {
        self.segment.try_clone().unwrap()
    }

    /// VPP has counted on.
    pub fn write(&self, bytes: &[u8]) {
        self.segment.write_all_at(bytes, 0).unwrap();
    }
}

impl Drop for StatsSocket {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let client = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        let _ = connect(&client, &SocketAddrUnix::new(&self.path).unwrap());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}
