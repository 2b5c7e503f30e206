//! A short visit to VPP beside the engine's connection: it asks where counters are, and goes.
//!
//! What a reader would get wrong: it may stay away from nothing that the engine stays away from. The verbose text is asked
//! for only if whoever sends us knows that it fits VPP's API memory, and we always say goodbye (`docs/vpp.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;

use maglev_core::model::{Prefix, VipKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::select;

use crate::vpp::answer::Answer;
use crate::vpp::ask::{Ask, Prefix as Head};
use crate::vpp::client::{Connector, Contexts, Counters};
use crate::vpp::error::VppError;
use crate::vpp::frame::{OUR_MARK, put_frame};
use crate::vpp::handshake::{Link, READ_CHUNK, reach, shake};
use crate::vpp::lb::VERBOSE_COMMAND;
use crate::vpp::messages::Kind;
use crate::vpp::verbose;

/// Questions that are under way at once: what VPP reads in one go, so that others have their turn in between.
const WINDOW: usize = 64;

/// What to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Ask for the verbose text, which must be known to fit VPP's API memory.
    pub vips: bool,
    /// Look for the routes with exactly these prefixes.
    pub routes: Vec<Prefix>,
}

/// Where counters are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Pool indexes of all living VIPs.
    pub vips: Vec<(VipKey, u32)>,
    /// Stats indexes of the routes asked for, in their order; `None` where there is no such route, or where it shares
    /// its counters with another one.
    pub routes: Vec<Option<u32>>,
}

/// Why a visit brought nothing. Try again later.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// The connection could not be made, or ended.
    #[error(transparent)]
    Vpp(#[from] VppError),
    /// The limit passed.
    #[error("VPP did not answer in time")]
    Late,
}

/// Who visits.
#[derive(Debug)]
pub struct Inquirer<C> {
    connector: C,
    contexts: Contexts,
}

impl<C: Connector> Inquirer<C> {
    /// Visits by way of `connector`.
    pub const fn new(connector: C) -> Self {
        Self { connector, contexts: Contexts::of_a_visitor() }
    }

    /// Asks, for at most as long as `limit` takes.
    ///
    /// # Errors
    /// VPP cannot be reached, is not to be worked with, ends the connection, or is too slow.
    pub async fn inquire(
        &mut self,
        questions: &Questions,
        limit: impl Future<Output = ()>,
    ) -> Result<Places, InquiryError> {
        let mut limit = pin!(limit);
        let Self { connector, contexts } = self;
        let mut hand = select! { biased;
            () = &mut limit => return Err(InquiryError::Late),
            reached = reach(connector) => reached?,
        };
        let dropped = Counters::default();
        let shaken = select! { biased;
            () = &mut limit => Err(InquiryError::Late),
            shaken = shake(connector, &mut hand, contexts, &dropped) => shaken.map_err(InquiryError::from),
        };
        let found = match shaken {
            Ok(found) => found,
            Err(err) => {
                hand.part(contexts).await;
                return Err(err);
            }
        };
        let mut visit = Visit { link: hand.into_link(found), contexts, is_mid_write: false };
        let places = select! { biased;
            () = &mut limit => Err(InquiryError::Late),
            places = visit.ask(questions) => places.map_err(InquiryError::from),
        };
        visit.part().await;
        places
    }
}

