//! VPP's end of the pipe: its real message table and codec in front of the simulated link, which decides what is
//! executed, when it is answered, and what is lost.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};

use maglev_core::model::{Read, Reply, Request};
use maglev_core::{CallId, ConnectionId};
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{AsFilter, Ask};
use maglevd::vpp::frame::{Decoder, put_frame};
use maglevd::vpp::lb;
use maglevd::vpp::messages::Kind;
use maglevd::vpp::server::{Offer, version_reply, vip_details};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

const CLIENT_INDEX: u32 = 1 << 31 | 1;

/// What VPP itself knows, whoever asks.
pub struct Identity {
    pub version: String,
    pub pid: u32,
}

/// A call as it came over the wire, for the link.
pub struct Arrived {
    pub call: CallId,
    pub request: Request,
}

/// How a call is to be answered.
struct Open {
    context: u32,
    ask: Ask,
}

/// VPP's end of one connection.
pub struct Pipe {
    pub connection: ConnectionId,
    stream: DuplexStream,
    decoder: Decoder,
    offer: Offer,
    identity: Identity,
    out: VecDeque<u8>,
    open: BTreeMap<CallId, Open>,
    calls: u64,
    /// The client has said goodbye, or hung up.
    pub is_left: bool,
}

impl Pipe {
    pub fn new(connection: ConnectionId, stream: DuplexStream, offer: Offer, identity: Identity) -> Self {
        let (decoder, out, open) = (Decoder::new(), VecDeque::new(), BTreeMap::new());
        Self { connection, stream, decoder, offer, identity, out, open, calls: 0, is_left: false }
    }

    /// Takes what has come and gives what waits. The calls are the link's to carry out.
    pub fn turn(&mut self, context: &mut Context<'_>) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        let mut chunk = [0; 4_096];
        while !self.is_left {
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.decoder.feed(buffer.filled()),
                Poll::Ready(_) => self.is_left = true,
                Poll::Pending => break,
            }
            while let Some(payload) = self.decoder.next_payload().expect("our client frames well") {
                let payload = payload.to_vec();
                self.hear(&payload, &mut arrived);
            }
        }
        self.write(context);
        arrived
    }

    /// Gives what waits.
    pub fn write(&mut self, context: &mut Context<'_>) {
        while !self.out.is_empty() {
            let bytes = self.out.make_contiguous();
            match Pin::new(&mut self.stream).poll_write(context, bytes) {
                Poll::Ready(Ok(n)) if n > 0 => drop(self.out.drain(..n)),
                Poll::Ready(_) => return self.is_left = true,
                Poll::Pending => return,
            }
        }
    }

    fn hear(&mut self, payload: &[u8], arrived: &mut Vec<Arrived>) {
        let id = payload.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)).expect("a message has an id");
        let kind =
            self.offer.request(id).unwrap_or_else(|| panic!("our client asked {id}, which is not on offer"));
        let (prefix, ask) = Ask::decode(kind, payload).expect("our client encodes well");
        let context = prefix.context;
        let request = match &ask {
            Ask::SockclntCreate { .. } => {
                let messages = self.offer.listed();
                let answer = Answer::SockclntCreateReply { response: 0, index: CLIENT_INDEX, messages };
                return self.say(&answer, context);
            }
            Ask::SockclntDelete { .. } => return self.is_left = true,
            Ask::ShowVersion => return self.say(&version_reply(self.identity.version.clone()), context),
            // The first ping is the handshake's; one behind a dump marks its end, in the same context.
            Ask::ControlPing if self.calls == 0 => {
                self.calls = 1;
                return self.say(&self.pong(), context);
            }
            Ask::ControlPing if self.open.values().any(|open| open.context == context) => return,
            Ask::ControlPing => Request::Read(Read::Ping),
            Ask::LbConfGet => Request::Read(Read::Conf),
            Ask::LbVipDump => Request::Read(Read::Vips),
            Ask::LbAsV2Dump(filter) => Request::Read(Read::Servers(filter.hint())),
            Ask::CliInband { .. } => Request::Read(Read::Verbose),
            Ask::LbConf(_)
            | Ask::LbAddDelVipV2 { .. }
            | Ask::LbAddDelAsV2 { .. }
            | Ask::LbAsSetWeight { .. }
            | Ask::LbFlushVip { .. } => Request::Write(lb::write_of(&ask).expect("these are writes")),
            Ask::IpRouteLookupV2(_) => unreachable!("the engine asks for no routes"),
        };
        self.calls += 1;
        let call = CallId(self.calls);
        self.open.insert(call, Open { context, ask });
        arrived.push(Arrived { call, request });
    }

    fn pong(&self) -> Answer {
        Answer::ControlPingReply { retval: 0, client_index: CLIENT_INDEX, pid: self.identity.pid }
    }

    fn say(&mut self, answer: &Answer, context: u32) {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, [0; 8], &answer.encode(self.offer.id(answer.kind()), context));
        self.out.extend(bytes);
    }

    /// The link has an answer. `verbose` is what the CLI prints.
    pub fn answer(&mut self, call: CallId, reply: Reply, verbose: impl FnOnce() -> String) {
        let Some(Open { context, ask }) = self.open.remove(&call) else { return };
        let by_write = |kind: Kind| kind.answered_by().expect("every write has a reply");
        match reply {
            Reply::Done if ask == Ask::ControlPing => self.say(&self.pong(), context),
            Reply::Done => self.say(&Answer::Retval(by_write(ask.kind()), 0), context),
            Reply::Refused(retval) if lb::write_of(&ask).is_some() => {
                self.say(&Answer::Retval(by_write(ask.kind()), retval), context);
            }
            Reply::Conf(conf) => self.say(&Answer::LbConfGetReply { retval: 0, conf }, context),
            Reply::Sticky(_) => self.say(&Answer::CliInbandReply { retval: 0, text: verbose() }, context),
            Reply::Vips(rows) => {
                rows.into_iter().for_each(|row| self.say(&vip_details(row), context));
                self.say(&self.pong(), context);
            }
            Reply::Servers(rows) => {
                let filter = if let Ask::LbAsV2Dump(filter) = ask { filter } else { AsFilter::ALL };
                for row in rows.into_iter().filter(|row| filter.selects(row.vip)) {
                    self.say(&Answer::LbAsV2Details { row, in_use_since: 0 }, context);
                }
                self.say(&self.pong(), context);
            }
            // What a client holds back never comes here, and what VPP cannot do it does not answer.
            Reply::Refused(_) | Reply::NotSent(_) => (),
        }
    }
}
