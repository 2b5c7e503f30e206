//! One established connection: calls out, replies back, both at once, until it ends.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use maglev_core::input::{CallId, ConnectionId, Input};
use maglev_core::model::{Reply, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::select;
use tokio::sync::mpsc::error::TryRecvError;

use crate::vpp::answer::Answer;
use crate::vpp::ask::{Ask, Prefix};
use crate::vpp::client::{Contexts, Counters, Ending, Meaning, Order, Post};
use crate::vpp::error::VppError;
use crate::vpp::frame::{Decoder, OUR_MARK, put_frame};
use crate::vpp::handshake::{Link, READ_CHUNK};
use crate::vpp::lb;
use crate::vpp::parting::rest_of_frame;
use crate::vpp::table::Table;
use crate::vpp::waiting::{Open, Progress};

/// Calls without an answer. The engine's window is 64; this only bounds memory if VPP stops reading.
const OPEN_CALLS_MAX: usize = 65_536;

/// Orders taken before the socket has its turn again, so that neither starves the other.
const ORDERS_PER_TURN: usize = 1_024;

/// Answers that the inbox has not taken yet. Above this we stop reading the socket until it does.
const UNSAID_MAX: usize = 1_024;

/// Serves an established connection until it ends.
pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    link: Link<S>,
    post: &mut Post<'_>,
    contexts: &mut Contexts,
    counters: &Counters,
) -> Ending {
    let (reader, writer) = tokio::io::split(link.stream);
    let mut wires = Wires { reader, writer, decoder: link.decoder, chunk: vec![0; READ_CHUNK] };
    let mut session = Session {
        connection: post.connection,
        table: link.table,
        client_index: link.client_index,
        contexts,
        counters,
        open: BTreeMap::new(),
        out: Outgoing::default(),
        unsaid: VecDeque::new(),
    };
    let served = session.serve(&mut wires, post).await;
    let is_open = !served.as_ref().is_err_and(VppError::is_end_of_stream);
    if let Some(goodbye) = link.goodbye.filter(|_| is_open) {
        // The calls behind the frame in which we are now are dropped.
        goodbye.say(&mut wires.writer, session.out.rest_of_frame(), session.contexts.fresh()).await;
    }
    // VPP need not wait until the engine has heard it.
    drop(wires);
    let lost = match served {
        Ok(ending) => return ending,
        Err(lost) => lost,
    };
    for input in std::mem::take(&mut session.unsaid) {
        if let Some(ending) = post.say(input).await {
            return ending;
        }
    }
    post.say_disconnected(&lost).await
}

/// The stream, cut into its two directions.
struct Wires<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    decoder: Decoder,
    chunk: Vec<u8>,
}

/// What waits to be written. All calls of one turn leave in one write.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// Why writing is over, while answers that VPP gave before may still be read.
    broken: Option<VppError>,
}

impl Outgoing {
    fn put(&mut self, payload: &[u8]) {
        put_frame(&mut self.bytes, OUR_MARK, payload);
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    fn rest_of_frame(&self) -> &[u8] {
        rest_of_frame(&self.bytes, self.written)
    }

    fn has_work(&self) -> bool {
        self.unflushed || !self.rest().is_empty()
    }

    /// What [`write_or_flush`] did.
    fn advance(&mut self, moved: io::Result<Moved>) {
        match moved {
            Ok(Moved::Written(count)) => {
                self.written += count;
                self.unflushed = true;
                if self.written >= self.bytes.len() {
                    self.bytes.clear();
                    self.written = 0;
                }
            }
            Ok(Moved::Flushed) => self.unflushed = false,
            Err(err) => *self = Self { broken: Some(VppError::Broken(err)), ..Self::default() },
        }
    }
}

enum Moved {
    Written(usize),
    Flushed,
}

async fn write_or_flush<W: AsyncWrite + Unpin>(writer: &mut W, rest: &[u8]) -> io::Result<Moved> {
    if rest.is_empty() {
        return writer.flush().await.map(|()| Moved::Flushed);
    }
    match writer.write(rest).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(Moved::Written(count)),
    }
}

struct Session<'a> {
    connection: ConnectionId,
    table: Table,
    client_index: u32,
    contexts: &'a mut Contexts,
    counters: &'a Counters,
    open: BTreeMap<u32, Open>,
    out: Outgoing,
    unsaid: VecDeque<Input>,
}

