//! The boot time from a stats segment of our own making, right and wrong.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use maglevd::vpp::stats::{boot_time, read_boot_time};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType, accept,
    bind, listen, sendmsg, socket,
};

const BASE: u64 = 0x7f00_0000_0000;
const DIRECTORY: u64 = 64;

/// A segment with three entries; `edit` spoils it.
fn segment(edit: impl Fn(&mut Vec<u8>)) -> File {
    let mut bytes = vec![0; 1024];
    let mut put =
        |at: u64, value: u64| bytes[at as usize..at as usize + 8].copy_from_slice(&value.to_ne_bytes());
    put(0, 2);
    put(8, BASE);
    put(16, 5);
    put(24, 0);
    put(32, BASE + DIRECTORY);
    put(DIRECTORY - 8, 3);
    put(DIRECTORY + 2 * 144, 1);
    put(DIRECTORY + 2 * 144 + 8, 1_795_000_123);
    let name = DIRECTORY as usize + 2 * 144 + 16;
    bytes[name..name + 13].copy_from_slice(b"/sys/boottime");
    edit(&mut bytes);
    let descriptor = rustix::fs::memfd_create("segment", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(descriptor);
    file.write_all_at(&bytes, 0).unwrap();
    file
}

fn overwrite(at: u64, value: u64) -> impl Fn(&mut Vec<u8>) {
    move |bytes| bytes[at as usize..at as usize + 8].copy_from_slice(&value.to_ne_bytes())
}

/// What VPP writes is read, and everything else is an error in words.
#[test]
fn only_the_known_layout_is_read() {
    assert_eq!(read_boot_time(&segment(|_| ())).unwrap(), 1_795_000_123);
    let gauge = overwrite(DIRECTORY + 2 * 144, 9);
    assert_eq!(read_boot_time(&segment(gauge)).unwrap(), 1_795_000_123);
    let spoiled = [
        overwrite(0, 1),
        overwrite(24, 1),
        overwrite(32, BASE - 1),
        overwrite(32, BASE + 8),
        overwrite(32, BASE + 900),
        overwrite(32, u64::MAX),
        overwrite(8, 0),
        overwrite(DIRECTORY - 8, 2),
        overwrite(DIRECTORY + 2 * 144, 3),
        overwrite(DIRECTORY + 2 * 144 + 16, 0x41),
    ];
    for edit in spoiled {
        assert!(read_boot_time(&segment(edit)).is_err());
    }
    assert!(read_boot_time(&segment(|bytes| bytes.truncate(20))).is_err());
}

/// A message of zero bytes with a descriptor is success.
#[test]
fn an_empty_message_brings_the_segment() {
    let path = std::env::temp_dir().join(format!("maglevt-stats-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 5).unwrap();
    let vpp = std::thread::spawn(move || {
        let client = accept(&listener).unwrap();
        let file = segment(|_| ());
        let descriptors = [file.as_fd()];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&client, &[], &mut control, SendFlags::empty()).unwrap();
        // The second client gets nothing but the end.
        drop(accept(&listener).unwrap());
    });
    assert_eq!(boot_time(&path).unwrap(), 1_795_000_123);
    assert_eq!(boot_time(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    vpp.join().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(boot_time(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
}
