//! The names of a daemon's objects: for completion, for help, and to guess what was meant.

use std::time::Duration;

use maglev_proto::v1;
use tokio::runtime::Handle;

use crate::grammar::{Kind, Names};
use crate::nearest;
use crate::target::{Client, Target};

/// Nobody wants to wait for a completion.
const PATIENCE: Duration = Duration::from_secs(2);
/// Names that an error lists.
const LISTED_MAX: usize = 8;

/// Asks a daemon for names.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Which daemon.
    pub target: Target,
    /// Where the question is carried out; not one of whose threads asks.
    pub runtime: Handle,
}

impl Names for Asker {
    /// None if the daemon does not answer: a prompt must not stand still, and cannot show errors.
    fn names(&self, kind: Kind, before: &[(Kind, String)]) -> Vec<String> {
        let asked = async {
            let mut client = self.target.connect_within(PATIENCE).await.ok()?;
            of(&mut client, kind, before).await.ok()
        };
        self.runtime.block_on(asked).unwrap_or_default()
    }
}

/// All names of a kind.
///
/// # Errors
/// The daemon does not tell.
pub async fn of(
    client: &mut Client,
    kind: Kind,
    before: &[(Kind, String)],
) -> Result<Vec<String>, tonic::Status> {
    let named =
        |kind: Kind| before.iter().rev().find(|(known, _)| *known == kind).map(|(_, name)| name.clone());
    match (kind, named(Kind::Frontend)) {
        (Kind::Pool, Some(frontend)) => {
            Ok(pools(client, frontend).await?.into_iter().map(|it| it.name).collect())
        }
        (Kind::Backend, Some(frontend)) if named(Kind::Pool).is_some() => {
            let wanted = named(Kind::Pool).unwrap_or_default();
            let pools = pools(client, frontend).await?.into_iter().filter(|pool| pool.name == wanted);
            Ok(pools.flat_map(|pool| pool.members).map(|member| member.backend).collect())
        }
        (Kind::Backend, _) => {
            let mut stream = client.list_backends(v1::ListBackendsRequest::default()).await?.into_inner();
            let mut names = Vec::new();
            while let Some(part) = stream.message().await? {
                names.extend(part.backends.into_iter().map(|it| it.name));
            }
            Ok(names)
        }
        (Kind::Frontend, _) => {
            let request = v1::ListFrontendsRequest { brief: true, ..v1::ListFrontendsRequest::default() };
            let mut stream = client.list_frontends(request).await?.into_inner();
            let mut names = Vec::new();
            while let Some(part) = stream.message().await? {
                names.extend(part.frontends.into_iter().map(|it| it.name));
            }
            Ok(names)
        }
        (Kind::Healthcheck, _) => {
            let mut stream = client.list_healthchecks(v1::ListHealthchecksRequest {}).await?.into_inner();
            let mut names = Vec::new();
            while let Some(part) = stream.message().await? {
                names.extend(part.healthchecks.into_iter().map(|it| it.name));
            }
            Ok(names)
        }
        (
            Kind::Pool | Kind::Weight | Kind::Count | Kind::File | Kind::Level | Kind::Topic | Kind::Shell,
            _,
        ) => Ok(Vec::new()),
    }
}

async fn pools(client: &mut Client, name: String) -> Result<Vec<v1::Pool>, tonic::Status> {
    Ok(client.get_frontend(v1::GetFrontendRequest { name }).await?.into_inner().pools)
}

/// What to try instead of a name that does not exist, as the end of an error.
pub async fn instead(client: &mut Client, text: &str, before: &[(Kind, String)]) -> Option<String> {
    let (kind, name) = text.strip_prefix("there is no ")?.split_once(' ')?;
    let (_, kind) = Kind::ALL.iter().find(|(known, _)| *known == kind)?;
    let name = name.split(" in ").next().unwrap_or(name);
    let mut names = of(client, *kind, before).await.ok()?;
    names.sort_unstable();
    if let Some(near) = nearest::to(name, names.iter().map(String::as_str)) {
        return Some(format!(": did you mean {near}?"));
    }
    match names.len() {
        0 => Some(format!(": there is no {} at all", kind.name())),
        1..=LISTED_MAX => Some(format!(": there are {}", names.join(", "))),
        many => Some(format!(": `show {}s` lists all {many}", kind.name())),
    }
}
