//! Backends of the demo: tiny HTTP servers on 127.0.0.x that can be well, or ill in three ways.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use maglev_core::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::SystemClock;

/// Ports to try until one is free on every address.
const PORTS_TRIED: usize = 20;

/// A port that somebody took while its server was down is asked for again this often.
const BIND_AGAIN: Duration = Duration::from_millis(50);

/// How a backend feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers 200.
    Well,
    /// Its port is closed.
    Gone,
    /// Answers 503.
    Failing,
    /// Accepts, and says nothing.
    Silent,
}

impl Mood {
    /// As the timeline says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Well => "answers 200 again",
            Self::Gone => "dies: its port is closed",
            Self::Failing => "falls ill: it answers 503",
            Self::Silent => "hangs: it accepts and says nothing",
        }
    }
}

/// Servers on several addresses and one port. They end when this is dropped.
pub struct Farm {
    port: u16,
    moods: Vec<watch::Sender<Mood>>,
    _servers: JoinSet<()>,
}

impl Farm {
    /// Starts a server on each address, all of them well, on a port that is free everywhere.
    ///
    /// # Errors
    /// No such port was found, or this host has not these addresses.
    pub async fn start(addresses: &[Ipv4Addr], clock: SystemClock) -> io::Result<Self> {
        let (port, listeners) = listeners(addresses).await?;
        let mut servers = JoinSet::new();
        let moods = addresses.iter().zip(listeners).map(|(address, listener)| {
            let (mood, felt) = watch::channel(Mood::Well);
            servers.spawn(live((*address, port).into(), listener, felt, clock));
            mood
        });
        Ok(Self { port, moods: moods.collect(), _servers: servers })
    }

    /// The port of all of them.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes the mood of one, by its position. A mood that is the same already changes nothing.
    pub fn set(&self, server: usize, mood: Mood) {
        if let Some(felt) = self.moods.get(server) {
            felt.send_replace(mood);
        }
    }

    /// The mood of one.
    pub fn mood(&self, server: usize) -> Option<Mood> {
        self.moods.get(server).map(|mood| *mood.borrow())
    }
}

async fn listeners(addresses: &[Ipv4Addr]) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut failed = io::Error::other("no address");
    for _ in 0..PORTS_TRIED {
        match listeners_on_one_port(addresses).await {
            Ok(found) => return Ok(found),
            Err(err) => failed = err,
        }
    }
    Err(failed)
}

async fn listeners_on_one_port(addresses: &[Ipv4Addr]) -> io::Result<(u16, Vec<TcpListener>)> {
    let (mut port, mut listeners) = (0, Vec::new());
    for address in addresses {
        let listener = TcpListener::bind((*address, port)).await?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((port, listeners))
}

async fn live(address: SocketAddr, first: TcpListener, mut mood: watch::Receiver<Mood>, clock: SystemClock) {
    let mut listener = Some(first);
    let mut visits = JoinSet::new();
    loop {
        if *mood.borrow_and_update() == Mood::Gone {
            // Whoever is being served loses the connection, too.
            visits.abort_all();
            listener = None;
            if mood.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                clock.sleep_until(clock.now() + BIND_AGAIN).await;
            }
            continue;
        };
        select! { biased;
            changed = mood.changed() => if changed.is_err() { return },
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                visits.spawn(answer(stream, *mood.borrow()));
            },
        }
        while visits.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, mood: Mood) {
    let status = match mood {
        Mood::Well => "200 OK",
        Mood::Failing => "503 Service Unavailable",
        Mood::Gone => return,
        Mood::Silent => {
            while matches!(stream.read(&mut [0; 512]).await, Ok(1..)) {}
            return;
        }
    };
    let _ = stream.read(&mut [0; 2048]).await;
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
