//! The other side of the API: what VPP does with a connection, quirks included, over any stream.
//!
//! The demo and the simulator put their model of the lb plugin behind it; the tests add mischief. It reads no
//! clock, and only [`Process`] spawns anything. What it does not understand it does not answer, exactly like VPP.

pub mod mischief;
mod offer;
mod process;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use maglev_core::model::{LbConf, Prefix, ServerRow, VipKey, VipRow, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::vpp::answer::Answer;
use crate::vpp::ask::{AsFilter, Ask};
use crate::vpp::frame::Decoder;
use crate::vpp::lb;
use crate::vpp::messages::Kind;
pub use mischief::Mischief;
use mischief::Mouth;
pub use offer::Offer;
pub use process::Process;

/// A model of the lb plugin, and of the VPP around it.
pub trait Plugin: Send {
    /// Carries out a write; returns VPP's return code. Nothing has been checked: VPP would see it like this too.
    fn write(&mut self, write: &Write) -> i32;
    /// The global settings.
    fn conf(&self) -> LbConf;
    /// What `lb_vip_dump` shows.
    fn vips(&self) -> Vec<VipRow>;
    /// What `lb_as_v2_dump` shows. A filter may be taken as a hint, its prefix length being that of a host: the
    /// server picks from the rows by VPP's own rule, which looks at address, protocol and port alone.
    fn servers(&self, like: Option<VipKey>) -> Vec<ServerRow>;
    /// What `show lb vips verbose` prints.
    fn verbose(&self) -> String;
    /// Where the counters of the route with exactly this prefix are; `None` if there is no such route. Models of the lb
    /// plugin have no routes.
    fn route(&self, _prefix: Prefix) -> Option<u32> {
        None
    }
    /// VPP's process id.
    fn pid(&self) -> u32;
    /// VPP's release, like `26.10-release`.
    fn version(&self) -> String;
}

/// What kind of VPP to play.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which messages there are.
    pub offer: Offer,
    /// What goes wrong.
    pub mischief: Vec<Mischief>,
    /// Slot of the client in VPP's pool; its client index is this with the top bit set.
    pub client_slot: u32,
}

/// VPP reads this much per event.
const READ_CHUNK: usize = 4096;

/// Serves one connection until the client closes it, or a mischief does.
///
/// # Errors
/// When the stream fails, or framing is lost. (The real VPP would then wait for ever.)
pub async fn serve<S, P>(mut stream: S, plugin: Arc<Mutex<P>>, options: Options) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Plugin + ?Sized,
{
    let mut ear = Ear {
        plugin: &plugin,
        client_index: 1 << 31 | options.client_slot,
        greeted: false,
        left: false,
        offer: options.offer,
    };
    let mut mouth = Mouth::new(options.mischief);
    let mut decoder = Decoder::new();
    let mut chunk = vec![0; READ_CHUNK];
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        decoder.feed(chunk.get(..read).unwrap_or_default());
        while let Some(payload) = decoder.next_payload().map_err(io::Error::other)? {
            for answer in ear.answers(payload) {
                mouth.say(&answer);
            }
            if ear.left {
                break;
            }
        }
        let spoken = mouth.speak(&mut stream).await;
        if ear.left {
            // The client need not wait for the answer.
            let _ = stream.shutdown().await;
            return Ok(());
        }
        spoken?;
        if mouth.is_shut() {
            return stream.shutdown().await;
        }
    }
}

/// Understands requests.
struct Ear<'a, P: ?Sized> {
    plugin: &'a Mutex<P>,
    client_index: u32,
    greeted: bool,
    left: bool,
    offer: Offer,
}

impl<P: Plugin + ?Sized> Ear<'_, P> {
    /// The payloads that answer this one: none if VPP would not answer.
    fn answers(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        let Some(id) = payload.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
            return Vec::new();
        };
        let Some(kind) = self.offer.request(id) else {
            return Vec::new();
        };
        let Ok((prefix, ask)) = Ask::decode(kind, payload) else {
            return Vec::new();
        };
        if kind == Kind::SockclntCreate {
            self.greeted = true;
        } else if !self.greeted || prefix.client_index != self.client_index {
            return Vec::new();
        }
        let answers = self.carry_out(&ask).into_iter();
        answers.map(|answer| answer.encode(self.offer.id(answer.kind()), prefix.context)).collect()
    }

    fn carry_out(&mut self, ask: &Ask) -> Vec<Answer> {
        // A plugin that panicked in another connection has said so already; this one may still be read.
        let mut plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(write) = lb::write_of(ask) {
            let reply = ask.kind().answered_by().expect("every write has a reply");
            return vec![Answer::Retval(reply, plugin.write(&write))];
        }
        match ask {
            Ask::SockclntCreate { .. } => vec![Answer::SockclntCreateReply {
                response: 0,
                index: self.client_index,
                messages: self.offer.listed(),
            }],
            Ask::SockclntDelete { index } => {
                // VPP deletes whichever client the index names; ours is the only one here.
                self.left = *index == self.client_index;
                vec![Answer::SockclntDeleteReply { response: if self.left { 1 } else { -1 } }]
            }
            Ask::ControlPing => vec![Answer::ControlPingReply {
                retval: 0,
                client_index: self.client_index,
                pid: plugin.pid(),
            }],
            Ask::ShowVersion => vec![version_reply(plugin.version())],
            Ask::CliInband { command } => vec![cli_reply(command, &*plugin)],
            Ask::LbConfGet => vec![Answer::LbConfGetReply { retval: 0, conf: plugin.conf() }],
            Ask::LbVipDump => plugin.vips().into_iter().map(vip_details).collect(),
            Ask::LbAsV2Dump(filter) => as_details(plugin.servers(filter.hint()), filter),
            Ask::IpRouteLookupV2(prefix) => vec![route_reply(*prefix, plugin.route(*prefix))],
            Ask::LbConf(_)
            | Ask::LbAddDelVipV2 { .. }
            | Ask::LbAddDelAsV2 { .. }
            | Ask::LbAsSetWeight { .. }
            | Ask::LbFlushVip { .. } => Vec::new(),
        }
    }
}

/// The answer to `show_version`.
pub fn version_reply(version: String) -> Answer {
    Answer::ShowVersionReply {
        retval: 0,
        program: "vpe".to_owned(),
        version,
        build_date: "2026-10-28T12:00:00".to_owned(),
        build_directory: "/build".to_owned(),
    }
}

fn cli_reply<P: Plugin + ?Sized>(command: &str, plugin: &P) -> Answer {
    if command.trim() == lb::VERBOSE_COMMAND {
        return Answer::CliInbandReply { retval: 0, text: plugin.verbose() };
    }
    Answer::CliInbandReply { retval: -1, text: format!("unknown input `{}'", command.trim()) }
}

fn route_reply(prefix: Prefix, stats_index: Option<u32>) -> Answer {
    let retval = if stats_index.is_some() { 0 } else { -6 };
    Answer::IpRouteLookupV2Reply { retval, stats_index: stats_index.unwrap_or_default(), prefix }
}

/// A row of `lb_vip_dump`.
pub fn vip_details(row: VipRow) -> Answer {
    Answer::LbVipDetails { row, dscp: 0, srv_type: [0; 4], target_port: [0; 2] }
}

fn as_details(rows: Vec<ServerRow>, filter: &AsFilter) -> Vec<Answer> {
    let selected = rows.into_iter().filter(|row| filter.selects(row.vip));
    selected.map(|row| Answer::LbAsV2Details { row, in_use_since: 0 }).collect()
}
