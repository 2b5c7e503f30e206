//! First programming of 100 frontends of 100 servers, beside the very same frames written blindly in one go.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use maglev_core::config::Config;
use maglev_core::model::{Request, Write};
use maglev_core::{Clock, Event, Instant};
use maglevd::clock::SystemClock;
use maglevd::daemon::Checked;
use maglevd::metrics::Meter;
use maglevd::prober::Limits;
use maglevd::service::Service;
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{Ask, Prefix};
use maglevd::vpp::frame::{Decoder, OUR_MARK, put_frame};
use maglevd::vpp::lb::ask_for;
use maglevd::vpp::messages::Kind;
use maglevd::vpp::table::Table as Messages;

use crate::table::{Table, Times, human};
use crate::vpp::Vpp;
use crate::world::{Shape, checked};

const SHAPE: Shape = Shape { backends: 10_000, frontends: 100, each: 100 };
const ROUNDS: usize = 5;
const RATIO_MAX: f64 = 1.1;

/// Both, in turns, each on a VPP of its own.
pub fn measure(table: &mut Table) {
    let mut draft = SHAPE.draft();
    // Without a check a backend is up from the start, so all weights go out at once.
    draft.backends.iter_mut().for_each(|(_, backend)| backend.healthcheck = None);
    let config = checked(&draft);
    let (mut ours, mut blind, mut ratios) = (Times::default(), Times::default(), Vec::new());
    let (mut calls, mut word) = (0, "");
    for _ in 0..ROUNDS {
        let vpp = Vpp::any();
        let (took, writes) = program(&vpp, &config);
        drop(vpp);
        let vpp = Vpp::any();
        let took_blindly = write_blindly(&vpp, &writes);
        (calls, word) = (writes.len(), vpp.word());
        ours.add(took);
        blind.add(took_blindly);
        ratios.push(took.as_secs_f64() / took_blindly.as_secs_f64());
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let what = format!("first programming of 100 x 100, {calls} calls, {word} VPP");
    let (ours, blind) = (human(ours.at(50)), human(blind.at(50)));
    let measured = format!("median {ours}, blindly {blind}: x {ratio:.2} (n = {ROUNDS})");
    table.judged(&what, measured, "<= 1.1 x blindly", ratio <= RATIO_MAX);
}

/// The real daemon, from its connection to the end of its first sync; and what it wrote, in order of the replies.
fn program(vpp: &Vpp, config: &Arc<Config>) -> (Duration, Vec<Write>) {
    let clock = SystemClock::start();
    let (told, heard) = mpsc::channel();
    let observer = move |event: &Event, _: Instant| {
        let _ = told.send((event.clone(), clock.now()));
    };
    let service = Service {
        clock,
        // Nothing is written down, so nobody asks for the draft.
        config: Checked { config: Arc::clone(config), draft: Arc::default() },
        seed: 1,
        vpp: Some(vpp.connector()),
        limits: Limits::from_rlimit(),
        journal: None,
        choices: None,
        meter: Meter::default(),
        observer,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let (_handle, daemon) = runtime.block_on(async { service.start() });
    runtime.spawn(daemon);
    let (mut began, mut writes) = (None, Vec::new());
    for (event, at) in heard {
        if let Event::VppConnect { .. } = event {
            began = Some(at);
        } else if let Event::Changed { call } = event {
            writes.push(call);
        } else if let Event::CallRefused { call, err } = event {
            panic!("VPP refuses {call}: {err}");
        } else if let Event::SyncDone { frontend: None, .. } = event {
            return (at.since(began.expect("a sync needs a connection")), writes);
        }
    }
    panic!("the daemon ended before its first sync did")
}

/// All frames in one go, while somebody else reads the replies.
fn write_blindly(vpp: &Vpp, writes: &[Write]) -> Duration {
    let mut stream = UnixStream::connect(vpp.socket()).expect("VPP listens");
    let mut decoder = Decoder::new();
    let hello = Ask::SockclntCreate { name: "bench".into() };
    stream.write_all(&framed(&hello.encode(15, Prefix { client_index: 0, context: 1 }))).expect("VPP reads");
    let welcome = receive(&mut stream, &mut decoder);
    let (_, welcome) = Answer::decode(Kind::SockclntCreateReply, &welcome).expect("VPP welcomes us");
    let Answer::SockclntCreateReply { index: client_index, messages, .. } = welcome else {
        panic!("VPP answers the handshake with {welcome:?}")
    };
    let messages = Messages::resolve(&messages).expect("it has all messages");
    let mut frames = Vec::new();
    for (write, context) in writes.iter().zip(2..) {
        let ask = ask_for(&Request::Write(write.clone())).expect("it was sent before");
        frames.extend(framed(&ask.encode(messages.id(ask.kind()), Prefix { client_index, context })));
    }
    let clock = SystemClock::start();
    let mut writing = stream.try_clone().expect("a socket can be shared");
    let began = clock.now();
    let writer = std::thread::spawn(move || writing.write_all(&frames).expect("VPP reads"));
    for _ in writes {
        receive(&mut stream, &mut decoder);
    }
    let took = clock.now().since(began);
    writer.join().expect("the writer ends");
    took
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, OUR_MARK, payload);
    frame
}

fn receive(stream: &mut UnixStream, decoder: &mut Decoder) -> Vec<u8> {
    let mut chunk = [0; 65_536];
    loop {
        if let Some(payload) = decoder.next_payload().expect("VPP keeps to its framing") {
            return payload.to_vec();
        }
        let read = stream.read(&mut chunk).expect("VPP answers");
        assert!(read > 0, "VPP hangs up");
        decoder.feed(&chunk[..read]);
    }
}
