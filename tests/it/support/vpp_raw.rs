//! A client without scruples: it says what ours would refuse to say, and reads when it likes.
//!
//! It knows no deadlines and no windows. Everything else in the tests goes through [`super::vpp_talk::Talk`].

use maglev_core::model::{Encap, Write};
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{Ask, Prefix};
use maglevd::vpp::frame::{Decoder, OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::vpp_process::VppProcess;

/// A connection, and what VPP told us when it began.
pub struct Raw {
    stream: UnixStream,
    decoder: Decoder,
    client_index: u32,
    table: Vec<(u16, String)>,
    context: u32,
}

impl Raw {
    /// Connects and shakes hands.
    pub async fn connect(vpp: &VppProcess, name: &str) -> Self {
        let stream = UnixStream::connect(vpp.api_socket()).await.unwrap();
        let mut raw =
            Self { stream, decoder: Decoder::new(), client_index: 0, table: Vec::new(), context: 1 };
        let hello = Ask::SockclntCreate { name: name.to_owned() };
        raw.send(&hello.encode(15, Prefix { client_index: 0, context: 1 })).await;
        let (_, welcome) = Answer::decode(Kind::SockclntCreateReply, &raw.receive().await).unwrap();
        let Answer::SockclntCreateReply { index, messages, .. } = welcome else { panic!("{welcome:?}") };
        (raw.client_index, raw.table) = (index, messages);
        raw
    }

    /// The frame's payload that asks this.
    pub fn payload(&mut self, ask: &Ask) -> Vec<u8> {
        self.context += 1;
        let (id, _) = self.table.iter().find(|(_, key)| *key == ask.kind().key()).unwrap();
        ask.encode(*id, Prefix { client_index: self.client_index, context: self.context })
    }

    /// Sends payloads, one after the other in one go.
    pub async fn send_all(&mut self, payloads: &[Vec<u8>]) {
        let mut bytes = Vec::new();
        payloads.iter().for_each(|payload| put_frame(&mut bytes, OUR_MARK, payload));
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The payload of the next frame.
    pub async fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Some(payload) = self.decoder.next_payload().unwrap() {
                return payload.to_vec();
            }
            let mut chunk = vec![0; 4096];
            let read = self.stream.read(&mut chunk).await.unwrap();
            assert_ne!(read, 0, "VPP closed the connection");
            self.decoder.feed(&chunk[..read]);
        }
    }

    /// What the debug CLI prints for one line.
    pub async fn cli(&mut self, line: &str) -> String {
        match self.ask(&Ask::CliInband { command: line.to_owned() }, Kind::CliInbandReply).await {
            Answer::CliInbandReply { text, .. } => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// The return code of a call that our own client would not make; only of settings and new VIPs.
    pub async fn write(&mut self, write: &Write) -> i32 {
        let (ask, reply) = match write {
            Write::SetConf(conf) => (Ask::LbConf(*conf), Kind::LbConfReply),
            Write::AddVip { vip, encap, table_length, src_ip_sticky } => {
                (add_vip(*vip, *encap, *table_length, *src_ip_sticky), Kind::LbAddDelVipV2Reply)
            }
            other => panic!("our own client says this: {other}"),
        };
        match self.ask(&ask, reply).await {
            Answer::Retval(_, retval) => retval,
            other => panic!("{write}: {other:?}"),
        }
    }

    async fn ask(&mut self, ask: &Ask, reply: Kind) -> Answer {
        let payload = self.payload(ask);
        self.send(&payload).await;
        let (context, answer) = Answer::decode(reply, &self.receive().await).unwrap();
        assert_eq!(context, self.context, "an answer to something else: {answer:?}");
        answer
    }

    async fn send(&mut self, payload: &[u8]) {
        self.send_all(&[payload.to_vec()]).await;
    }
}

const fn add_vip(
    vip: maglev_core::model::VipKey,
    encap: Encap,
    table_length: u32,
    src_ip_sticky: bool,
) -> Ask {
    Ask::LbAddDelVipV2 { vip, encap, table_length, src_ip_sticky, is_del: false }
}
