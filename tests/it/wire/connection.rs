//! The life of a connection: orders at every moment, both directions at once, no runtime needed.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use maglev_core::input::{CallId, ConnectionId, Input};
use maglev_core::model::{Encap, Prefix, Protocol, Read, Reply, Request, VipKey, Weight, Write};
use maglevd::vpp::server::{Options, serve};
use maglevd::vpp::{Connector, Order, run};
use tokio::io::{AsyncReadExt, DuplexStream, copy, split};
use tokio::sync::mpsc;

use crate::support::vpp_talk::Talk;
use crate::support::vpp_toy::{Toy, ToyConnector};

/// Hands out prepared streams; when there is none left, connecting takes for ever.
struct Streams<S>(VecDeque<S>);

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Connector for Streams<S> {
    type Stream = S;

    async fn connect(&mut self) -> io::Result<S> {
        match self.0.pop_front() {
            Some(stream) => Ok(stream),
            None => pending().await,
        }
    }

    async fn boot_time(&mut self) -> u64 {
        0
    }
}

fn web(port: u16) -> VipKey {
    VipKey { prefix: Prefix::host([192, 0, 2, 1].into()), protocol: Protocol::TCP, port }
}

fn add(port: u16) -> Write {
    Write::AddVip { vip: web(port), encap: Encap::Gre4, table_length: 64, src_ip_sticky: port % 2 == 1 }
}

/// A connection that is being made, or shakes hands, can be dropped; the next one is served.
#[tokio::test]
async fn a_connection_can_be_dropped_while_it_is_made() {
    let (silent, _kept) = tokio::io::duplex(1024);
    let (open, theirs) = tokio::io::duplex(1024);
    tokio::spawn(serve(theirs, Arc::new(Mutex::new(Toy::default())), Options::default()));
    let mut talk = Talk::start(Streams(VecDeque::from([silent, open])));
    talk.order_connect().await;
    tokio::task::yield_now().await;
    talk.disconnect().await;
    talk.connect().await.unwrap();
    talk.disconnect().await;
    // No stream is left: this attempt hangs in `connect` until it is dropped.
    talk.order_connect().await;
    tokio::task::yield_now().await;
    talk.disconnect().await;
    drop(talk.orders);
    assert_eq!(talk.inbox.recv().await, None, "a dropped connection is not talked about");
}

/// Orders for another connection are not ours.
#[tokio::test]
async fn orders_for_another_connection_are_passed_over() {
    let mut talk = Talk::connected(ToyConnector::new()).await;
    let stray = ConnectionId(99);
    talk.orders.send(Order::Disconnect(stray)).await.unwrap();
    let request = Request::Read(Read::Ping);
    talk.orders.send(Order::Call { connection: stray, call: CallId(1000), request }).await.unwrap();
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
}

/// Disconnect drops what was not said yet, and a new connection starts clean.
#[tokio::test]
async fn a_new_connection_hears_nothing_of_the_old_one() {
    let mut talk = Talk::connected(ToyConnector::new()).await;
    for _ in 0..10 {
        talk.order(Read::Ping).await;
    }
    talk.disconnect().await;
    talk.order_connect().await;
    loop {
        match talk.next().await {
            Input::VppConnected { connection, .. } => break assert_eq!(connection, talk.id()),
            old => assert!(matches!(old, Input::VppReplied { connection: ConnectionId(1), .. }), "{old}"),
        }
    }
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
}

/// Each read and each write, through our own server.
#[tokio::test]
async fn what_is_written_can_be_read() {
    let connector = ToyConnector::new();
    let toy = connector.toy();
    let mut talk = Talk::connected(connector).await;
    let server = [10, 0, 0, 1].into();
    let add_as = |vip| Write::AddAs { vip, server, weight: Weight::MAX };
    for write in [add(80), add(443), add_as(web(80)), add_as(web(443))] {
        assert_eq!(talk.call(write).await, Reply::Done);
    }
    assert_eq!(talk.call(add(80)).await, Reply::Refused(-81));
    let Reply::Vips(vips) = talk.call(Read::Vips).await else { panic!() };
    assert_eq!(vips.len(), 2);
    let Reply::Servers(all) = talk.call(Read::Servers(None)).await else { panic!() };
    assert_eq!(all.len(), 2);
    let Reply::Servers(one) = talk.call(Read::Servers(Some(web(443)))).await else { panic!() };
    assert_eq!(one.iter().map(|row| row.vip).collect::<Vec<_>>(), [web(443)]);
    let sticky = Reply::Sticky(vec![(web(80), false), (web(443), true)]);
    assert_eq!(talk.call(Read::Verbose).await, sticky);
    let conf = toy.lock().unwrap().conf;
    assert_eq!(talk.call(Read::Conf).await, Reply::Conf(conf));
    assert_eq!(toy.lock().unwrap().writes.len(), 5);
}

