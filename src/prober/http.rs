//! The HTTP layer of a probe: one request, its status, and its body only if somebody asked for it.
//!
//! Whatever a server sends, a probe holds at most [`HEAD_BYTES_MAX`] of head and [`BODY_BYTES_MAX`] of body. The
//! connection is driven inside the probe's own future: dropping the probe drops all of it.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, Connection};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use maglev_core::config::Http;
use maglev_core::input::{FailCode, LocalFault, Outcome};
use regex::bytes::Regex;

use super::connection::Wire;
use super::fault;
use super::pattern::Patterns;

/// Status line and header fields together.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields.
const HEAD_FIELDS_MAX: usize = 64;

/// How much of a body is read and searched; the rest does not count.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// hyper's words for a head beyond these limits; on the client's side it has no question to ask for it.
const TOO_LARGE: &str = "message head is too large";

const USER_AGENT: &str = concat!("maglevd/", env!("CARGO_PKG_VERSION"));

/// A request that is ready to be sent, and what is accepted for an answer.
pub(super) struct Exchange {
    request: Request<Empty<Bytes>>,
    accepted: Vec<(u16, u16)>,
    pattern: Option<Arc<Regex>>,
}

type Driven = Connection<TokioIo<Wire>, Empty<Bytes>>;

impl Exchange {
    /// The exchange that `http` describes, with the server at `to`.
    pub(super) fn prepare(
        patterns: &Patterns,
        http: &Http,
        to: SocketAddr,
        tls: bool,
    ) -> Result<Self, LocalFault> {
        let host = http.host.clone().unwrap_or_else(|| default_host(to, tls));
        let request = Request::builder()
            .method(http.method.word())
            .uri(http.path.as_str())
            .header(header::HOST, host)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "*/*")
            .header(header::CONNECTION, "close")
            .body(Empty::new())
            .map_err(|err| fault::unusable(format_args!("http.path or http.host cannot be sent: {err}")))?;
        let pattern = match &http.response_regexp {
            Some(pattern) => Some(patterns.compile(pattern)?),
            None => None,
        };
        Ok(Self { request, accepted: http.response_codes.clone(), pattern })
    }

    /// Sends the request over `wire` and judges the answer. Hands the connection back if it can be closed politely.
    pub(super) async fn run(self, wire: Wire) -> (Outcome, Option<Wire>) {
        let handshake = Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEAD_FIELDS_MAX)
            .handshake(TokioIo::new(wire))
            .await;
        let (mut requests, connection) = match handshake {
            Ok(both) => both,
            Err(err) => return (refused(&err), None),
        };
        let mut driver = Driver { connection, done: false };
        let response = match driver.until(requests.send_request(self.request)).await {
            Ok(response) => response,
            Err(err) => return (refused(&err), None),
        };
        let status = response.status();
        if !self.accepted.iter().any(|&(from, to)| (from..=to).contains(&status.as_u16())) {
            let expected = ranges(&self.accepted);
            let outcome = fault::fail(FailCode::L7Sts, format_args!("status {status}, expected {expected}"));
            return (outcome, Some(driver.into_wire()));
        }
        let Some(pattern) = self.pattern else {
            return (Outcome::Pass, Some(driver.into_wire()));
        };
        match driver.body(response.into_body()).await {
            Ok(body) if pattern.is_match(&body) => (Outcome::Pass, Some(driver.into_wire())),
            Ok(body) => {
                let words =
                    format!("the body does not match response-regexp ({} bytes searched)", body.len());
                (fault::fail(FailCode::L7Rsp, words), Some(driver.into_wire()))
            }
            Err(err) => (refused(&err), None),
        }
    }
}

/// Polls the connection along with whatever waits for it.
struct Driver {
    connection: Driven,
    done: bool,
}

impl Driver {
    async fn until<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        poll_fn(|cx| {
            if !self.done && Pin::new(&mut self.connection).poll(cx).is_ready() {
                // An error of the connection is told to the one who waits for it; nothing is lost here.
                self.done = true;
            }
            waiting.as_mut().poll(cx)
        })
        .await
    }

    /// The first [`BODY_BYTES_MAX`] of the body.
    async fn body(&mut self, mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
        let mut read = Vec::new();
        while let Some(frame) = self.until(body.frame()).await {
            if let Ok(data) = frame?.into_data() {
                let room = BODY_BYTES_MAX - read.len();
                read.extend_from_slice(&data[..data.len().min(room)]);
            }
            if read.len() == BODY_BYTES_MAX {
                break;
            }
        }
        Ok(read)
    }

    fn into_wire(self) -> Wire {
        self.connection.into_parts().io.into_inner()
    }
}

/// The backend's address, as a URL would have it: brackets around IPv6, the port unless it is the scheme's own.
fn default_host(to: SocketAddr, tls: bool) -> String {
    let default_port = if tls { 443 } else { 80 };
    match to.ip() {
        _ if to.port() != default_port => to.to_string(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Status ranges as the configuration writes them: `200-299,404`.
fn ranges(accepted: &[(u16, u16)]) -> String {
    let words: Vec<_> = accepted
        .iter()
        .map(|&(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    words.join(",")
}

fn refused(err: &hyper::Error) -> Outcome {
    if let Some(io) = io_cause(err) {
        return fault::later(io, FailCode::L7Rsp, " before the response was complete");
    }
    let words = if innermost(err) == TOO_LARGE {
        format!("the response head has more than {HEAD_BYTES_MAX} bytes or {HEAD_FIELDS_MAX} fields")
    } else if err.is_parse() {
        format!("the answer is not HTTP/1.1: {}", innermost(err))
    } else if err.is_incomplete_message() || err.is_closed() || err.is_canceled() {
        "connection closed before the response was complete".into()
    } else {
        format!("the response is not valid: {}", innermost(err))
    };
    fault::fail(FailCode::L7Rsp, words)
}

fn io_cause(err: &hyper::Error) -> Option<&io::Error> {
    let mut cause = err.source();
    while let Some(err) = cause {
        // Decoders use I/O errors for their own complaints; those carry no errno and are not the network's.
        if let Some(io) = err.downcast_ref::<io::Error>().filter(|io| io.raw_os_error().is_some()) {
            return Some(io);
        }
        cause = err.source();
    }
    None
}

fn innermost(err: &hyper::Error) -> String {
    let mut innermost: &dyn Error = err;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_host_is_the_address_as_a_url_has_it() {
        let host = |to: &str, tls| default_host(to.parse().unwrap(), tls);
        assert_eq!(host("192.0.2.1:80", false), "192.0.2.1");
        assert_eq!(host("192.0.2.1:80", true), "192.0.2.1:80");
        assert_eq!(host("192.0.2.1:8080", false), "192.0.2.1:8080");
        assert_eq!(host("[2001:db8::1]:443", true), "[2001:db8::1]");
        assert_eq!(host("[2001:db8::1]:80", true), "[2001:db8::1]:80");
    }

    #[test]
    fn ranges_read_as_they_were_written() {
        assert_eq!(ranges(&[(200, 299), (404, 404)]), "200-299,404");
    }
}
