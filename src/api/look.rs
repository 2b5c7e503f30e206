//! Looking: lists in parts, single objects, warm-up, the daemon itself.

use std::future::Future;

use maglev_core::Clock as _;
use maglev_core::engine::{Depth, Part};
use maglev_core::warmup::Phase;
use maglev_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::convert::{self, Wall, count, duration};
use super::{Caller, Maglev, Role, caller, error};

/// A list on its way to a client, which takes one part after the other.
pub(super) type Parts<T> = ReceiverStream<Result<T, Status>>;
/// What a method answers, or why not.
pub(super) type Answer<T> = Result<T, Box<Status>>;

/// Parts that wait for a client.
const PARTS_MAX: usize = 2;
/// Names that a summary of warm-up tells at most, and of backends for each.
const FRONTENDS_MAX: usize = 1_000;
const AWAITED_MAX: usize = 16;
/// Reasons for not being ready that are told at most.
const REASONS_MAX: usize = 64;

/// Asks for part after part, as fast as the client takes them.
pub(super) fn parts<T, K, A, F>(first: K, mut ask: A) -> Parts<T>
where
    T: Send + 'static,
    K: Send + 'static,
    A: FnMut(K) -> F + Send + 'static,
    F: Future<Output = Answer<(T, Option<K>)>> + Send,
{
    let (sender, receiver) = mpsc::channel(PARTS_MAX);
    tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(key) = next {
            // The place is taken before the question is asked: nobody asks for what nobody takes.
            let Ok(place) = sender.reserve().await else { return };
            next = match ask(key).await {
                Ok((part, next)) => {
                    place.send(Ok(part));
                    next
                }
                Err(status) => {
                    place.send(Err(*status));
                    None
                }
            };
        }
    });
    ReceiverStream::new(receiver)
}

const fn depth(is_brief: bool) -> Depth {
    if is_brief { Depth::Brief } else { Depth::Whole }
}

impl Maglev {
    pub(super) const fn wall(&self) -> Wall {
        self.wall
    }

    pub(super) async fn daemon(&self, request: &Request<v1::GetDaemonRequest>) -> Answer<v1::Daemon> {
        let Caller { who, role, .. } = caller::of(request);
        let role = match role {
            Role::Viewer => v1::Role::Viewer,
            Role::Operator => v1::Role::Operator,
        };
        let wall = self.wall();
        let mut daemon = v1::Daemon {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: Some(wall.at(maglev_core::Instant::START)),
            config_file: self.api.file.display().to_string(),
            caller: who,
            role: role.into(),
            ..v1::Daemon::default()
        };
        let asked = self.api.handle.ask(move |engine, now| {
            let (generation, configured) = engine.generation();
            daemon.now = Some(wall.at(now));
            daemon.seed = engine.seed();
            daemon.not_ready = engine.not_ready().take(REASONS_MAX).collect();
            daemon.ready = daemon.not_ready.is_empty();
            daemon.generation = generation;
            daemon.configured = Some(wall.at(configured));
            daemon.frontends_total = count(engine.config().frontends().len());
            daemon.backends_total = count(engine.config().backends().len());
            daemon.stopping = engine.is_stopping();
            daemon
        });
        Ok(asked.await?)
    }

    pub(super) fn frontends(&self, request: v1::ListFrontendsRequest) -> Parts<v1::ListFrontendsResponse> {
        let (handle, wall) = (self.api.handle.clone(), self.wall());
        parts(None, move |after| {
            let (handle, request) = (handle.clone(), request.clone());
            async move {
                let Part { items, next } = handle
                    .ask(move |engine, _| engine.frontend_views_after(after, depth(request.brief)))
                    .await?;
                let wanted =
                    items.iter().filter(|it| request.names.is_empty() || request.names.contains(&it.name));
                let frontends = wanted.map(|it| convert::frontend(it, wall)).collect();
                Ok((v1::ListFrontendsResponse { frontends }, next.map(Some)))
            }
        })
    }

    pub(super) async fn frontend(&self, name: String) -> Answer<v1::Frontend> {
        let asked = name.clone();
        let found = self.api.handle.ask(move |engine, _| engine.frontend_named(&asked)).await?;
        let view = found.ok_or_else(|| error::not_found("frontend", &name))?;
        Ok(convert::frontend(&view, self.wall()))
    }

