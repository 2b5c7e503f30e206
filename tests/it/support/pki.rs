//! Certificates for tests: an authority, what it signs, and a TLS server that shows it.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Whether and how long what an authority signs is valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Today,
    Expired,
    /// Since 1970.
    Until(Duration),
}

impl Validity {
    fn apply(self, params: &mut CertificateParams) {
        match self {
            Self::Today => (),
            Self::Expired => {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2020, 2, 1);
            }
            Self::Until(end) => params.not_after = date_time_ymd(1970, 1, 1) + end,
        }
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// An authority of our own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        Self(CertifiedIssuer::self_signed(authority(), KeyPair::generate().unwrap()).unwrap())
    }

    /// One with a name of its own. The others all have the same.
    pub fn named(name: &str) -> Self {
        let mut params = authority();
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority that this one vouches for.
    pub fn below(&self, name: &str, validity: Validity) -> Self {
        let mut params = authority();
        params.distinguished_name.push(DnType::CommonName, name);
        validity.apply(&mut params);
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's settings with a certificate for `name`.
    pub fn server(&self, name: &str, validity: Validity) -> Arc<ServerConfig> {
        let (certificate, key) = self.sign(CertificateParams::new(vec![name.into()]).unwrap(), validity);
        settings(&certificate, &key)
    }

    /// A certificate with these names and its key, as a file has them.
    pub fn issue(&self, names: &[SanType], validity: Validity) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        let (certificate, key) = self.sign(params, validity);
        Issued { cert: certificate.pem(), key: key.serialize_pem() }
    }

    fn sign(&self, mut params: CertificateParams, validity: Validity) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        validity.apply(&mut params);
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub cert: String,
    pub key: String,
}

/// A server's settings with a certificate that nobody but itself signed.
pub fn self_signed(name: &str) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.into()]).unwrap().self_signed(&key).unwrap();
    settings(&certificate, &key)
}

fn settings(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// A TLS server that answers every connection's first bytes with `200 OK`, and reads till the end.
pub async fn tls_server(config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                if matches!(stream.read(&mut request).await, Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}