/// After the handshake.
struct Visit<'a, S> {
    link: Link<S>,
    contexts: &'a mut Contexts,
    /// Part of a frame may have gone out, so nothing can follow.
    is_mid_write: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Visit<'_, S> {
    async fn ask(&mut self, questions: &Questions) -> Result<Places, VppError> {
        let vips = if questions.vips { self.vips().await? } else { Vec::new() };
        let mut routes = Vec::with_capacity(questions.routes.len());
        for window in questions.routes.chunks(WINDOW) {
            routes.extend(self.routes(window).await?);
        }
        Ok(Places { vips, routes: alone(&questions.routes, routes) })
    }

    async fn vips(&mut self) -> Result<Vec<(VipKey, u32)>, VppError> {
        let first = self.send(&[Ask::CliInband { command: VERBOSE_COMMAND.to_owned() }]).await?;
        let answer = self.receive(Kind::CliInbandReply, first).await?;
        Ok(if let Answer::CliInbandReply { retval: 0, text } = &answer {
            verbose::indexes(text)
        } else {
            Vec::new()
        })
    }

    async fn routes(&mut self, prefixes: &[Prefix]) -> Result<Vec<Option<u32>>, VppError> {
        if self.link.table.find(Kind::IpRouteLookupV2).is_none() {
            return Ok(vec![None; prefixes.len()]);
        }
        let asks: Vec<_> = prefixes.iter().copied().map(Ask::IpRouteLookupV2).collect();
        let first = self.send(&asks).await?;
        let mut routes = Vec::new();
        for (context, asked) in (first..).zip(prefixes) {
            let answer = self.receive(Kind::IpRouteLookupV2Reply, context).await?;
            let Answer::IpRouteLookupV2Reply { retval: 0, stats_index, prefix } = answer else {
                routes.push(None);
                continue;
            };
            routes.push((prefix == *asked).then_some(stats_index));
        }
        Ok(routes)
    }

    /// Sends them in one write; their contexts ascend from the one returned.
    async fn send(&mut self, asks: &[Ask]) -> Result<u32, VppError> {
        let mut bytes = Vec::new();
        let mut first = None;
        for ask in asks {
            let context = self.contexts.fresh();
            first.get_or_insert(context);
            let id = self.link.table.find(ask.kind()).expect("who sends it has looked");
            let head = Head { client_index: self.link.client_index, context };
            put_frame(&mut bytes, OUR_MARK, &ask.encode(id, head));
        }
        self.is_mid_write = true;
        self.link.stream.write_all(&bytes).await.map_err(VppError::Broken)?;
        self.is_mid_write = false;
        self.link.stream.flush().await.map_err(VppError::Broken)?;
        Ok(first.unwrap_or_default())
    }

    /// The answer `wanted` with this context. Everything else is none of ours.
    async fn receive(&mut self, wanted: Kind, context: u32) -> Result<Answer, VppError> {
        let mut chunk = vec![0; READ_CHUNK];
        loop {
            while let Some(payload) = self.link.decoder.next_payload()? {
                let id = payload.first_chunk::<2>().map(|id| u16::from_be_bytes(*id));
                if id.and_then(|id| self.link.table.answer(id)) == Some(wanted) {
                    let (theirs, answer) = Answer::decode(wanted, payload)?;
                    if theirs == context {
                        return Ok(answer);
                    }
                }
            }
            match self.link.stream.read(&mut chunk).await.map_err(VppError::Broken)? {
                0 => return Err(VppError::Closed),
                count => self.link.decoder.feed(chunk.get(..count).unwrap_or_default()),
            }
        }
    }

    async fn part(mut self) {
        if let Some(goodbye) = self.link.goodbye.filter(|_| !self.is_mid_write) {
            goodbye.say(&mut self.link.stream, &[], self.contexts.fresh()).await;
        }
    }
}

/// VPP 26.10 has counters for each route, resolved or not. Should one have them together with another, they would be
/// nobody's. Asked for twice, a route is still one.
fn alone(asked: &[Prefix], mut found: Vec<Option<u32>>) -> Vec<Option<u32>> {
    let mut owners: BTreeMap<u32, Prefix> = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for (prefix, place) in asked.iter().zip(&found) {
        let Some(place) = place else { continue };
        if owners.entry(*place).or_insert(*prefix) != prefix {
            shared.insert(*place);
        }
    }
    found.iter_mut().for_each(|place| *place = place.filter(|place| !shared.contains(place)));
    found
}
