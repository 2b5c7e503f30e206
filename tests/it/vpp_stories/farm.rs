//! HTTP backends on loopback whose life the test controls.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Each farm has a network of its own, 127.1.x.0/24, so that stories do not meet.
static FARMS: AtomicU8 = AtomicU8::new(0);

/// How a backend behaves. One without a mood is not there: connections are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers 200.
    Well,
    /// It answers 503.
    Failing,
    /// It accepts and says nothing, until its mood changes.
    Silent,
}

impl Mood {
    const fn answer(self) -> Option<&'static str> {
        match self {
            Self::Well => Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            Self::Failing => {
                Some("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            }
            Self::Silent => None,
        }
    }
}

pub struct Farm {
    network: u8,
    port: u16,
    backends: BTreeMap<u8, (watch::Sender<Mood>, JoinHandle<()>)>,
}

impl Farm {
    /// A farm with these backends, all well.
    pub async fn start(hosts: &[u8]) -> Self {
        let network = FARMS.fetch_add(1, Ordering::Relaxed);
        // A free port of an address that only this farm uses is free on its neighbours too.
        let probe = TcpListener::bind((address(network, 254), 0)).await.unwrap();
        let port = probe.local_addr().unwrap().port();
        let mut farm = Self { network, port, backends: BTreeMap::new() };
        for host in hosts {
            farm.feel(*host, Mood::Well).await;
        }
        farm
    }

    /// The port of all backends.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a backend, present or not.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        address(self.network, host)
    }

    /// Starts a backend in a mood, or changes the mood of one.
    pub async fn feel(&mut self, host: u8, mood: Mood) {
        if let Some((moods, _)) = self.backends.get(&host) {
            moods.send_replace(mood);
            return;
        }
        let place = SocketAddr::from((self.address(host), self.port));
        let listener = TcpListener::bind(place).await.unwrap();
        let moods = watch::Sender::new(mood);
        let serving = tokio::spawn(serve(listener, moods.clone()));
        self.backends.insert(host, (moods, serving));
    }

    /// Kills a backend: its connections end, and new ones are refused.
    pub async fn kill(&mut self, host: u8) {
        if let Some((_, serving)) = self.backends.remove(&host) {
            serving.abort();
            // The socket is closed when the task is gone.
            let _ = serving.await;
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for (_, serving) in self.backends.values() {
            serving.abort();
        }
    }
}

fn address(network: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, network, host)
}

async fn serve(listener: TcpListener, moods: watch::Sender<Mood>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, moods.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, mut moods: watch::Receiver<Mood>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let mood = moods.wait_for(|mood| mood.answer().is_some()).await.map(|mood| *mood);
    if let Some(answer) = mood.ok().and_then(Mood::answer) {
        // Who gave up meanwhile misses nothing.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}
