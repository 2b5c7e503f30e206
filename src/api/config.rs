//! Configurations: checked without a change, or put in force.

use maglev_proto::v1;
use tokio::task::spawn_blocking;
use tonic::Request;

use super::convert::count;
use super::look::Answer;
use super::{Maglev, error};
use crate::config::Finding;
use crate::reload::Source;

/// What a text without a name is called.
const UNNAMED: &str = "(request)";

impl Maglev {
    pub(super) async fn check(&self, request: v1::CheckConfigRequest) -> Answer<v1::CheckConfigResponse> {
        let _turn = self.readers.try_acquire().map_err(|_| too_many())?;
        let (source, options) = (self.source(request.source), self.api.options);
        let read = spawn_blocking(move || source.read(options)).await;
        let read = read.map_err(|panic| error::exhausted(&format!("the reader failed: {panic}")))?;
        Ok(match read {
            Ok(loaded) => v1::CheckConfigResponse {
                good: true,
                warnings: findings(&loaded.warnings),
                frontends_total: count(loaded.config.frontends().len()),
                backends_total: count(loaded.config.backends().len()),
                ..v1::CheckConfigResponse::default()
            },
            Err(err) => {
                let mut errors = findings(err.findings());
                if errors.is_empty() {
                    errors.push(v1::Finding { message: err.to_string(), ..v1::Finding::default() });
                }
                v1::CheckConfigResponse {
                    kind: err.kind().into(),
                    errors,
                    ..v1::CheckConfigResponse::default()
                }
            }
        })
    }

    pub(super) async fn reload(
        &self,
        request: Request<v1::ReloadConfigRequest>,
    ) -> Answer<v1::ReloadConfigResponse> {
        let by = self.author(&request, &request.get_ref().why)?;
        let _turn = self.readers.try_acquire().map_err(|_| too_many())?;
        let v1::ReloadConfigRequest { source, force, generation, .. } = request.into_inner();
        let origin = (Some(by), generation);
        let reloaded = self.api.reloader.reload_by(self.source(source), force, origin).await;
        let warnings = reloaded.map_err(|err| error::refused(&err))?;
        let (generation, _) = self.api.handle.ask(|engine, _| engine.generation()).await?;
        Ok(v1::ReloadConfigResponse { generation, warnings: findings(&warnings) })
    }

    /// Never another file: a caller must not read the host's files through us.
    pub(super) fn source(&self, source: Option<v1::ConfigSource>) -> Source {
        match source {
            Some(v1::ConfigSource { content: Some(bytes), name }) => {
                let name = if name.is_empty() { UNNAMED.into() } else { name };
                Source::Bytes { name, bytes }
            }
            Some(v1::ConfigSource { content: None, .. }) | None => Source::File(self.api.file.clone()),
        }
    }
}

pub(super) fn too_many() -> Box<tonic::Status> {
    error::exhausted("other configurations are being read: try again in a second")
}

pub(super) fn findings(findings: &[Finding]) -> Vec<v1::Finding> {
    let each = findings.iter().map(|finding| v1::Finding {
        file: finding.file.to_string(),
        line: u32::try_from(finding.line).unwrap_or(u32::MAX),
        column: u32::try_from(finding.column).unwrap_or(u32::MAX),
        path: finding.path.clone(),
        message: finding.message.clone(),
    });
    each.collect()
}
