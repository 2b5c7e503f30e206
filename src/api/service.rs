//! The service itself: each method in a line, so that nothing is decided here.

use maglev_core::Command;
use maglev_proto::v1::maglev_server::Maglev as Service;
use maglev_proto::v1::{self};
use tonic::{Request, Response, Status, async_trait};

use super::Maglev;
use super::look::{Answer, Parts, parts};

type Replied<T> = Result<Response<T>, Status>;

fn reply<T>(answer: Answer<T>) -> Replied<T> {
    answer.map(Response::new).map_err(|status| *status)
}

#[async_trait]
impl Service for Maglev {
    type ListFrontendsStream = Parts<v1::ListFrontendsResponse>;
    type ListBackendsStream = Parts<v1::ListBackendsResponse>;
    type ListHealthchecksStream = Parts<v1::ListHealthchecksResponse>;
    type ListVppVipsStream = Parts<v1::ListVppVipsResponse>;
    type PlanStream = Parts<v1::PlanResponse>;
    type WatchStream = Parts<v1::WatchResponse>;

    async fn get_daemon(&self, request: Request<v1::GetDaemonRequest>) -> Replied<v1::Daemon> {
        reply(self.daemon(&request).await)
    }

    async fn list_frontends(
        &self,
        request: Request<v1::ListFrontendsRequest>,
    ) -> Replied<Self::ListFrontendsStream> {
        Ok(Response::new(self.frontends(request.into_inner())))
    }

    async fn get_frontend(&self, request: Request<v1::GetFrontendRequest>) -> Replied<v1::Frontend> {
        reply(self.frontend(request.into_inner().name).await)
    }

    async fn list_backends(
        &self,
        request: Request<v1::ListBackendsRequest>,
    ) -> Replied<Self::ListBackendsStream> {
        Ok(Response::new(self.backends(request.into_inner())))
    }

    async fn get_backend(&self, request: Request<v1::GetBackendRequest>) -> Replied<v1::Backend> {
        reply(self.backend(request.into_inner().name).await)
    }

    async fn list_healthchecks(
        &self,
        _: Request<v1::ListHealthchecksRequest>,
    ) -> Replied<Self::ListHealthchecksStream> {
        let all = self.healthchecks().await.map_err(|status| *status)?;
        let mut rest = all.into_iter();
        Ok(Response::new(parts((), move |()| {
            let healthchecks: Vec<v1::Healthcheck> = rest.by_ref().take(256).collect();
            let next = (healthchecks.len() == 256).then_some(());
            std::future::ready(Ok((v1::ListHealthchecksResponse { healthchecks }, next)))
        })))
    }

    async fn get_healthcheck(&self, request: Request<v1::GetHealthcheckRequest>) -> Replied<v1::Healthcheck> {
        reply(self.healthcheck(&request.into_inner().name).await)
    }

    async fn get_warmup(&self, _: Request<v1::GetWarmupRequest>) -> Replied<v1::Warmup> {
        reply(self.warmup().await)
    }

    async fn get_vpp(&self, _: Request<v1::GetVppRequest>) -> Replied<v1::Vpp> {
        reply(self.vpp().await)
    }

    async fn list_vpp_vips(
        &self,
        request: Request<v1::ListVppVipsRequest>,
    ) -> Replied<Self::ListVppVipsStream> {
        reply(self.vips(request.into_inner()).await)
    }

    async fn explain_backend(
        &self,
        request: Request<v1::ExplainBackendRequest>,
    ) -> Replied<v1::ExplainBackendResponse> {
        reply(Self::explain_backend(self, request.into_inner().name).await)
    }

    async fn explain_frontend(
        &self,
        request: Request<v1::ExplainFrontendRequest>,
    ) -> Replied<v1::ExplainFrontendResponse> {
        reply(Self::explain_frontend(self, request.into_inner().name).await)
    }

    async fn check_config(
        &self,
        request: Request<v1::CheckConfigRequest>,
    ) -> Replied<v1::CheckConfigResponse> {
        reply(self.check(request.into_inner()).await)
    }

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Replied<Self::PlanStream> {
        reply(Self::plan(self, request.into_inner()).await)
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Replied<Self::WatchStream> {
        Ok(Response::new(self.watch_from(request.into_inner())))
    }

    async fn pause_backend(&self, request: Request<v1::ChangeBackendRequest>) -> Replied<v1::Backend> {
        reply(self.change_backend(request, |backend| Command::Pause { backend }).await)
    }

    async fn resume_backend(&self, request: Request<v1::ChangeBackendRequest>) -> Replied<v1::Backend> {
        reply(self.change_backend(request, |backend| Command::Resume { backend }).await)
    }

    async fn disable_backend(&self, request: Request<v1::ChangeBackendRequest>) -> Replied<v1::Backend> {
        reply(self.change_backend(request, |backend| Command::Disable { backend }).await)
    }

    async fn enable_backend(&self, request: Request<v1::ChangeBackendRequest>) -> Replied<v1::Backend> {
        reply(self.change_backend(request, |backend| Command::Enable { backend }).await)
    }

    async fn set_weight(&self, request: Request<v1::SetWeightRequest>) -> Replied<v1::Frontend> {
        reply(self.set_weight_of(request).await)
    }

    async fn confirm_choices(
        &self,
        request: Request<v1::ConfirmChoicesRequest>,
    ) -> Replied<v1::ConfirmChoicesResponse> {
        reply(self.confirm(request).await)
    }

    async fn reload_config(
        &self,
        request: Request<v1::ReloadConfigRequest>,
    ) -> Replied<v1::ReloadConfigResponse> {
        reply(self.reload(request).await)
    }

    async fn sync(&self, request: Request<v1::SyncRequest>) -> Replied<v1::SyncResponse> {
        reply(self.order_sync(request).await)
    }
}
