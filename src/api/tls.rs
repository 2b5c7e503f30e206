//! TLS of the API: who has a certificate of the client authority is a viewer, who is named besides is an operator.
//!
//! Nothing is believed that came before the end of the handshake, and no session is resumed: each connection shows a
//! certificate that is valid now, and ends when that is no longer true.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, InconsistentKeys, RootCertStore, ServerConfig, version};
use tokio_rustls::server::TlsStream;

use super::caller::{Caller, Role};
use super::expiry;
use super::san::San;
use crate::clock::wall_time;

/// From the connection to the end of the handshake, and from there to the first byte: a second is long, across the world and with lost packets.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

const CERT: &str = "--grpc-tls-cert";
const KEY: &str = "--grpc-tls-key";
const CLIENT_CA: &str = "--grpc-tls-client-ca";

/// A file that TLS needs and cannot use.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} ({flag}): {why}")]
pub struct TlsError {
    flag: &'static str,
    path: PathBuf,
    #[source]
    why: Fault,
}

/// What is wrong with it, and what to do.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}; name a file that the daemon's user may read")]
    Unreadable(#[from] io::Error),
    #[error("there is no certificate in it; name a file with certificates in PEM")]
    NoCertificate,
    #[error("there is no private key in it; name a file with a key in PEM that no password protects")]
    NoKey,
    #[error("it is not PEM: {0}; name another file or make it anew")]
    NoPem(pem::Error),
    #[error("its key is not the one of the certificate in {0}; name files that belong together")]
    Misfit(PathBuf),
    #[error("{0}; name another file or make it anew")]
    Unfit(#[from] rustls::Error),
    #[error("{0}; name another file or make it anew")]
    Authority(#[from] VerifierBuilderError),
}

/// The files.
#[derive(Clone, Copy, Debug)]
pub struct TlsFiles<'a> {
    /// The server's certificate, and those between it and its authority.
    pub cert: &'a Path,
    /// The key of the first.
    pub key: &'a Path,
    /// Who vouches for clients.
    pub client_ca: &'a Path,
}

/// How TCP proves who calls.
#[derive(Clone)]
pub struct Tls {
    acceptor: Arc<RwLock<TlsAcceptor>>,
    /// Where the certificate, its key and the authorities are read again.
    files: Arc<[PathBuf; 3]>,
    operators: Arc<BTreeSet<San>>,
    pub(super) patience: Duration,
}

/// Somebody who has proved who they are.
pub(super) struct Met {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) caller: Caller,
    /// When the proof expires, since 1970.
    pub(super) end: Duration,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("operators", &self.operators).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. Who shows one of `operators` may change what the daemon does.
    ///
    /// # Errors
    /// A file is missing, is not what it should be, or does not fit the others.
    pub fn read(files: TlsFiles<'_>, operators: impl IntoIterator<Item = San>) -> Result<Self, TlsError> {
        let acceptor = Arc::new(RwLock::new(acceptor(files)?));
        let own = [files.cert, files.key, files.client_ca].map(Path::to_owned);
        let operators = Arc::new(operators.into_iter().collect());
        Ok(Self { acceptor, files: Arc::new(own), operators, patience: HANDSHAKE_MAX })
    }

    /// Reads the files again, for who comes in from now on. Who is inside stays.
    ///
    /// # Errors
    /// As with [`Tls::read`]; what was read before goes on to count.
    pub fn reread(&self) -> Result<(), TlsError> {
        let [cert, key, client_ca] = &*self.files;
        let fresh = acceptor(TlsFiles { cert, key, client_ca })?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// With another limit for handshakes and for the first byte behind them.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Shakes hands. How long that may take is the business of whoever calls this.
    ///
    /// # Errors
    /// They do not prove who they are. They have been told so on the stream that comes back, if any does.
    pub(super) async fn meet(
        &self,
        stream: TcpStream,
        from: SocketAddr,
    ) -> Result<Met, (io::Error, Option<TcpStream>)> {
        let acceptor = self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
        let shaken = acceptor.accept(stream).into_fallible().await;
        let stream = shaken.map_err(|(err, stream)| (err, Some(stream)))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let names = chain.first().map(San::of).unwrap_or_default();
        let Some(end) = expiry::of(chain, wall_time()) else {
            return Err((io::Error::other("nobody can tell when its certificate expires"), None));
        };
        Ok(Met { caller: self.caller(&names, from), end, stream })
    }

    /// The name that makes somebody an operator is the one that the audit tells.
    fn caller(&self, names: &[San], from: SocketAddr) -> Caller {
        let operator = names.iter().find(|name| self.operators.contains(name));
        let role = if operator.is_some() { Role::Operator } else { Role::Viewer };
        let (who, key) = match operator.or(names.first()) {
            Some(name) => (format!("tls {name} from {from}"), format!("tls {name}")),
            None => {
                let who = format!("tls, a certificate without a name, from {from}");
                (who, format!("tls from {}", from.ip()))
            }
        };
        Caller { who, key, role }
    }
}

/// What meets clients, by these files.
fn acceptor(files: TlsFiles<'_>) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let roots = authorities(files.client_ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let verifier = verifier.build().map_err(|err| unusable(CLIENT_CA, files.client_ca, err.into()))?;
    let chain = certificates(CERT, files.cert)?;
    let key = key(files.key)?;
    let mut config = builder(provider)
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|err| misfit(files, err))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config).into())
}

/// TLS 1.3 alone: every client of gRPC has it, and what it leaves out need not be right.
fn builder(provider: Arc<CryptoProvider>) -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .expect("ring has the ciphers of TLS 1.3")
}

fn unusable(flag: &'static str, path: &Path, why: Fault) -> TlsError {
    TlsError { flag, path: path.to_owned(), why }
}

fn misfit(files: TlsFiles<'_>, err: rustls::Error) -> TlsError {
    if matches!(err, rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) {
        return unusable(KEY, files.key, Fault::Misfit(files.cert.to_owned()));
    }
    // rustls reads the certificate for no more than its key; all else that it says is about the key.
    let is_certificate = matches!(err, rustls::Error::InvalidCertificate(_));
    let (flag, path) = if is_certificate { (CERT, files.cert) } else { (KEY, files.key) };
    unusable(flag, path, err.into())
}

fn contents(flag: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|err| unusable(flag, path, err.into()))
}

fn certificates(flag: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = contents(flag, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|err| unusable(flag, path, Fault::NoPem(err)))?;
    if found.is_empty() {
        return Err(unusable(flag, path, Fault::NoCertificate));
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&contents(KEY, path)?).map_err(|err| {
        let none = matches!(err, pem::Error::NoItemsFound);
        unusable(KEY, path, if none { Fault::NoKey } else { Fault::NoPem(err) })
    })
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CLIENT_CA, path)? {
        roots.add(certificate).map_err(|err| unusable(CLIENT_CA, path, err.into()))?;
    }
    Ok(roots)
}