/// Five thousand calls through a pipe of 64 bytes, the inbox full half of the time: nobody waits in a ring.
#[tokio::test]
async fn reading_goes_on_while_writing_is_stuck() {
    let mut connector = ToyConnector::new();
    connector.pipe = 64;
    let mut talk = Talk::connected(connector).await;
    const CALLS: u64 = 5_000;
    let (orders, connection) = (talk.orders.clone(), talk.id());
    let sender = tokio::spawn(async move {
        for call in 1..=CALLS {
            let request = Request::Read(if call % 50 == 0 { Read::Vips } else { Read::Ping });
            orders.send(Order::Call { connection, call: CallId(call), request }).await.unwrap();
        }
    });
    sender.await.unwrap();
    for call in 1..=CALLS {
        assert_eq!(talk.reply().await.0, CallId(call), "replies come in order");
    }
}

/// More calls than the limit are answered without being sent.
#[tokio::test]
async fn calls_without_end_are_not_hoarded() {
    const HANDSHAKE: u64 = 86 + 26 + 26;
    let (ours, between) = tokio::io::duplex(1 << 20);
    let (stream, theirs) = tokio::io::duplex(1 << 20);
    let toy = Arc::new(Mutex::new(Toy::default()));
    // The handshake passes; from then on VPP does not read any more.
    tokio::spawn(async move {
        let ((from_us, mut to_us), (mut from_vpp, mut to_vpp)) = (split(between), split(stream));
        let mut handshake = from_us.take(HANDSHAKE);
        tokio::join!(copy(&mut handshake, &mut to_vpp), copy(&mut from_vpp, &mut to_us))
    });
    tokio::spawn(serve(theirs, toy, Options::default()));
    let mut talk = Talk::connected(Streams(VecDeque::from([ours]))).await;
    for _ in 0..65_536 {
        talk.order(Read::Ping).await;
    }
    let over = talk.order(Read::Ping).await;
    let (call, reply) = talk.reply().await;
    assert_eq!(call, over);
    insta::assert_snapshot!(reply, @"not sent: 65536 calls are waiting for VPP already");
}

/// The same future on an executor of ten lines: no runtime, no tasks, no clock.
#[test]
fn the_client_needs_no_runtime() {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (ours, theirs): (DuplexStream, _) = tokio::io::duplex(256);
    let toy = Arc::new(Mutex::new(Toy::default()));
    let (orders, order_queue) = mpsc::channel(16);
    let (inbox_queue, mut inbox) = mpsc::channel(16);
    let client = run(Streams(VecDeque::from([ours])), order_queue, inbox_queue);
    let server = serve(theirs, Arc::clone(&toy), Options::default());
    let story = async {
        let connection = ConnectionId(1);
        orders.send(Order::Connect(connection)).await.unwrap();
        assert!(matches!(inbox.recv().await, Some(Input::VppConnected { .. })));
        let request = Request::Write(add(80));
        orders.send(Order::Call { connection, call: CallId(1), request }).await.unwrap();
        let reply = inbox.recv().await.unwrap();
        drop(orders);
        reply
    };
    let mut all = pin!(async { tokio::join!(client, server, story) });
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let reply = loop {
        assert!(flag.0.swap(false, Ordering::Relaxed), "everybody waits for somebody else");
        if let Poll::Ready((_, _, reply)) = all.as_mut().poll(&mut Context::from_waker(&waker)) {
            break reply;
        }
    };
    assert_eq!(reply, Input::VppReplied { connection: ConnectionId(1), call: CallId(1), reply: Reply::Done });
    assert_eq!(toy.lock().unwrap().writes, [add(80)]);
}

/// What leaves first is the golden handshake, byte by byte.
#[tokio::test]
async fn the_first_bytes_are_the_golden_handshake() {
    let mut hello = vec![0; 8];
    hello.extend_from_slice(&[0, 0, 0, 70, 0, 0, 0, 0, 0, 15, 0, 0, 0, 1]);
    hello.extend_from_slice(b"maglevd");
    hello.resize(86, 0);
    let stream = tokio_test::io::Builder::new()
        .write(&hello)
        .read_error(io::ErrorKind::ConnectionReset.into())
        .build();
    let why = Talk::start(Streams(VecDeque::from([stream]))).connect().await.unwrap_err();
    insta::assert_snapshot!(why, @"the connection to VPP broke: connection reset");
}
