//! The client, as the daemon sees it: orders in, inputs out. The one helper through which the tests touch it.

use std::sync::Arc;

use maglev_core::input::{CallId, ConnectionId, Disconnect, Input, VppProcess};
use maglev_core::model::{Read, Reply, Request, Write};
use maglevd::vpp::{Connector, Counters, Order, run_counted};
use tokio::sync::mpsc;

/// A running client, and the last ids that were given out.
pub struct Talk {
    pub orders: mpsc::Sender<Order>,
    pub inbox: mpsc::Receiver<Input>,
    pub counters: Arc<Counters>,
    connection: u32,
    call: u64,
}

impl Talk {
    /// Starts a client in a task of its own.
    pub fn start<C: Connector + Send + 'static>(connector: C) -> Self {
        let (orders, order_queue) = mpsc::channel(1024);
        let (inbox_queue, inbox) = mpsc::channel(1024);
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        tokio::spawn(async move { run_counted(connector, order_queue, inbox_queue, &counting).await });
        Self { orders, inbox, counters, connection: 0, call: 0 }
    }

    /// A client that is connected.
    pub async fn connected<C: Connector + Send + 'static>(connector: C) -> Self {
        let mut talk = Self::start(connector);
        talk.connect().await.unwrap();
        talk
    }

    /// Connects anew.
    pub async fn connect(&mut self) -> Result<VppProcess, Disconnect> {
        self.order_connect().await;
        self.connection_outcome().await
    }

    /// Orders a connection and does not wait for it.
    pub async fn order_connect(&mut self) -> ConnectionId {
        self.connection += 1;
        self.orders.send(Order::Connect(self.id())).await.unwrap();
        self.id()
    }

    /// What became of the attempt.
    pub async fn connection_outcome(&mut self) -> Result<VppProcess, Disconnect> {
        match self.next().await {
            Input::VppConnected { connection, vpp } if connection == self.id() => Ok(vpp),
            Input::VppDisconnected { connection, why } if connection == self.id() => Err(why),
            other => panic!("expected the outcome of connection {}, got: {other}", self.connection),
        }
    }

    /// The present connection.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.connection)
    }

    /// Drops the present connection.
    pub async fn disconnect(&self) {
        self.orders.send(Order::Disconnect(self.id())).await.unwrap();
    }

    /// Orders a call and does not wait for it.
    pub async fn order(&mut self, request: impl Into<Ask>) -> CallId {
        self.call += 1;
        let call = CallId(self.call);
        let request = request.into().0;
        self.orders.send(Order::Call { connection: self.id(), call, request }).await.unwrap();
        call
    }

    /// Makes a call.
    pub async fn call(&mut self, request: impl Into<Ask>) -> Reply {
        let call = self.order(request).await;
        let (answered, reply) = self.reply().await;
        assert_eq!(answered, call, "the answer belongs to another call: {reply}");
        reply
    }

    /// The next input, which must be a reply.
    pub async fn reply(&mut self) -> (CallId, Reply) {
        match self.next().await {
            Input::VppReplied { connection, call, reply } if connection == self.id() => (call, reply),
            other => panic!("expected a reply, got: {other}"),
        }
    }

    /// The next input, which must be the end of the present connection.
    pub async fn end(&mut self) -> String {
        match self.next().await {
            Input::VppDisconnected { connection, why } if connection == self.id() => why.to_string(),
            other => panic!("expected the end, got: {other}"),
        }
    }

    /// The next input.
    pub async fn next(&mut self) -> Input {
        self.inbox.recv().await.expect("the client runs as long as there is a sender of orders")
    }
}

/// A write or a read.
pub struct Ask(Request);

impl From<Write> for Ask {
    fn from(write: Write) -> Self {
        Self(Request::Write(write))
    }
}

impl From<Read> for Ask {
    fn from(read: Read) -> Self {
        Self(Request::Read(read))
    }
}
