//! The HTTP server of `--metrics-addr`: three pages, and limits for whoever does not know what they want.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use maglev_core::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::Semaphore;

use crate::clock::{SystemClock, wall_time};

use super::exposition;
use super::picture::Site;
use super::stream::{self, Stream};

/// Visitors at once. More wait in the kernel's queue; Prometheus needs one.
const VISITORS_MAX: usize = 16;
/// A visit, from the first byte to the last: as long as Prometheus waits by default. Who says nothing goes earlier.
const VISIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request; hyper wants at least this much, and no request of ours comes near it.
const REQUEST_MAX: usize = 8 << 10;
/// Header lines of a request.
const HEADERS_MAX: usize = 32;
/// A pause after a failed `accept` (no descriptors left), which would fail again at once.
const RECOVERY: Duration = Duration::from_millis(100);
const PLAIN: &str = "text/plain; charset=utf-8";

/// Who asks over HTTP.
#[derive(Debug)]
pub struct Visitors {
    /// Where they come.
    pub listener: TcpListener,
    /// Ends visits.
    pub clock: SystemClock,
    /// What they may see.
    pub site: Site,
}

impl Visitors {
    /// Meets them for ever.
    pub async fn attend(self) {
        let room = Arc::new(Semaphore::new(VISITORS_MAX));
        // One picture at a time: they cost memory, and the loop time.
        let easel = Arc::new(Semaphore::new(1));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                self.clock.sleep_until(self.clock.now() + RECOVERY).await;
                continue;
            };
            let (clock, site, easel) = (self.clock, self.site.clone(), Arc::clone(&easel));
            tokio::spawn(async move {
                select! {
                    () = visit(stream, site, easel) => (),
                    () = clock.sleep_until(clock.now() + VISIT_MAX) => (),
                }
                drop(place);
            });
        }
    }
}

/// A text that is there, or one that is being written.
type Body = Either<Full<Bytes>, Stream>;

/// One request, one answer: there is no second request to wait for, so nobody keeps a place for nothing.
async fn visit(stream: TcpStream, site: Site, easel: Arc<Semaphore>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (site, easel) = (site.clone(), Arc::clone(&easel));
        async move { Ok::<_, Infallible>(answer(&request, &site, &easel).await) }
    });
    let mut server = http1::Builder::new();
    server.keep_alive(false).max_buf_size(REQUEST_MAX).max_headers(HEADERS_MAX).header_read_timeout(None);
    // What goes wrong here is the visitor's affair.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: &Request<Incoming>, site: &Site, easel: &Semaphore) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => metrics(site, easel).await,
        "/healthz" => match site.is_alive().await {
            Ok(()) => page(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            Err(stopped) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{stopped}\n")),
        },
        "/readyz" => ready(site, easel).await,
        _ => page(StatusCode::NOT_FOUND, PLAIN, "there are /metrics, /healthz and /readyz\n".to_owned()),
    }
}

async fn metrics(site: &Site, easel: &Semaphore) -> Response<Body> {
    let turn = easel.acquire().await;
    let picture = match site.picture_with_counters().await {
        Ok(picture) => picture,
        Err(stopped) => return page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{stopped}\n")),
    };
    // A visitor that reads slowly keeps nobody else from a picture.
    drop(turn);
    let since_1970 = wall_time().as_secs();
    let body = stream::written(move |sink| exposition::write(&picture, since_1970, sink));
    respond(StatusCode::OK, exposition::CONTENT_TYPE, Either::Right(body))
}

async fn ready(site: &Site, easel: &Semaphore) -> Response<Body> {
    let _turn = easel.acquire().await;
    match site.picture().await {
        Ok(picture) if picture.reasons().is_empty() => page(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Ok(picture) => {
            let text = picture.reasons().iter().map(|reason| format!("{reason}\n")).collect();
            page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, text)
        }
        Err(stopped) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{stopped}\n")),
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    respond(status, kind, Either::Left(Full::new(Bytes::from(text))))
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
