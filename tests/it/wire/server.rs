//! Our server plays VPP: it keeps VPP's silences.

use std::sync::{Arc, Mutex};

use maglev_core::model::{Prefix, Protocol, VipKey};
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{self, AsFilter, Ask};
use maglevd::vpp::frame::{Decoder, OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;
use maglevd::vpp::server::{Offer, Options, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::support::vpp_toy::Toy;

const INDEX: u32 = 0x8000_0003;

/// A raw client.
struct Raw {
    stream: DuplexStream,
    decoder: Decoder,
    offer: Offer,
}

impl Raw {
    async fn greeted() -> Self {
        let mut raw = Self::start();
        raw.send(Ask::SockclntCreate { name: "raw".to_owned() }, 0, 1).await;
        let (context, answer) = raw.receive(Kind::SockclntCreateReply).await;
        assert!(
            matches!(answer, Answer::SockclntCreateReply { index: INDEX, response: 0, .. }),
            "{answer:?}"
        );
        assert_eq!(context, 1);
        raw
    }

    fn start() -> Self {
        let (stream, theirs) = tokio::io::duplex(1 << 20);
        let options = Options { client_slot: 3, ..Options::default() };
        tokio::spawn(serve(theirs, Arc::new(Mutex::new(Toy::default())), options));
        Self { stream, decoder: Decoder::new(), offer: Offer::current() }
    }

    async fn send(&mut self, ask: Ask, client_index: u32, context: u32) {
        let payload = ask.encode(self.offer.id(ask.kind()), ask::Prefix { client_index, context });
        self.send_raw(&payload).await;
    }

    async fn send_raw(&mut self, payload: &[u8]) {
        let mut frame = Vec::new();
        put_frame(&mut frame, OUR_MARK, payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn receive(&mut self, kind: Kind) -> (u32, Answer) {
        loop {
            if let Some(payload) = self.decoder.next_payload().unwrap() {
                let id = self.offer.id(kind).to_be_bytes();
                assert_eq!(payload[..2], id, "expected {}", kind.name());
                return Answer::decode(kind, payload).unwrap();
            }
            let mut chunk = vec![0; 4096];
            let read = self.stream.read(&mut chunk).await.unwrap();
            assert_ne!(read, 0, "the server hung up");
            self.decoder.feed(&chunk[..read]);
        }
    }

    /// The next thing that the server says is the answer to a ping, so it said nothing before.
    async fn expect_silence(&mut self) {
        self.send(Ask::ControlPing, INDEX, 999).await;
        assert_eq!(self.receive(Kind::ControlPingReply).await.0, 999);
    }
}

#[tokio::test]
async fn what_vpp_does_not_understand_it_does_not_answer() {
    let mut raw = Raw::greeted().await;
    raw.send_raw(&[0x77, 0x77, 0, 0, 0, 0, 0, 0, 0, 1]).await;
    raw.expect_silence().await;
    raw.send_raw(&[]).await;
    raw.send_raw(&[0, 23, 0x80]).await;
    raw.expect_silence().await;
    raw.send(Ask::ControlPing, INDEX + 1, 5).await;
    raw.send(Ask::ControlPing, 0, 5).await;
    raw.expect_silence().await;
    let mut short = Ask::CliInband { command: "show".to_owned() }
        .encode(raw.offer.id(Kind::CliInband), ask::Prefix { client_index: INDEX, context: 6 });
    short.pop();
    raw.send_raw(&short).await;
    raw.expect_silence().await;
    raw.send(Ask::CliInband { command: "show version".to_owned() }, INDEX, 7).await;
    let (_, answer) = raw.receive(Kind::CliInbandReply).await;
    assert!(matches!(answer, Answer::CliInbandReply { retval: -1, .. }));
}

#[tokio::test]
async fn nobody_is_served_before_the_handshake() {
    let mut raw = Raw::start();
    raw.send(Ask::ControlPing, INDEX, 5).await;
    raw.send(Ask::SockclntCreate { name: "raw".to_owned() }, 0, 1).await;
    raw.receive(Kind::SockclntCreateReply).await;
    raw.expect_silence().await;
}

/// A filter in the usual encoding of IPv4 matches nothing, as on the real one.
#[tokio::test]
async fn the_filter_of_a_dump_is_read_as_vpp_reads_it() {
    let vip = VipKey { prefix: Prefix::host([192, 0, 2, 1].into()), protocol: Protocol::TCP, port: 443 };
    let mut raw = Raw::greeted().await;
    let server = [10, 0, 0, 1].into();
    let encap = maglev_core::model::Encap::Gre4;
    let weight = maglev_core::model::Weight::MAX;
    let add = Ask::LbAddDelVipV2 { vip, encap, table_length: 64, src_ip_sticky: false, is_del: false };
    raw.send(add, INDEX, 2).await;
    raw.receive(Kind::LbAddDelVipV2Reply).await;
    raw.send(Ask::LbAddDelAsV2 { vip, server, weight, is_del: false, is_flush: false }, INDEX, 3).await;
    raw.receive(Kind::LbAddDelAsV2Reply).await;

    let mut usual = AsFilter::one(vip);
    usual.address.rotate_left(12);
    raw.send(Ask::LbAsV2Dump(usual), INDEX, 4).await;
    raw.expect_silence().await;
    for filter in [AsFilter::ALL, AsFilter::one(vip), AsFilter { len: 7, ..AsFilter::one(vip) }] {
        raw.send(Ask::LbAsV2Dump(filter), INDEX, 5).await;
        assert_eq!(raw.receive(Kind::LbAsV2Details).await.0, 5);
        raw.expect_silence().await;
    }
    raw.send(Ask::LbAsV2Dump(AsFilter { port: 80, ..AsFilter::one(vip) }), INDEX, 6).await;
    raw.expect_silence().await;
}

/// A client that says goodbye is answered and closed; what it said behind that is not carried out.
#[tokio::test]
async fn a_goodbye_is_answered_and_closes() {
    let mut raw = Raw::greeted().await;
    raw.send(Ask::SockclntDelete { index: INDEX + 1 }, INDEX, 2).await;
    let failed = Answer::SockclntDeleteReply { response: -1 };
    assert_eq!(raw.receive(Kind::SockclntDeleteReply).await, (2, failed));
    raw.expect_silence().await;
    raw.send(Ask::SockclntDelete { index: INDEX }, INDEX, 3).await;
    let gone = Answer::SockclntDeleteReply { response: 1 };
    assert_eq!(raw.receive(Kind::SockclntDeleteReply).await, (3, gone));
    assert_eq!(raw.stream.read(&mut [0; 64]).await.unwrap(), 0);
}
