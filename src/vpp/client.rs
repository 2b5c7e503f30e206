//! The client: one plain future that takes orders and reports what happened, in order.
//!
//! It spawns nothing, reads no clock and has no deadline, so that it runs unchanged in the daemon and on the
//! simulator's executor. Whoever waits too long sends [`Order::Disconnect`].
//!
//! What a reader would get wrong: it never blocks in one direction. Orders are taken while the inbox is full, and
//! the socket is read while a write is stuck; otherwise the daemon, this client and VPP could wait in a ring.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use maglev_core::input::{CallId, ConnectionId, Disconnect, Input};
use maglev_core::model::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::sync::mpsc;

use crate::vpp::error::VppError;
use crate::vpp::handshake::{reach, shake};
use crate::vpp::session::talk;

/// What the engine wants from us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make a connection. Answered by `VppConnected` or `VppDisconnected`.
    Connect(ConnectionId),
    /// Drop a connection, also one that is being made. Nothing more is said about it.
    Disconnect(ConnectionId),
    /// Make a call. Answered by `VppReplied`, or by the end of the connection.
    Call {
        /// On this connection; ignored if it is not the present one.
        connection: ConnectionId,
        /// The answer carries it back.
        call: CallId,
        /// What to ask.
        request: Request,
    },
}

/// Where connections come from.
pub trait Connector {
    /// The stream to VPP.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Opens a stream to VPP. The error's text says what, where and what to do.
    fn connect(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Boot time of the VPP process in Unix seconds; 0 if unknown. Asked once per connection.
    fn boot_time(&mut self) -> impl Future<Output = u64> + Send;
}

/// Frames that had to be dropped. Each of them is survivable; many of them are a hint.
#[derive(Debug, Default)]
pub struct Counters {
    /// The message id is no answer that we know.
    pub unknown_message: AtomicU64,
    /// Nobody waits for this context: a late reply, or a second one.
    pub unknown_context: AtomicU64,
    /// Somebody waits for this context, but for another message.
    pub unexpected_message: AtomicU64,
    /// Too short to hold an id and a context.
    pub too_short: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All dropped frames together.
    pub fn dropped(&self) -> u64 {
        [&self.unknown_message, &self.unknown_context, &self.unexpected_message, &self.too_short]
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }
}

/// Serves orders until their sender, or the inbox, is gone.
pub async fn run<C: Connector>(connector: C, orders: mpsc::Receiver<Order>, inbox: mpsc::Sender<Input>) {
    run_counted(connector, orders, inbox, &Counters::default()).await;
}

/// Like [`run`], with counters that somebody else can read.
pub async fn run_counted<C: Connector>(
    mut connector: C,
    mut orders: mpsc::Receiver<Order>,
    inbox: mpsc::Sender<Input>,
    counters: &Counters,
) {
    let mut contexts = Contexts::default();
    let mut ending = Ending::Dropped;
    loop {
        let connection = match ending {
            Ending::Dropped => match next_connect(&mut orders).await {
                Some(connection) => connection,
                None => return,
            },
            Ending::Replaced(connection) => connection,
            Ending::Stopped => return,
        };
        let mut post = Post { connection, orders: &mut orders, inbox: &inbox };
        ending = hold(&mut connector, &mut post, &mut contexts, counters).await;
    }
}

/// Hands out contexts: never 0, and not reused soon, not even on the next connection.
///
/// VPP finds the receiver of a reply by a client index that it reuses at once, so an answer to the connection before
/// could arrive on this one.
#[derive(Debug, Default)]
pub(crate) struct Contexts(u32);

impl Contexts {
    /// Far from those of the engine's client, whose late replies VPP could send to us for the same reason.
    pub(crate) const fn of_a_visitor() -> Self {
        Self(1 << 31)
    }

    pub(crate) fn fresh(&mut self) -> u32 {
        self.0 = self.0.checked_add(1).unwrap_or(1);
        self.0
    }
}

/// How a connection came to its end, as far as the next order is concerned.
pub(crate) enum Ending {
    /// It is over; wait for the next order to connect.
    Dropped,
    /// An order to connect came in before this one was dropped.
    Replaced(ConnectionId),
    /// Nobody gives orders, or nobody listens, any more.
    Stopped,
}

/// Both channels, as one connection sees them.
pub(crate) struct Post<'a> {
    pub(crate) connection: ConnectionId,
    pub(crate) orders: &'a mut mpsc::Receiver<Order>,
    pub(crate) inbox: &'a mpsc::Sender<Input>,
}

/// What an order means for the present connection.
pub(crate) enum Meaning {
    Call(CallId, Request),
    End(Ending),
    Nothing,
}

impl Post<'_> {
    pub(crate) fn meaning(&self, order: Option<Order>) -> Meaning {
        match order {
            None => Meaning::End(Ending::Stopped),
            Some(Order::Connect(next)) => Meaning::End(Ending::Replaced(next)),
            Some(Order::Disconnect(connection)) if connection == self.connection => {
                Meaning::End(Ending::Dropped)
            }
            Some(Order::Call { connection, call, request }) if connection == self.connection => {
                Meaning::Call(call, request)
            }
            Some(Order::Disconnect(_) | Order::Call { .. }) => Meaning::Nothing,
        }
    }

    /// Waits for an order that ends this connection. Calls on it are answered by its end, so they are passed over.
    async fn ended(&mut self) -> Ending {
        loop {
            let order = self.orders.recv().await;
            if let Meaning::End(ending) = self.meaning(order) {
                return ending;
            }
        }
    }

    /// Says something about this connection, unless an order ends it first.
    pub(crate) async fn say(&mut self, input: Input) -> Option<Ending> {
        let inbox = self.inbox;
        select! { biased;
            ending = self.ended() => Some(ending),
            said = inbox.send(input) => said.err().map(|_| Ending::Stopped),
        }
    }

    /// The last words about this connection.
    pub(crate) async fn say_disconnected(&mut self, err: &VppError) -> Ending {
        let input = Input::VppDisconnected { connection: self.connection, why: Disconnect::from(err) };
        self.say(input).await.unwrap_or(Ending::Dropped)
    }
}

async fn next_connect(orders: &mut mpsc::Receiver<Order>) -> Option<ConnectionId> {
    loop {
        match orders.recv().await? {
            Order::Connect(connection) => return Some(connection),
            Order::Disconnect(_) | Order::Call { .. } => (),
        }
    }
}

/// One connection, from the attempt to its end.
async fn hold<C: Connector>(
    connector: &mut C,
    post: &mut Post<'_>,
    contexts: &mut Contexts,
    counters: &Counters,
) -> Ending {
    let reached = select! { biased;
        ending = post.ended() => return ending,
        reached = reach(connector) => reached,
    };
    let mut hand = match reached {
        Ok(hand) => hand,
        Err(err) => return post.say_disconnected(&err).await,
    };
    let shaken = select! { biased;
        ending = post.ended() => Err(Ok(ending)),
        shaken = shake(connector, &mut hand, contexts, counters) => shaken.map_err(Err),
    };
    let found = match shaken {
        Ok(found) => found,
        Err(Ok(ending)) => {
            hand.part(contexts).await;
            return ending;
        }
        Err(Err(err)) => {
            if !err.is_end_of_stream() {
                hand.part(contexts).await;
            }
            return post.say_disconnected(&err).await;
        }
    };
    let connected = Input::VppConnected { connection: post.connection, vpp: found.vpp.clone() };
    if let Some(ending) = post.say(connected).await {
        hand.part(contexts).await;
        return ending;
    }
    talk(hand.into_link(found), post, contexts, counters).await
}