    pub(super) fn backends(&self, request: v1::ListBackendsRequest) -> Parts<v1::ListBackendsResponse> {
        let (handle, wall) = (self.api.handle.clone(), self.wall());
        parts(None::<String>, move |after| {
            let (handle, request) = (handle.clone(), request.clone());
            async move {
                let asked = handle
                    .ask(move |engine, _| engine.backend_views_after(after.as_deref(), depth(request.brief)));
                let Part { items, next } = asked.await?;
                let is_wanted = |it: &v1::Backend| {
                    (request.names.is_empty() || request.names.contains(&it.name))
                        && (request.states.is_empty() || request.states.contains(&it.state))
                };
                let backends = items.iter().map(|it| convert::backend(it, wall)).filter(is_wanted).collect();
                Ok((v1::ListBackendsResponse { backends }, next.map(Some)))
            }
        })
    }

    pub(super) async fn backend(&self, name: String) -> Answer<v1::Backend> {
        let asked = name.clone();
        let found = self.api.handle.ask(move |engine, _| engine.backend_named_in_full(&asked)).await?;
        let detail = found.ok_or_else(|| error::not_found("backend", &name))?;
        let memberships =
            detail.memberships.iter().map(|(frontend, pool, it)| convert::member(frontend, pool, it));
        Ok(v1::Backend {
            memberships: memberships.collect(),
            presumed: detail.is_presumed,
            ..convert::backend(&detail.backend, self.wall())
        })
    }

    /// All checks in use, ascending by name: gathered over all backends.
    pub(super) async fn healthchecks(&self) -> Answer<Vec<v1::Healthcheck>> {
        let mut all = std::collections::BTreeMap::new();
        let mut next = Some(None::<String>);
        while let Some(after) = next {
            let asked = self.api.handle.ask(move |engine, _| engine.checks_after(after.as_deref()));
            let part = asked.await?;
            for (check, backends) in part.items {
                let (_, total) = all.entry(check.name.clone()).or_insert((check, 0));
                *total += backends;
            }
            next = part.next.map(Some);
        }
        Ok(all.values().map(|(check, backends)| convert::healthcheck(check, *backends)).collect())
    }

    pub(super) async fn healthcheck(&self, name: &str) -> Answer<v1::Healthcheck> {
        let found = self.healthchecks().await?.into_iter().find(|it| it.name == name);
        found.ok_or_else(|| error::not_found("healthcheck", name))
    }

    pub(super) async fn warmup(&self) -> Answer<v1::Warmup> {
        let handle = &self.api.handle;
        let asked = handle.ask(|engine, _| {
            let released = engine.warmup().released().take(FRONTENDS_MAX);
            let names = released.filter_map(|vip| Some(engine.frontends().find(vip)?.name.clone()));
            (engine.warmup_view(), engine.warmup().delays(), names.collect::<Vec<String>>())
        });
        let (view, (min, max), released) = asked.await?;
        let mut waiting = Vec::new();
        let mut next = Some(None);
        while let Some(after) = next.filter(|_| waiting.len() < FRONTENDS_MAX) {
            let part = handle.ask(move |engine, _| engine.awaiting_after(after, AWAITED_MAX)).await?;
            waiting.extend(part.items.into_iter().map(|(frontend, mut awaited, awaited_total)| {
                awaited.sort_unstable();
                v1::AwaitingFrontend { frontend, awaited, awaited_total }
            }));
            next = part.next.map(Some);
        }
        waiting.truncate(FRONTENDS_MAX);
        let phase = match view.phase {
            Phase::HandsOff => v1::Phase::HandsOff,
            Phase::Release => v1::Phase::Release,
            Phase::Over => v1::Phase::Over,
        };
        let wall = self.wall();
        Ok(v1::Warmup {
            phase: phase.into(),
            since: Some(wall.at(view.since)),
            until: view.until.map(|until| wall.at(until)),
            min_delay: Some(duration(min)),
            max_delay: Some(duration(max)),
            frontends_total: count(view.frontends),
            released_total: count(view.open),
            released,
            waiting,
            complete_total: count(view.complete),
        })
    }

    /// When a change is made: for its audit.
    pub(super) fn now(&self) -> std::time::Duration {
        self.wall.began + self.api.clock.now().since_start()
    }
}
