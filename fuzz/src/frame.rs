//! Any bytes as a stream of VPP's frames: cut anywhere, decoded by client and server, and encoded as the same again.
//!
//! The first byte says how the stream is cut. Until it brings a table of its own, messages have the ids of [`ids`].

use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::Ask;
use maglevd::vpp::error::{FrameError, Malformed, Problem};
use maglevd::vpp::frame::{Decoder, HEADER_LEN, OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;
use maglevd::vpp::table::Table;
use maglevd::vpp::verbose::stickiness;

use crate::Seen;

/// The id of the first message of [`ids`] that has none of its own.
const FIRST_ID: u16 = 100;

/// The message table of a VPP that has nothing but what we use.
pub fn ids() -> Vec<(u16, String)> {
    (FIRST_ID..).zip(Kind::ALL).map(|(id, kind)| (kind.fixed_id().unwrap_or(id), kind.key())).collect()
}

/// The id of a message in [`ids`].
pub fn id_of(kind: Kind) -> u16 {
    let all = Kind::ALL.into_iter().zip(ids());
    all.filter(|(known, _)| *known == kind).map(|(_, (id, _))| id).next().unwrap_or_default()
}

/// # Panics
/// When a promise of the decoders or of the encoders is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    let Some((cut, stream)) = data.split_first() else { return };
    let whole = Found::of(stream, stream.len());
    assert!(whole == Found::of(stream, (*cut).into()), "frames depend on how the stream is cut");
    whole.is_all_of(stream);
    if whole.lost.is_some() {
        seen.note("lost framing");
    }
    let mut table = Table::resolve(&ids()).expect("nothing that we use is missing");
    for payload in &whole.payloads {
        let Some(id) = payload.first_chunk().map(|id| u16::from_be_bytes(*id)) else { continue };
        if let Some(kind) = table.answer(id) {
            answer(kind, id, payload, &mut table, seen);
        } else if let Some(kind) = Kind::ALL.into_iter().find(|kind| !kind.is_answer() && id_of(*kind) == id)
        {
            ask(kind, id, payload, seen);
        } else {
            seen.note("unknown message");
        }
    }
}

/// What a decoder makes of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    payloads: Vec<Vec<u8>>,
    lost: Option<FrameError>,
    pending: usize,
}

impl Found {
    /// In pieces of `size` bytes.
    fn of(stream: &[u8], size: usize) -> Self {
        let mut decoder = Decoder::new();
        let (mut payloads, mut lost) = (Vec::new(), None);
        for piece in stream.chunks(size.max(1)) {
            decoder.feed(piece);
            loop {
                match decoder.next_payload() {
                    Ok(Some(payload)) => payloads.push(payload.to_vec()),
                    Ok(None) => break,
                    Err(error) => {
                        lost = Some(error);
                        break;
                    }
                }
                assert!(lost.is_none(), "a lost stream was found again");
            }
        }
        Self { payloads, lost, pending: decoder.pending() }
    }

    fn is_all_of(&self, stream: &[u8]) {
        let framed: usize = self.payloads.iter().map(|payload| HEADER_LEN + payload.len()).sum();
        assert_eq!(framed + self.pending, stream.len(), "bytes were lost, or came from nowhere");
        let mut written = Vec::new();
        self.payloads.iter().for_each(|payload| put_frame(&mut written, OUR_MARK, payload));
        let again = Self::of(&written, written.len());
        assert!(again.payloads == self.payloads && again.pending == 0, "what was framed is not found");
    }
}

fn answer(kind: Kind, id: u16, payload: &[u8], table: &mut Table, seen: &mut Seen) {
    let (context, answer) = match Answer::decode(kind, payload) {
        Ok(decoded) => decoded,
        Err(error) => return is_malformed(&error, kind, payload, seen),
    };
    seen.note(kind.name());
    let encoded = answer.encode(id, context);
    if texts(&answer).into_iter().all(|(text, room)| is_plain(text, room)) {
        let again = Answer::decode(kind, &encoded);
        assert_eq!(again.as_ref(), Ok(&(context, answer.clone())), "what was encoded is something else");
    }
    is_the_same_if_packed(kind, payload, &encoded);
    match &answer {
        Answer::SockclntCreateReply { messages, .. } => {
            assert!(messages.len() * 66 <= payload.len(), "a table of more than was sent");
            match Table::resolve(messages) {
                Ok(resolved) => {
                    seen.note("another table");
                    *table = resolved;
                }
                Err(error) => assert!(!error.to_string().is_empty(), "an error without words"),
            }
        }
        Answer::CliInbandReply { text, .. } => {
            // A byte that is no UTF-8 becomes three.
            assert!(text.len() <= 3 * payload.len(), "a text of more than was sent");
            let found = stickiness(text);
            assert!(found.len() <= text.lines().count(), "more VIPs than lines");
            if !found.is_empty() {
                seen.note("stickiness");
            }
        }
        Answer::SockclntDeleteReply { .. }
        | Answer::ControlPingReply { .. }
        | Answer::ShowVersionReply { .. }
        | Answer::Retval(..)
        | Answer::LbConfGetReply { .. }
        | Answer::LbVipDetails { .. }
        | Answer::LbAsV2Details { .. }
        | Answer::IpRouteLookupV2Reply { .. } => (),
    }
}

