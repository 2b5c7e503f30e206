//! Changes: commands of operators, each with its author.

use maglev_core::model::Weight;
use maglev_core::{Author, Command};
use maglev_proto::v1;
use tonic::Request;

use super::look::Answer;
use super::{Maglev, error};

impl Maglev {
    pub(super) async fn change_backend(
        &self,
        request: Request<v1::ChangeBackendRequest>,
        command: fn(String) -> Command,
    ) -> Answer<v1::Backend> {
        let by = self.author(&request, &request.get_ref().why)?;
        let v1::ChangeBackendRequest { name, revision, .. } = request.into_inner();
        self.command(command(name.clone()), by, revision, "backend", &name).await?;
        self.backend(name).await
    }

    pub(super) async fn set_weight_of(&self, request: Request<v1::SetWeightRequest>) -> Answer<v1::Frontend> {
        let by = self.author(&request, &request.get_ref().why)?;
        let v1::SetWeightRequest { frontend, pool, backend, weight, flush, revision, .. } =
            request.into_inner();
        let weight = u8::try_from(weight).ok().and_then(Weight::new);
        let weight = weight.ok_or_else(|| error::invalid("weight", "weight: from 0 to 100"))?;
        let command = Command::SetWeight { frontend: frontend.clone(), pool, backend, weight, flush };
        self.command(command, by, revision, "frontend", &frontend).await?;
        self.frontend(frontend).await
    }

    pub(super) async fn confirm(
        &self,
        request: Request<v1::ConfirmChoicesRequest>,
    ) -> Answer<v1::ConfirmChoicesResponse> {
        let by = self.author(&request, &request.get_ref().why)?;
        self.command(Command::Confirm, by, None, "choices", "").await?;
        Ok(v1::ConfirmChoicesResponse {})
    }

    pub(super) async fn order_sync(&self, request: Request<v1::SyncRequest>) -> Answer<v1::SyncResponse> {
        let by = self.author(&request, &request.get_ref().why)?;
        let v1::SyncRequest { frontend, .. } = request.into_inner();
        // Before the command, so that nothing of what follows it is missed.
        let position = self.position();
        let command = Command::Sync { frontend: (!frontend.is_empty()).then(|| frontend.clone()) };
        self.command(command, by, None, "frontend", &frontend).await?;
        Ok(v1::SyncResponse { position: Some(position) })
    }

    async fn command(
        &self,
        command: Command,
        by: Author,
        based_on: Option<u64>,
        what: &str,
        name: &str,
    ) -> Answer<()> {
        let done = self.api.handle.command_by(command, by, based_on).await?;
        done.map_err(|denial| error::denied(&denial, what, name))
    }
}
