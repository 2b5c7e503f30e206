//! How we leave: `sockclnt_delete` whenever we end a connection, and never a wait for a socket that is stuck.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use maglev_core::input::Disconnect;
use maglev_core::model::{Read, Reply};
use maglevd::vpp::Connector;
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{Ask, Prefix};
use maglevd::vpp::frame::{Decoder, OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;
use maglevd::vpp::server::Offer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::support::vpp_talk::Talk;

const INDEX: u32 = 0x8000_0005;

/// A stream that takes few bytes at a time, and none at all when there is no room.
struct Valve {
    stream: DuplexStream,
    room: Arc<AtomicUsize>,
}

/// Bytes that a valve takes in one write.
const SIP: usize = 5;

impl AsyncRead for Valve {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Valve {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sip = bytes.len().min(SIP).min(self.room.load(Ordering::Relaxed));
        if sip == 0 {
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, &bytes[..sip]);
        if let Poll::Ready(Ok(count)) = written {
            self.room.fetch_sub(count, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct Valves(VecDeque<Valve>);

impl Connector for Valves {
    type Stream = Valve;

    async fn connect(&mut self) -> io::Result<Valve> {
        match self.0.pop_front() {
            Some(valve) => Ok(valve),
            None => pending().await,
        }
    }

    async fn boot_time(&mut self) -> u64 {
        0
    }
}

/// The other end, which says what the test wants and hears everything.
struct Peer {
    stream: DuplexStream,
    room: Arc<AtomicUsize>,
    decoder: Decoder,
    offer: Offer,
}

impl Peer {
    /// A client of as many peers as there are offers, one connection after the other.
    fn all<const N: usize>(offers: [Offer; N]) -> (Talk, [Self; N]) {
        let mut valves = VecDeque::new();
        let peers = offers.map(|offer| {
            let (ours, stream) = tokio::io::duplex(1 << 20);
            let room = Arc::new(AtomicUsize::new(1 << 20));
            valves.push_back(Valve { stream: ours, room: Arc::clone(&room) });
            Self { stream, room, decoder: Decoder::new(), offer }
        });
        (Talk::start(Valves(valves)), peers)
    }

    /// One client with one peer that has shaken hands.
    async fn connected(offer: Offer) -> (Talk, Self) {
        let (mut talk, [mut peer]) = Self::all([offer]);
        let ((), outcome) = tokio::join!(peer.greet(), talk.connect());
        outcome.unwrap();
        (talk, peer)
    }

    async fn greet(&mut self) {
        self.list().await;
        let version = Answer::ShowVersionReply {
            retval: 0,
            program: "vpe".to_owned(),
            version: "26.10-peer".to_owned(),
            build_date: String::new(),
            build_directory: String::new(),
        };
        let (context, _) = self.next().await.unwrap();
        self.say(&version, context).await;
        self.pong().await;
    }

    /// The first half of the handshake: up to the message table.
    async fn list(&mut self) {
        let (context, _) = self.next().await.unwrap();
        let messages = self.offer.listed();
        self.say(&Answer::SockclntCreateReply { response: 0, index: INDEX, messages }, context).await;
    }

    async fn pong(&mut self) {
        let (context, ask) = self.next().await.unwrap();
        assert_eq!(ask, Ask::ControlPing);
        self.say(&Answer::ControlPingReply { retval: 0, client_index: INDEX, pid: 1 }, context).await;
    }

    async fn say(&mut self, answer: &Answer, context: u32) {
        self.say_payload(&answer.encode(self.offer.id(answer.kind()), context)).await;
    }

    async fn say_payload(&mut self, payload: &[u8]) {
        let mut frame = Vec::new();
        put_frame(&mut frame, OUR_MARK, payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next message with its context; nothing at the end of the stream, which falls between two frames.
    async fn next(&mut self) -> Option<(u32, Ask)> {
        loop {
            if let Some(payload) = self.decoder.next_payload().unwrap() {
                let id = u16::from_be_bytes([payload[0], payload[1]]);
                let is_meant = |kind: &Kind| !kind.is_answer() && self.offer.id(*kind) == id;
                let kind = Kind::ALL.into_iter().find(is_meant).expect("a request");
                let (Prefix { client_index, context }, ask) = Ask::decode(kind, payload).unwrap();
                assert_eq!(client_index, if kind == Kind::SockclntCreate { 0 } else { INDEX });
                return Some((context, ask));
            }
            let mut chunk = [0; 4096];
            let read = self.stream.read(&mut chunk).await.unwrap();
            if read == 0 {
                assert_eq!(self.decoder.pending(), 0, "the last frame is cut");
                return None;
            }
            self.decoder.feed(&chunk[..read]);
        }
    }

    /// All that is still said, up to the end of the stream.
    async fn rest(&mut self) -> Vec<Ask> {
        let mut rest = Vec::new();
        while let Some((_, ask)) = self.next().await {
            rest.push(ask);
        }
        rest
    }
}

const GOODBYE: Ask = Ask::SockclntDelete { index: INDEX };

#[tokio::test]
async fn a_dropped_connection_is_parted_from() {
    let (talk, mut peer) = Peer::connected(Offer::current()).await;
    talk.disconnect().await;
    assert_eq!(peer.rest().await, [GOODBYE]);
}

#[tokio::test]
async fn a_replaced_connection_is_parted_from() {
    let (mut talk, [mut old, mut new]) = Peer::all([Offer::current(), Offer::current()]);
    tokio::join!(old.greet(), talk.connect()).1.unwrap();
    tokio::join!(new.greet(), talk.connect()).1.unwrap();
    assert_eq!(old.rest().await, [GOODBYE]);
}

#[tokio::test]
async fn the_end_of_the_client_is_a_parting() {
    let (talk, mut peer) = Peer::connected(Offer::current()).await;
    drop(talk.orders);
    assert_eq!(peer.rest().await, [GOODBYE]);
}

/// The other way to end it: nobody takes what it says.
#[tokio::test]
async fn a_client_that_nobody_hears_parts() {
    let (mut talk, mut peer) = Peer::connected(Offer::current()).await;
    talk.order(Read::Ping).await;
    talk.inbox.close();
    peer.pong().await;
    assert_eq!(peer.rest().await, [GOODBYE]);
}

#[tokio::test]
async fn a_peer_that_makes_no_sense_is_parted_from() {
    let (mut talk, mut peer) = Peer::connected(Offer::current()).await;
    talk.order(Read::Ping).await;
    let (context, _) = peer.next().await.unwrap();
    let mut payload = Answer::ControlPingReply { retval: 0, client_index: INDEX, pid: 1 }.encode(24, context);
    payload.pop();
    peer.say_payload(&payload).await;
    assert!(talk.end().await.contains("malformed"));
    assert_eq!(peer.rest().await, [GOODBYE]);
}

/// A VPP that we refuse is asked again for ever, so it matters there most.
#[tokio::test]
async fn a_vpp_that_is_refused_is_parted_from() {
    let (mut talk, [mut peer]) = Peer::all([Offer::without_plugin()]);
    let ((), outcome) = tokio::join!(peer.list(), talk.connect());
    assert!(matches!(outcome, Err(Disconnect::Incompatible(_))));
    assert_eq!(peer.rest().await, [GOODBYE]);
}

#[tokio::test]
async fn before_the_message_table_there_is_nothing_to_part_from() {
    let (mut talk, [mut peer]) = Peer::all([Offer::current()]);
    talk.order_connect().await;
    assert!(matches!(peer.next().await, Some((_, Ask::SockclntCreate { .. }))));
    talk.disconnect().await;
    assert_eq!(peer.rest().await, []);
}

#[tokio::test]
async fn the_second_half_of_the_handshake_can_be_parted_from() {
    let (mut talk, [mut peer]) = Peer::all([Offer::current()]);
    talk.order_connect().await;
    peer.list().await;
    assert_eq!(peer.next().await.map(|(_, ask)| ask), Some(Ask::ShowVersion));
    talk.disconnect().await;
    assert_eq!(peer.rest().await, [Ask::ControlPing, GOODBYE]);
}

/// In the middle of a question nothing else can follow.
#[tokio::test]
async fn a_question_that_is_stuck_is_the_last() {
    let (mut talk, [mut peer]) = Peer::all([Offer::current()]);
    talk.order_connect().await;
    peer.room.store(86 + 30, Ordering::Relaxed);
    peer.list().await;
    assert_eq!(peer.next().await.map(|(_, ask)| ask), Some(Ask::ShowVersion));
    talk.disconnect().await;
    peer.room.store(1 << 20, Ordering::Relaxed);
    let mut cut = Vec::new();
    peer.stream.read_to_end(&mut cut).await.unwrap();
    assert_eq!(cut, [] as [u8; 0], "what came of the ping came with the question before it");
}

#[tokio::test]
async fn a_vpp_without_the_message_is_hung_up_on() {
    let kinds = [Kind::SockclntDelete, Kind::SockclntDeleteReply];
    for offer in [Offer::current().lacking(&kinds), Offer::current().redefining(&kinds)] {
        let (mut talk, mut peer) = Peer::connected(offer).await;
        let ((), reply) = tokio::join!(peer.pong(), talk.call(Read::Ping));
        assert_eq!(reply, Reply::Done);
        talk.disconnect().await;
        assert_eq!(peer.rest().await, []);
    }
}

/// A frame that has begun is finished first, and the calls behind it are dropped.
#[tokio::test]
async fn the_goodbye_does_not_cut_a_call() {
    let (mut talk, mut peer) = Peer::connected(Offer::current()).await;
    peer.room.store(SIP, Ordering::Relaxed);
    for _ in 0..3 {
        talk.order(Read::Ping).await;
    }
    while peer.room.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
    peer.room.store(1 << 20, Ordering::Relaxed);
    talk.disconnect().await;
    assert_eq!(peer.rest().await, [Ask::ControlPing, GOODBYE]);
}

/// The order is carried out at once, and the next connection is made, though the socket takes no byte.
#[tokio::test]
async fn nobody_waits_for_a_stuck_socket() {
    let (mut talk, [mut stuck, mut next]) = Peer::all([Offer::current(), Offer::current()]);
    tokio::join!(stuck.greet(), talk.connect()).1.unwrap();
    stuck.room.store(0, Ordering::Relaxed);
    talk.order(Read::Ping).await;
    talk.disconnect().await;
    tokio::join!(next.greet(), talk.connect()).1.unwrap();
    assert_eq!(stuck.rest().await, []);
}
