//! The API: gRPC on a Unix socket and on TCP. It asks the loop and shows the answers; it decides nothing.
//!
//! What a reader would get wrong: the loop stands still while a question looks, so lists are asked for in parts, each
//! when the client has taken the part before; everything else happens out here.

mod caller;
mod change;
mod config;
mod convert;
mod crowd;
mod door;
mod error;
mod expiry;
mod explain;
mod farewell;
mod group;
mod look;
mod peer;
mod plan;
mod rate;
mod san;
mod service;
mod tls;
mod visit;
mod vpp;
mod watch;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use maglev_proto::v1::maglev_server::MaglevServer;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use convert::Wall;

use crate::clock::SystemClock;
use crate::config::Options;
use crate::daemon::Handle;
use crate::events::Events;
use crate::reload::Reloader;

pub use caller::{Caller, Role};
pub use door::{Doors, Places, SocketError};
pub use group::{Group, GroupError};
pub use rate::Rate;
pub use san::San;
pub use tls::{Tls, TlsError, TlsFiles};

/// The largest request: a configuration of 50,000 backends has about 7 MB.
const REQUEST_BYTES_MAX: usize = 16 << 20;
/// Calls at once on one connection; watches are calls.
const STREAMS_MAX: u32 = 256;
/// A client that does not answer for this long is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Configurations that are read at once: each may take a second of one core.
const READERS_MAX: usize = 2;

/// What the API shows, and through what it acts.
#[derive(Clone, Debug)]
pub struct Api {
    /// The loop.
    pub handle: Handle,
    /// Reads configurations anew.
    pub reloader: Reloader,
    /// What happens.
    pub events: Events,
    /// The daemon's clock.
    pub clock: SystemClock,
    /// The daemon's own file.
    pub file: PathBuf,
    /// How configurations are read.
    pub options: Options,
    /// Whether the API describes itself to its clients.
    pub reflection: bool,
    /// How often each caller may change something.
    pub changes: Rate,
}

/// The service behind every method.
#[derive(Clone)]
struct Maglev {
    api: Api,
    /// Read once: the system's clock may be set meanwhile, and the times of the API must not jump.
    wall: Wall,
    readers: Arc<Semaphore>,
    rates: Arc<rate::Rates>,
}

/// The API as long as it is served. Dropped, it closes its doors, and tells its clients to go.
#[derive(Debug)]
pub struct Serving {
    doors: Vec<AbortHandle>,
    _until: oneshot::Sender<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.doors.iter().for_each(AbortHandle::abort);
    }
}

impl Api {
    /// Serves all `doors` until what is returned is dropped.
    #[must_use = "the API is served as long as this is kept"]
    pub fn serve(self, doors: Doors) -> Serving {
        let (visitors, doors) = doors.open(self.clock);
        let (until, over) = oneshot::channel::<()>();
        let reflection = self.reflection;
        let wall = Wall { began: self.clock.began() };
        let rates = Arc::new(rate::Rates::new(self.changes));
        let maglev = Maglev { api: self, wall, readers: Arc::new(Semaphore::new(READERS_MAX)), rates };
        tokio::spawn(async move {
            let (reporter, health) = tonic_health::server::health_reporter();
            reporter.set_serving::<MaglevServer<Maglev>>().await;
            let described = reflection.then(|| {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(maglev_proto::FILE_DESCRIPTOR_SET)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                    .build_v1()
                    .expect("both descriptions were encoded by the compiler that made the types")
            });
            let served = Server::builder()
                .max_concurrent_streams(STREAMS_MAX)
                .http2_keepalive_interval(Some(KEEPALIVE))
                .http2_keepalive_timeout(Some(KEEPALIVE))
                .add_service(health)
                .add_optional_service(described)
                .add_service(MaglevServer::new(maglev).max_decoding_message_size(REQUEST_BYTES_MAX))
                .serve_with_incoming_shutdown(ReceiverStream::new(visitors), async {
                    // Nobody sends: the sender is dropped.
                    let _ = over.await;
                })
                .await;
            if let Err(err) = served {
                tracing::error!(%err, "api-failed");
            }
        });
        Serving { doors, _until: until }
    }
}