impl Session<'_> {
    /// Runs until an order ends the connection (`Ok`) or it is lost (`Err`).
    ///
    /// Every branch may be cancelled at any moment: a cancelled read or write has moved no byte, and an answer leaves
    /// `unsaid` only once its place in the inbox is certain.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wires: &mut Wires<S>,
        post: &mut Post<'_>,
    ) -> Result<Ending, VppError> {
        // The handshake's last read may have brought more than its answers.
        self.take_frames(&mut wires.decoder)?;
        let mut next_order = None;
        loop {
            if let Some(ending) = self.take_orders(next_order.take(), post) {
                return Ok(ending);
            }
            select! { biased;
                written = write_or_flush(&mut wires.writer, self.out.rest()), if self.out.has_work() => {
                    self.out.advance(written);
                }
                read = wires.reader.read(&mut wires.chunk), if self.unsaid.len() < UNSAID_MAX => {
                    let count = self.received(read)?;
                    wires.decoder.feed(wires.chunk.get(..count).unwrap_or_default());
                    self.take_frames(&mut wires.decoder)?;
                }
                permit = post.inbox.reserve(), if !self.unsaid.is_empty() => {
                    let (Ok(permit), Some(input)) = (permit, self.unsaid.pop_front()) else {
                        return Ok(Ending::Stopped);
                    };
                    permit.send(input);
                    self.say_what_fits(post);
                }
                order = post.orders.recv() => next_order = Some(order),
            }
        }
    }

    /// Takes the order that woke us and all that wait behind it, so that their calls share one write.
    fn take_orders(&mut self, first: Option<Option<Order>>, post: &mut Post<'_>) -> Option<Ending> {
        let mut next = first;
        for _ in 0..ORDERS_PER_TURN {
            let order = match next.take() {
                Some(order) => order,
                None => match post.orders.try_recv() {
                    Ok(order) => Some(order),
                    Err(TryRecvError::Empty) => return None,
                    Err(TryRecvError::Disconnected) => None,
                },
            };
            match post.meaning(order) {
                Meaning::Call(call, request) => self.call(call, &request),
                Meaning::End(ending) => return Some(ending),
                Meaning::Nothing => (),
            }
        }
        None
    }

    fn call(&mut self, call: CallId, request: &Request) {
        if self.out.broken.is_some() {
            // The end of the connection answers it.
            return;
        }
        if self.open.len() >= OPEN_CALLS_MAX {
            let why = format!("{OPEN_CALLS_MAX} calls are waiting for VPP already");
            return self.reply(call, Reply::NotSent(why));
        }
        let ask = match lb::ask_for(request) {
            Ok(ask) => ask,
            Err(hazard) => return self.reply(call, Reply::NotSent(hazard.to_string())),
        };
        let context = self.fresh_context();
        let open = Open::new(call, request, ask.kind());
        self.put(&ask, context);
        if open.is_dump() {
            // Nothing else marks the end of a dump. VPP keeps the order, so one context serves both.
            self.put(&Ask::ControlPing, context);
        }
        self.open.insert(context, open);
    }

    fn fresh_context(&mut self) -> u32 {
        loop {
            let context = self.contexts.fresh();
            if !self.open.contains_key(&context) {
                return context;
            }
        }
    }

    fn put(&mut self, ask: &Ask, context: u32) {
        let prefix = Prefix { client_index: self.client_index, context };
        self.out.put(&ask.encode(self.table.id(ask.kind()), prefix));
    }

    fn received(&mut self, read: io::Result<usize>) -> Result<usize, VppError> {
        let lost = match read {
            Ok(0) => VppError::Closed,
            Ok(count) => return Ok(count),
            Err(err) => VppError::Broken(err),
        };
        Err(self.out.broken.take().unwrap_or(lost))
    }

    fn take_frames(&mut self, decoder: &mut Decoder) -> Result<(), VppError> {
        while let Some(payload) = decoder.next_payload()? {
            self.take(payload)?;
        }
        Ok(())
    }

    /// One frame. What nobody waits for is dropped and counted; what cannot be read, though somebody waits for it,
    /// ends the connection, since the call would never be answered.
    fn take(&mut self, payload: &[u8]) -> Result<(), VppError> {
        let (Some(id), Some(context)) = (payload.first_chunk::<2>(), payload.get(2..6)) else {
            Counters::count(&self.counters.too_short);
            return Ok(());
        };
        let Some(kind) = self.table.answer(u16::from_be_bytes(*id)) else {
            Counters::count(&self.counters.unknown_message);
            return Ok(());
        };
        let context = context.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let Some(open) = self.open.get_mut(&context) else {
            Counters::count(&self.counters.unknown_context);
            return Ok(());
        };
        if !open.expects(kind) {
            Counters::count(&self.counters.unexpected_message);
            return Ok(());
        }
        let (_, answer) = Answer::decode(kind, payload)?;
        if let Progress::Finished(reply) = open.take(answer)? {
            let call = open.call();
            self.open.remove(&context);
            self.reply(call, reply);
        }
        Ok(())
    }

    fn reply(&mut self, call: CallId, reply: Reply) {
        self.unsaid.push_back(Input::VppReplied { connection: self.connection, call, reply });
    }

    fn say_what_fits(&mut self, post: &Post<'_>) {
        while !self.unsaid.is_empty() {
            let Ok(permit) = post.inbox.try_reserve() else {
                return;
            };
            if let Some(input) = self.unsaid.pop_front() {
                permit.send(input);
            }
        }
    }
}