/// The texts of an answer with the bytes that they have room in.
fn texts(answer: &Answer) -> Vec<(&str, usize)> {
    match answer {
        Answer::SockclntCreateReply { messages, .. } => {
            messages.iter().map(|(_, name)| (name.as_str(), 64)).collect()
        }
        Answer::ShowVersionReply { program, version, build_date, build_directory, .. } => {
            vec![(program, 32), (version, 32), (build_date, 32), (build_directory, 256)]
        }
        Answer::CliInbandReply { text, .. } => vec![(text, usize::MAX)],
        Answer::SockclntDeleteReply { .. }
        | Answer::ControlPingReply { .. }
        | Answer::Retval(..)
        | Answer::LbConfGetReply { .. }
        | Answer::LbVipDetails { .. }
        | Answer::LbAsV2Details { .. }
        | Answer::IpRouteLookupV2Reply { .. } => Vec::new(),
    }
}

/// Whether nothing of it was replaced, and nothing has to be cut.
fn is_plain(text: &str, room: usize) -> bool {
    text.len() < room && !text.contains(char::REPLACEMENT_CHARACTER)
}

fn ask(kind: Kind, id: u16, payload: &[u8], seen: &mut Seen) {
    let (prefix, ask) = match Ask::decode(kind, payload) {
        Ok(decoded) => decoded,
        Err(error) => return is_malformed(&error, kind, payload, seen),
    };
    seen.note(kind.name());
    let encoded = ask.encode(id, prefix);
    let text = match &ask {
        Ask::SockclntCreate { name } => (name.as_str(), 64),
        Ask::CliInband { command } => (command.as_str(), usize::MAX),
        Ask::SockclntDelete { .. }
        | Ask::ControlPing
        | Ask::ShowVersion
        | Ask::LbConf(_)
        | Ask::LbConfGet
        | Ask::LbAddDelVipV2 { .. }
        | Ask::LbAddDelAsV2 { .. }
        | Ask::LbAsSetWeight { .. }
        | Ask::LbFlushVip { .. }
        | Ask::LbVipDump
        | Ask::LbAsV2Dump(_)
        | Ask::IpRouteLookupV2(_) => ("", 1),
    };
    if is_plain(text.0, text.1) {
        assert_eq!(Ask::decode(kind, &encoded), Ok((prefix, ask)), "what was encoded is something else");
    }
    is_the_same_if_packed(kind, payload, &encoded);
}

/// A message in which every byte has a meaning comes back byte by byte. In the others are texts, unions and bits of
/// which VPP leaves a part to chance.
fn is_the_same_if_packed(kind: Kind, payload: &[u8], encoded: &[u8]) {
    let is_packed = match kind {
        Kind::SockclntDelete
        | Kind::SockclntDeleteReply
        | Kind::ControlPing
        | Kind::ControlPingReply
        | Kind::ShowVersion
        | Kind::LbConf
        | Kind::LbConfReply
        | Kind::LbConfGet
        | Kind::LbConfGetReply
        | Kind::LbAddDelVipV2Reply
        | Kind::LbAddDelAsV2Reply
        | Kind::LbAsSetWeightReply
        | Kind::LbFlushVipReply => true,
        Kind::SockclntCreate
        | Kind::SockclntCreateReply
        | Kind::ShowVersionReply
        | Kind::CliInband
        | Kind::CliInbandReply
        | Kind::LbAddDelVipV2
        | Kind::LbAddDelAsV2
        | Kind::LbAsSetWeight
        | Kind::LbFlushVip
        | Kind::LbVipDump
        | Kind::LbVipDetails
        | Kind::LbAsV2Dump
        | Kind::LbAsV2Details
        | Kind::IpRouteLookupV2
        | Kind::IpRouteLookupV2Reply => false,
    };
    assert!(!is_packed || payload.starts_with(encoded), "{} is not encoded as it came", kind.name());
}

fn is_malformed(error: &Malformed, kind: Kind, payload: &[u8], seen: &mut Seen) {
    seen.note("malformed");
    assert_eq!(error.message, kind.name(), "{error}");
    assert!(error.at <= payload.len(), "{error}, and it has {} bytes", payload.len());
    if let Problem::Short { need, have } = error.problem {
        assert!(
            need > have && error.at + have == payload.len(),
            "{error}, and it has {} bytes",
            payload.len()
        );
    }
}

pub(crate) fn must_see() -> Vec<&'static str> {
    let kinds = Kind::ALL.into_iter().map(Kind::name);
    kinds.chain(["lost framing", "malformed", "unknown message", "another table", "stickiness"]).collect()
}
