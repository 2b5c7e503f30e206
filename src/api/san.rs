//! Names in certificates: who somebody is, as an authority vouches for it.
//!
//! Only subject alternative names count, each with its kind: an authority that lets people choose a host's name must
//! not thereby make them somebody's mail address. A common name is text for people and proves nothing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// The longest name that is one: they go into every line of the audit.
const NAME_BYTES_MAX: usize = 256;

/// A subject alternative name. Two are the same if every character is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum San {
    /// Of a host.
    Dns(String),
    /// A URI, as SPIFFE has them.
    Uri(String),
    /// A mail address.
    Email(String),
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Dns(name) | Self::Uri(name) | Self::Email(name)) = self;
        f.write_str(name)
    }
}

/// As an operator of the daemon writes it: the kind can be told from the text.
impl FromStr for San {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.to_owned();
        if !is_printable(text) {
            return Err("is no name: 1 to 256 printable ASCII characters without spaces");
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(
                "is an address, which says nothing about who calls: name a host, a URI or a mail address",
            );
        }
        if text.contains(':') {
            return Ok(Self::Uri(name));
        }
        if text.contains('@') {
            return Ok(Self::Email(name));
        }
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Ok(Self::Dns(name));
        }
        Err(
            "is no name of a host, no URI and no mail address: names are exact, without patterns and without CN=",
        )
    }
}

impl San {
    /// The names in a certificate, in its order. One that cannot be read has none.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Vec<Self> {
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
        let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
        extension.value.general_names.iter().filter_map(Self::known).collect()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds of names name no caller")]
    fn known(name: &GeneralName<'_>) -> Option<Self> {
        let san = match *name {
            GeneralName::DNSName(name) => Self::Dns(name.into()),
            GeneralName::URI(name) => Self::Uri(name.into()),
            GeneralName::RFC822Name(name) => Self::Email(name.into()),
            _ => return None,
        };
        // With spaces or controls in it a name could pass for another one, or for more of a log line.
        is_printable(&san.to_string()).then_some(san)
    }
}

fn is_printable(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_name_is_told_from_its_text() {
        let read = |text: &str| text.parse::<San>().ok();
        assert_eq!(read("lb1.example.net"), Some(San::Dns("lb1.example.net".into())));
        assert_eq!(read("spiffe://example.net/ops"), Some(San::Uri("spiffe://example.net/ops".into())));
        assert_eq!(read("ann@example.net"), Some(San::Email("ann@example.net".into())));
        for none in ["", "*.example.net", "CN=ann", "192.0.2.1", "2001:db8::1", "ann smith", "ann\n"] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
