//! The TLS layer of a probe: one full handshake, verified as the check asks.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use maglev_core::config::Tls;
use maglev_core::input::{FailCode, LocalFault, Outcome};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig};

use super::connection::Wire;
use super::fault;
use super::trust::Trust;

/// A handshake that is ready to run: everything that needs this host's files is done.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Handshake {
    /// Reads trust anchors if need be. The name to verify is the check's, or else the backend's address.
    pub(super) async fn prepare(
        trust: &Trust,
        tls: &Tls,
        address: IpAddr,
        http: bool,
    ) -> Result<Self, LocalFault> {
        let name = match &tls.server_name {
            Some(name) => ServerName::try_from(name.clone()).map_err(|_invalid| {
                fault::unusable(format_args!(
                    "tls.server-name {name:?} is neither a host name nor an address"
                ))
            })?,
            None => ServerName::IpAddress(address.into()),
        };
        Ok(Self { config: trust.client(tls, http).await?, name })
    }

    /// Shakes hands over `wire`. The error is the outcome of the probe.
    pub(super) async fn run(self, wire: Wire) -> Result<Wire, Outcome> {
        let name = self.name.to_str().into_owned();
        match TlsConnector::from(self.config).connect(self.name, wire).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(err) => Err(refused(&err, &name)),
        }
    }
}

fn refused(err: &io::Error, name: &str) -> Outcome {
    let cause =
        err.get_ref().and_then(|inner| (inner as &(dyn Error + 'static)).downcast_ref::<rustls::Error>());
    match cause {
        Some(cause) => fault::fail(FailCode::L6Rsp, words(cause, name)),
        None if err.kind() == io::ErrorKind::UnexpectedEof => {
            fault::fail(FailCode::L6Rsp, "connection closed during the TLS handshake")
        }
        None => fault::later(err, FailCode::L6Rsp, " during the TLS handshake"),
    }
}

fn words(cause: &rustls::Error, name: &str) -> String {
    if let rustls::Error::InvalidCertificate(problem) = cause {
        return certificate_words(problem, name);
    }
    if matches!(cause, rustls::Error::InvalidMessage(_)) {
        return format!("the answer is not TLS: {cause}");
    }
    format!("TLS handshake failed: {cause}")
}

fn certificate_words(problem: &CertificateError, name: &str) -> String {
    use CertificateError as Bad;
    if matches!(problem, Bad::Expired | Bad::ExpiredContext { .. }) {
        return "the certificate has expired".into();
    }
    if matches!(problem, Bad::NotValidYet | Bad::NotValidYetContext { .. }) {
        return "the certificate is not valid yet".into();
    }
    if matches!(problem, Bad::NotValidForName | Bad::NotValidForNameContext { .. }) {
        return format!("the certificate is not valid for {name}");
    }
    // An authority of the same name with another key ends in a bad signature instead of an unknown issuer.
    if matches!(problem, Bad::UnknownIssuer | Bad::BadSignature) {
        return "the certificate's issuer is not trusted".into();
    }
    format!("the certificate is not accepted: {problem}")
}
