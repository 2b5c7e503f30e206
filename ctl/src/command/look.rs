//! Looking.

use maglev_proto::v1;

use super::parts;
use crate::failure::Failure;
use crate::grammar::{Kind, Parsed};
use crate::render::Answer;
use crate::target::Client;
use crate::value::{self, Value};
use crate::view::{self, Now};
use crate::watch::{level, no_events};

/// Events that `show events` shows unless it is told otherwise.
const EVENTS: usize = 20;
/// All that the daemon keeps.
const EVENTS_MAX: u32 = 4_096;

/// Asks and shows.
pub(super) struct Look<'a> {
    pub client: &'a mut Client,
    /// Ages are for people only: programs get times.
    pub is_for_people: bool,
}

type Done = Result<Answer, Failure>;

impl Look<'_> {
    /// The daemon's clock, if ages are to be told.
    async fn now(&mut self) -> Result<Now, Failure> {
        if !self.is_for_people {
            return Ok(None);
        }
        Ok(self.client.get_daemon(v1::GetDaemonRequest {}).await?.into_inner().now)
    }

    pub(super) async fn daemon(&mut self) -> Done {
        let daemon = self.client.get_daemon(v1::GetDaemonRequest {}).await?.into_inner();
        let value = value::of("Daemon", &daemon);
        let blocks = view::daemon(&value, env!("CARGO_PKG_VERSION"));
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn frontends(&mut self) -> Done {
        // The table tells no members, and those of a large site are many.
        let request = v1::ListFrontendsRequest { brief: self.is_for_people, ..Default::default() };
        let stream = self.client.list_frontends(request).await?.into_inner();
        let all = parts(stream).await?.into_iter().flat_map(|part| part.frontends);
        let value = Value::List(all.map(|it| value::of("Frontend", &it)).collect());
        let blocks = view::frontends(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn frontend(&mut self, name: String) -> Done {
        let frontend = self.client.get_frontend(v1::GetFrontendRequest { name }).await?.into_inner();
        self.shown_frontend(&frontend).await
    }

    pub(super) async fn shown_frontend(&mut self, frontend: &v1::Frontend) -> Done {
        let value = value::of("Frontend", frontend);
        let blocks = view::frontend(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn backends(&mut self) -> Done {
        let request = v1::ListBackendsRequest { brief: self.is_for_people, ..Default::default() };
        let stream = self.client.list_backends(request).await?.into_inner();
        let all = parts(stream).await?.into_iter().flat_map(|part| part.backends);
        let value = Value::List(all.map(|it| value::of("Backend", &it)).collect());
        let blocks = view::backends(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn backend(&mut self, name: String) -> Done {
        let backend = self.client.get_backend(v1::GetBackendRequest { name }).await?.into_inner();
        self.shown_backend(&backend).await
    }

    pub(super) async fn shown_backend(&mut self, backend: &v1::Backend) -> Done {
        let value = value::of("Backend", backend);
        let blocks = view::backend(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn healthchecks(&mut self) -> Done {
        let stream = self.client.list_healthchecks(v1::ListHealthchecksRequest {}).await?.into_inner();
        let all = parts(stream).await?.into_iter().flat_map(|part| part.healthchecks);
        let value = Value::List(all.map(|it| value::of("Healthcheck", &it)).collect());
        let blocks = view::healthchecks(&value);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn healthcheck(&mut self, name: String) -> Done {
        let check = self.client.get_healthcheck(v1::GetHealthcheckRequest { name }).await?.into_inner();
        let value = value::of("Healthcheck", &check);
        let blocks = view::healthcheck(&value);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn warmup(&mut self) -> Done {
        let warmup = self.client.get_warmup(v1::GetWarmupRequest {}).await?.into_inner();
        let value = value::of("Warmup", &warmup);
        let blocks = view::warmup(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn vpp(&mut self) -> Done {
        let vpp = self.client.get_vpp(v1::GetVppRequest {}).await?.into_inner();
        let value = value::of("Vpp", &vpp);
        let blocks = view::info(&value, self.now().await?);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn table(&mut self, frontend: String, only_different: bool) -> Done {
        let request = v1::ListVppVipsRequest { frontend, only_different };
        let stream = self.client.list_vpp_vips(request).await?.into_inner();
        let all = parts(stream).await?.into_iter().flat_map(|part| part.vips);
        let value = Value::List(all.map(|it| value::of("VppVip", &it)).collect());
        let blocks = if only_different { view::difference(&value) } else { view::table(&value) };
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn explain_backend(&mut self, name: String) -> Done {
        let why = self.client.explain_backend(v1::ExplainBackendRequest { name }).await?.into_inner();
        let value = value::of("ExplainBackendResponse", &why);
        let blocks = view::explained(&value);
        Ok(Answer::new(value, blocks))
    }

    pub(super) async fn explain_frontend(&mut self, name: String) -> Done {
        let why = self.client.explain_frontend(v1::ExplainFrontendRequest { name }).await?.into_inner();
        let value = value::of("ExplainFrontendResponse", &why);
        let blocks = view::explained(&value);
        Ok(Answer::new(value, blocks))
    }

    /// Up to where the stream stands now; the daemon itself would go on for ever.
    pub(super) async fn events(&mut self, parsed: &Parsed) -> Done {
        let least = level(parsed);
        let most = parsed.last(Kind::Count).and_then(|count| count.parse().ok()).unwrap_or(EVENTS);
        // Every record is asked for, since the last of them must be seen to know that it was the last.
        let everything =
            v1::WatchRequest { min_level: v1::Level::Debug.into(), ..v1::WatchRequest::default() };
        let end = self.position(everything.clone()).await?;
        let request = v1::WatchRequest { last: EVENTS_MAX, ..everything };
        let mut stream = self.client.watch(request).await?.into_inner();
        let mut records = Vec::new();
        while let Some(message) = stream.message().await? {
            let next = match message.what {
                Some(v1::watch_response::What::Position(position)) => position.next_sequence,
                Some(v1::watch_response::What::Gap(gap)) => gap.next_sequence,
                Some(v1::watch_response::What::Record(record)) => {
                    let next = record.sequence + 1;
                    records.push(record);
                    next
                }
                None => 0,
            };
            if next >= end {
                break;
            }
        }
        records.retain(|record| record.level() >= least);
        let first = records.len().saturating_sub(most);
        let value = Value::List(records[first..].iter().map(|it| value::of("Record", it)).collect());
        let blocks = if value.list("").is_empty() { no_events() } else { view::records(&value) };
        Ok(Answer::new(value, blocks))
    }

    /// The number of the next record.
    async fn position(&mut self, request: v1::WatchRequest) -> Result<u64, Failure> {
        let mut stream = self.client.watch(request).await?.into_inner();
        Ok(match stream.message().await?.and_then(|message| message.what) {
            Some(v1::watch_response::What::Position(position)) => position.next_sequence,
            Some(v1::watch_response::What::Record(_) | v1::watch_response::What::Gap(_)) | None => 0,
        })
    }
}
