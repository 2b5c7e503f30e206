//! What is on the screen, as data: pictures, the latest events, and whether the daemon is there.

use std::collections::VecDeque;

use maglev_proto::v1::record::Detail;
use maglev_proto::v1::watch_response::What;
use maglev_proto::{Timestamp, v1};

use crate::failure::Failure;
use crate::value::Value;
use crate::{value, view};

/// Events that are kept for the foot of the screen.
const EVENTS_MAX: usize = 50;

/// Everything at about one moment.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub now: Option<Timestamp>,
    pub daemon: Value,
    pub vpp: Value,
    pub warmup: Value,
    pub frontends: Vec<Value>,
    /// Ascending by name.
    pub backends: Vec<Value>,
}

/// Something new.
#[derive(Debug)]
pub(super) enum Update {
    /// A picture.
    Seen(Box<Picture>),
    /// The daemon cannot be asked.
    Lost(Failure),
    /// Something happened.
    Told(Box<What>),
    /// The process is to end.
    End,
}

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub picture: Option<Picture>,
    /// Why the picture is old, and after how many attempts.
    pub trouble: Option<(String, u32)>,
    /// The latest last.
    pub events: VecDeque<String>,
    /// When the latest sync ended.
    pub synced: Option<Timestamp>,
    /// The first row that is shown; more than there are means the last page.
    pub first: usize,
    /// Rows that fit, as of the last time that it was drawn.
    pub page: usize,
}

impl Model {
    /// Takes in what is new.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Seen(picture) => {
                self.picture = Some(*picture);
                self.trouble = None;
            }
            Update::Lost(failure) => {
                let attempts = self.trouble.as_ref().map_or(0, |(_, attempts)| *attempts);
                self.trouble = Some((failure.to_string(), attempts + 1));
            }
            Update::Told(what) => self.told(&what),
            Update::End => (),
        }
    }

    fn told(&mut self, what: &What) {
        let line = match what {
            // Times of another daemon process are none of this one's.
            What::Position(_) => return,
            What::Gap(gap) => view::gap(&value::of("Gap", gap)),
            What::Record(record) => {
                if let Some(Detail::SyncDone(_)) = &record.detail {
                    self.synced = record.at;
                }
                if record.level() == v1::Level::Debug {
                    return;
                }
                view::record(&value::of("Record", record))
            }
        };
        self.events.push_back(line);
        while self.events.len() > EVENTS_MAX {
            self.events.pop_front();
        }
    }
}
