//! Whom TLS probes trust: client settings, made once per way of trusting and kept.
//!
//! Reading and parsing a hundred authorities for every probe would be most of the probe's cost. The system's are read
//! once, with the first probe that needs them; a CA file is read again when it changes on disk.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use maglev_core::config::Tls;
use maglev_core::input::LocalFault;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::fault;

/// Client settings kept at most. Configurations name a handful; more means years of reloads, and starting over is
/// cheap.
const KEPT_MAX: usize = 256;

/// A CA file larger than this is not one; the whole web's authorities fit in 200 KiB.
const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// Makes and keeps client settings.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    kept: Mutex<BTreeMap<Key, Arc<Slot>>>,
}

/// What settings depend on; the server's name is not part of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    roots: Roots,
    http: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Roots {
    System,
    File(String),
    Anybody,
}

/// Filled by the first probe; others of the same key wait for it instead of reading the same files.
type Slot = tokio::sync::Mutex<Option<Kept>>;

struct Kept {
    config: Arc<ClientConfig>,
    file: Option<FileStamp>,
}

/// Tells one version of a file from the next. The inode is part of it: a renamed-over file may keep its time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self { provider: Arc::new(crypto::ring::default_provider()), kept: Mutex::default() }
    }

    /// A number nobody else can guess. No decision depends on it.
    pub(super) fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        // Without randomness the number is merely guessable; replies are still told apart by their other fields.
        let _ = self.provider.secure_random.fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    /// The client settings for `tls`; with `http`, the connection is announced as HTTP/1.1 (ALPN).
    pub(super) async fn client(&self, tls: &Tls, http: bool) -> Result<Arc<ClientConfig>, LocalFault> {
        let roots = match &tls.ca_file {
            _ if tls.insecure_skip_verify => Roots::Anybody,
            Some(path) => Roots::File(path.clone()),
            None => Roots::System,
        };
        let key = Key { roots, http };
        let slot = self.slot(&key);
        let mut slot = slot.lock().await;
        let file = match &key.roots {
            Roots::File(path) => Some(stamp(path).await?),
            Roots::System | Roots::Anybody => None,
        };
        if let Some(kept) = &*slot
            && kept.file == file
        {
            return Ok(Arc::clone(&kept.config));
        }
        // What was kept is of an older file; it must not serve should the new file be unusable.
        *slot = None;
        let config = Arc::new(self.make(&key).await?);
        *slot = Some(Kept { config: Arc::clone(&config), file });
        Ok(config)
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(key) {
            kept.clear();
        }
        Arc::clone(kept.entry(key.clone()).or_default())
    }

    async fn make(&self, key: &Key) -> Result<ClientConfig, LocalFault> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|err| fault::unusable(format_args!("TLS cannot be set up: {err}")))?;
        let builder = match &key.roots {
            Roots::System => builder.with_root_certificates(system_roots().await?),
            Roots::File(path) => builder.with_root_certificates(roots_of_file(path).await?),
            Roots::Anybody => {
                let anybody = Anybody { provider: Arc::clone(&self.provider) };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody))
            }
        };
        let mut config = builder.with_no_client_auth();
        // A resumed session would skip the very verification that the probe is there for.
        config.resumption = Resumption::disabled();
        if key.http {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }
}

async fn stamp(path: &str) -> Result<FileStamp, LocalFault> {
    let metadata = tokio::fs::metadata(path).await.map_err(|err| unusable(path, &err.to_string()))?;
    if metadata.len() > CA_FILE_BYTES_MAX || !metadata.is_file() {
        return Err(unusable(path, "not a file of certificates"));
    }
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    Ok(FileStamp { modified, size: metadata.len(), inode: metadata.ino() })
}

fn unusable(path: &str, why: &str) -> LocalFault {
    fault::unusable(format_args!("ca-file {path} cannot be used: {why}"))
}

async fn roots_of_file(path: &str) -> Result<RootCertStore, LocalFault> {
    let pem = tokio::fs::read(path).await.map_err(|err| unusable(path, &err.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|err| unusable(path, &err.to_string()))?;
        roots.add(certificate).map_err(|err| unusable(path, &err.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable(path, "no certificate in it"));
    }
    Ok(roots)
}

async fn system_roots() -> Result<RootCertStore, LocalFault> {
    // Some hundred files are read and parsed, which is too long for a thread that drives other probes.
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let found = found.map_err(|_| fault::unusable("the system's authorities cannot be read"))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|err| format!(": {err}")).unwrap_or_default();
        return Err(fault::unusable(format_args!("the system has no authorities to trust{why}")));
    }
    Ok(roots)
}

/// `insecure-skip-verify`: any certificate will do, but the handshake must still be signed by its key.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
