//! When certificates end, and with them the connections of those who showed them.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// The end of a chain as a client shows it, its own certificate first; `None` if that one cannot be read.
///
/// Like `now`, it is time since 1970. Of the others count those that are valid now: an expired one vouches for nobody,
/// so it is not why the chain was believed.
pub(super) fn of(chain: &[CertificateDer<'_>], now: Duration) -> Option<Duration> {
    let (own, others) = chain.split_first()?;
    let others = others.iter().filter_map(end).filter(|end| *end > now);
    Some(others.fold(end(own)?, Duration::min))
}

fn end(certificate: &CertificateDer<'_>) -> Option<Duration> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let last = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    // The second that is named is part of it, as in a handshake.
    Some(Duration::from_secs(last.saturating_add(1)))
}
