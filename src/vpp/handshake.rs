//! From an open stream to a link that can be used: client index, message table, release, pid and boot time.

use maglev_core::input::VppProcess;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::vpp::answer::Answer;
use crate::vpp::ask::{Ask, Prefix};
use crate::vpp::client::{Connector, Contexts, Counters};
use crate::vpp::error::VppError;
use crate::vpp::frame::{Decoder, OUR_MARK, put_frame};
use crate::vpp::messages::Kind;
use crate::vpp::parting::Goodbye;
use crate::vpp::table::{Table, listed_id};

/// How VPP lists us in `show api clients`.
const CLIENT_NAME: &str = "maglevd";

/// The reply to the handshake is some 140 KB with every plugin; later chunks are mostly far smaller.
pub(crate) const READ_CHUNK: usize = 64 << 10;

const DECODED_AS_ASKED: &str = "a payload is decoded as the kind that was asked for";

/// A stream to VPP, and what the handshake found out.
pub(crate) struct Link<S> {
    pub(crate) stream: S,
    pub(crate) decoder: Decoder,
    pub(crate) table: Table,
    pub(crate) client_index: u32,
    pub(crate) goodbye: Option<Goodbye>,
}

/// Connects.
pub(crate) async fn reach<C: Connector>(connector: &mut C) -> Result<Hand<C::Stream>, VppError> {
    let stream = connector.connect().await.map_err(VppError::Unreachable)?;
    Ok(Hand { stream, decoder: Decoder::new(), goodbye: None, is_mid_write: false })
}

/// Shakes hands. Whoever drops this half-way has still the hand, to part with.
pub(crate) async fn shake<C: Connector>(
    connector: &mut C,
    hand: &mut Hand<C::Stream>,
    contexts: &mut Contexts,
    counters: &Counters,
) -> Result<Found, VppError> {
    let mut hand = Shaking { hand, counters };
    let context = contexts.fresh();
    let hello = Ask::SockclntCreate { name: CLIENT_NAME.to_owned() };
    hand.send(&[hello.encode(15, Prefix { client_index: 0, context })]).await?;
    let (client_index, table) = hand.table(context).await?;

    let version = contexts.fresh();
    let ping = contexts.fresh();
    let ask = |ask: Ask, context| ask.encode(table.id(ask.kind()), Prefix { client_index, context });
    hand.send(&[ask(Ask::ShowVersion, version), ask(Ask::ControlPing, ping)]).await?;
    let version = hand.version(&table, version).await?;
    let pid = hand.pid(&table, ping).await?;
    let boot_time = connector.boot_time().await;
    Ok(Found { client_index, table, vpp: VppProcess { version, pid, boot_time } })
}

/// What the handshake found out.
pub(crate) struct Found {
    client_index: u32,
    table: Table,
    pub(crate) vpp: VppProcess,
}

/// A stream before and during the handshake.
pub(crate) struct Hand<S> {
    stream: S,
    decoder: Decoder,
    goodbye: Option<Goodbye>,
    /// Part of a frame may have gone out, so nothing can follow.
    is_mid_write: bool,
}

impl<S: AsyncWrite + Unpin> Hand<S> {
    /// The link that the handshake has made of it.
    pub(crate) fn into_link(self, found: Found) -> Link<S> {
        let Self { stream, decoder, goodbye, .. } = self;
        let Found { client_index, table, .. } = found;
        Link { stream, decoder, table, client_index, goodbye }
    }

    /// Ends it. Before the message table has come there is nothing that VPP would understand.
    pub(crate) async fn part(mut self, contexts: &mut Contexts) {
        if let Some(goodbye) = self.goodbye.filter(|_| !self.is_mid_write) {
            goodbye.say(&mut self.stream, &[], contexts.fresh()).await;
        }
    }
}

/// The handshake, in which one question follows the other.
struct Shaking<'a, S> {
    hand: &'a mut Hand<S>,
    counters: &'a Counters,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shaking<'_, S> {
    async fn send(&mut self, payloads: &[Vec<u8>]) -> Result<(), VppError> {
        let mut bytes = Vec::new();
        for payload in payloads {
            put_frame(&mut bytes, OUR_MARK, payload);
        }
        self.hand.is_mid_write = true;
        self.hand.stream.write_all(&bytes).await.map_err(VppError::Broken)?;
        self.hand.is_mid_write = false;
        self.hand.stream.flush().await.map_err(VppError::Broken)
    }

    async fn table(&mut self, context: u32) -> Result<(u32, Table), VppError> {
        let create_reply = |id| (id == 16).then_some(Kind::SockclntCreateReply);
        let answer = self.receive(create_reply, Kind::SockclntCreateReply, context).await?;
        let Answer::SockclntCreateReply { response, index, messages } = answer else {
            unreachable!("{DECODED_AS_ASKED}");
        };
        if response != 0 {
            return Err(VppError::Unwelcome { response });
        }
        let id = listed_id(Kind::SockclntDelete, &messages);
        self.hand.goodbye = id.map(|id| Goodbye { id, client_index: index });
        Ok((index, Table::resolve(&messages)?))
    }

    async fn version(&mut self, table: &Table, context: u32) -> Result<String, VppError> {
        let answer = self.receive(|id| table.answer(id), Kind::ShowVersionReply, context).await?;
        let Answer::ShowVersionReply { version, .. } = answer else {
            unreachable!("{DECODED_AS_ASKED}");
        };
        Ok(version)
    }

    async fn pid(&mut self, table: &Table, context: u32) -> Result<u32, VppError> {
        let answer = self.receive(|id| table.answer(id), Kind::ControlPingReply, context).await?;
        let Answer::ControlPingReply { pid, .. } = answer else {
            unreachable!("{DECODED_AS_ASKED}");
        };
        Ok(pid)
    }

    /// The answer `wanted` with this context. Everything else is dropped and counted.
    async fn receive(
        &mut self,
        meaning: impl Fn(u16) -> Option<Kind>,
        wanted: Kind,
        context: u32,
    ) -> Result<Answer, VppError> {
        let mut chunk = vec![0; READ_CHUNK];
        loop {
            while let Some(payload) = self.hand.decoder.next_payload()? {
                match payload.first_chunk::<2>().and_then(|id| meaning(u16::from_be_bytes(*id))) {
                    Some(kind) if kind == wanted => {
                        let (theirs, answer) = Answer::decode(kind, payload)?;
                        if theirs == context {
                            return Ok(answer);
                        }
                        Counters::count(&self.counters.unknown_context);
                    }
                    Some(_) => Counters::count(&self.counters.unexpected_message),
                    None => Counters::count(&self.counters.unknown_message),
                }
            }
            let read = self.hand.stream.read(&mut chunk).await.map_err(VppError::Broken)?;
            if read == 0 {
                return Err(VppError::ClosedInHandshake);
            }
            self.hand.decoder.feed(chunk.get(..read).unwrap_or_default());
        }
    }
}
