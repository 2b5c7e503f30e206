//! Where the daemon is, and the way there. Each command connects anew, so that a restarted daemon is met again.

use std::path::PathBuf;
use std::time::Duration;

use maglev_proto::v1::maglev_client::MaglevClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::failure::{Exit, Failure, innermost};
use crate::flags::Flags;

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
    /// At a host and port, with TLS.
    Tls(String, Papers),
}

/// The files of TLS. They are read with each connection, so that a renewal needs no new prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    /// Who vouches for the daemon.
    pub ca: PathBuf,
    /// Who we are, and the key to it.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl Papers {
    fn config(&self) -> Result<ClientTlsConfig, String> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|err| format!("{}: {err}", path.display()));
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&self.ca)?));
        match &self.own {
            Some((cert, key)) => Ok(config.identity(Identity::from_pem(read(cert)?, read(key)?))),
            None => Ok(config),
        }
    }
}

impl Target {
    /// Where these flags point.
    ///
    /// # Errors
    /// It is no address, or the files of TLS are not all named.
    pub fn of(flags: &Flags) -> Result<Self, Failure> {
        let target = Self::new(flags.connect.as_deref())?;
        let wrong = |text: &str| Err(Failure::new(Exit::Usage, text.to_owned()));
        let own = match (flags.tls_cert.clone(), flags.tls_key.clone()) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return wrong("--tls-cert and --tls-key belong together; say both");
            }
        };
        let Some(ca) = flags.tls_ca.clone() else {
            return if own.is_none() { Ok(target) } else { wrong("--tls-cert wants --tls-ca; say both") };
        };
        match target {
            Self::Tcp(address) => Ok(Self::Tls(address, Papers { ca, own })),
            // A socket knows its callers without. The environment may name the files for other daemons.
            other @ (Self::Usual | Self::Socket(_) | Self::Tls(..)) => Ok(other),
        }
    }

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
            Self::Tcp(address) | Self::Tls(address, _) => address.clone(),
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
            Self::Socket(path) => dial(&format!("unix:{}", path.display()), limit, None).await,
            Self::Tcp(address) => dial(&format!("http://{address}"), limit, None).await,
            Self::Tls(address, papers) => dial(&format!("https://{address}"), limit, Some(papers)).await,
            Self::Usual => match dial(&format!("unix:{SOCKET}"), limit, None).await {
                Ok(client) => Ok(client),
                Err(socket) => {
                    let tcp = dial(&format!("http://{TCP}"), limit, None).await;
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

async fn dial(to: &str, limit: Duration, papers: Option<&Papers>) -> Result<Client, String> {
    let endpoint = Endpoint::from_shared(to.to_owned()).map_err(|err| innermost(&err))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_MAX.min(limit))
        .timeout(limit)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    let endpoint = match papers {
        Some(papers) => endpoint.tls_config(papers.config()?).map_err(|err| innermost(&err))?,
        None => endpoint,
    };
    let channel = endpoint.connect().await.map_err(|err| innermost(&err))?;
    Ok(MaglevClient::new(channel).max_decoding_message_size(PART_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_for_tcp() {
        let flags = |connect: &str| Flags {
            connect: Some(connect.into()),
            tls_ca: Some("ca.pem".into()),
            ..Flags::default()
        };
        let papers = Papers { ca: "ca.pem".into(), own: None };
        assert_eq!(Target::of(&flags("lb1:9090")), Ok(Target::Tls("lb1:9090".into(), papers)));
        assert_eq!(Target::of(&flags("/run/x.sock")), Ok(Target::Socket("/run/x.sock".into())));
        let torn = Flags { tls_cert: Some("own.pem".into()), ..flags("lb1:9090") };
        assert_eq!(Target::of(&torn).map_err(|err| err.exit), Err(Exit::Usage));
    }

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
