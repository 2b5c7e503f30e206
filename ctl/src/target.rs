//! Where the daemon is, and the way there. Each command connects anew, so that a restarted daemon is met again.

use std::path::PathBuf;
use std::time::Duration;

use maglev_proto::v1::maglev_client::MaglevClient;
use tonic::transport::{Channel, Endpoint};

use crate::failure::{Exit, Failure, innermost};

/// The daemon's usual socket and address: the defaults of its flags.
const SOCKET: &str = "/run/vpp-maglev/maglevd.sock";
const TCP: &str = "127.0.0.1:9090";
/// For a connection; both ends are on one host, or near.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// For the beginning of an answer: a reload of 50,000 backends takes a second.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// After this long without a sign of life, twice, a watched daemon counts as gone.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// A part of a list is never larger.
const PART_BYTES_MAX: usize = 64 << 20;

/// The daemon's methods.
pub type Client = MaglevClient<Channel>;

/// Where the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// At its usual socket, or else at its usual address.
    Usual,
    /// At a Unix socket.
    Socket(PathBuf),
    /// At a host and port.
    Tcp(String),
}

impl Target {
    /// Understands what somebody wrote.
    ///
    /// # Errors
    /// It is no address.
    pub fn new(address: Option<&str>) -> Result<Self, Failure> {
        let Some(address) = address.filter(|address| !address.is_empty()) else { return Ok(Self::Usual) };
        if let Some(path) = address.strip_prefix("unix:") {
            return Ok(Self::Socket(path.trim_start_matches("//").into()));
        }
        if address.starts_with(['/', '.']) {
            return Ok(Self::Socket(address.into()));
        }
        let bare = address.strip_prefix("http://").unwrap_or(address);
        let port = bare.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            let text = format!("--connect {address}: is no address; write HOST:PORT or the path of a socket");
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(Self::Tcp(bare.into()))
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Usual => format!("{SOCKET} and {TCP}"),
            Self::Socket(path) => path.display().to_string(),
            Self::Tcp(address) => address.clone(),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// Nobody answers, or the address cannot be reached.
    pub async fn connect(&self) -> Result<Client, Failure> {
        self.connect_within(ANSWER_MAX).await
    }

    /// Connects, for answers that begin within this time.
    ///
    /// # Errors
    /// Nobody answers, or the address cannot be reached.
    pub async fn connect_within(&self, limit: Duration) -> Result<Client, Failure> {
        let why = match self {
            Self::Socket(path) => dial(&format!("unix:{}", path.display()), limit).await,
            Self::Tcp(address) => dial(&format!("http://{address}"), limit).await,
            Self::Usual => match dial(&format!("unix:{SOCKET}"), limit).await {
                Ok(client) => Ok(client),
                Err(socket) => {
                    let tcp = dial(&format!("http://{TCP}"), limit).await;
                    tcp.map_err(|tcp| if socket == tcp { tcp } else { format!("{socket}; {tcp}") })
                }
            },
        };
        why.map_err(|why| {
            let hint = "start maglevd, or say with --connect where its API is";
            Failure::new(Exit::NoDaemon, format!("no daemon answers at {}: {why}; {hint}", self.name()))
        })
    }
}

async fn dial(to: &str, limit: Duration) -> Result<Client, String> {
    let endpoint = Endpoint::from_shared(to.to_owned()).map_err(|err| innermost(&err))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_MAX.min(limit))
        .timeout(limit)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    let channel = endpoint.connect().await.map_err(|err| innermost(&err))?;
    Ok(MaglevClient::new(channel).max_decoding_message_size(PART_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        let target = |address| Target::new(Some(address));
        assert_eq!(Target::new(None), Ok(Target::Usual));
        assert_eq!(target("/run/x.sock"), Ok(Target::Socket("/run/x.sock".into())));
        assert_eq!(target("unix:/run/x.sock"), Ok(Target::Socket("/run/x.sock".into())));
        assert_eq!(target("[::1]:9090"), Ok(Target::Tcp("[::1]:9090".into())));
        assert_eq!(target("http://lb1:9090"), Ok(Target::Tcp("lb1:9090".into())));
        assert_eq!(target("lb1").map_err(|err| err.exit), Err(Exit::Usage));
    }
}
