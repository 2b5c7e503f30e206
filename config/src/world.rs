//! The few rules that need the machine or a library: CA files, TLS names, patterns.

use std::fs;
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::anchor_from_trusted_cert;

/// A compiled pattern larger than this is no health check.
const REGEXP_BYTES_MAX: usize = 1 << 20;

/// All authorities of a system fit 16 times.
const CA_BYTES_MAX: u64 = 4 << 20;

/// Compiles a `response-regexp` under the limit that the configuration was checked with.
///
/// # Errors
/// The pattern is not one of the `regex` crate, or compiles to more than 1 MiB.
pub fn regexp(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(REGEXP_BYTES_MAX).build()
}

/// Why `pattern` cannot be used.
pub(super) fn regexp_complaint(pattern: &str) -> Option<String> {
    let error = regexp(pattern).err()?;
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return Some("the pattern compiles to more than 1 MiB; use smaller repetitions".into());
    }
    // The library draws the pattern with an arrow over several lines; its last line is the reason.
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    Some(format!(
        "not a regular expression: {reason}; use the syntax of Rust's regex crate (RE2 without look-around)"
    ))
}

/// Why TLS cannot ask for `name`.
pub(super) fn server_name_complaint(name: &str) -> Option<String> {
    ServerName::try_from(name).err().map(|_| {
        "not a name that TLS can ask for; write a host name such as www.example.net, or an IP address".into()
    })
}

/// Why the authorities in `file` cannot be trusted.
pub(super) fn ca_file_complaint(file: &str) -> Option<String> {
    let path = Path::new(file);
    // A pipe or a device could block or never end, so only regular files are opened.
    let read = fs::metadata(path).and_then(|meta| {
        if !meta.is_file() || meta.len() > CA_BYTES_MAX {
            return Ok(None);
        }
        fs::read(path).map(Some)
    });
    let pem = match read {
        Ok(Some(pem)) => pem,
        Ok(None) => {
            return Some("is not a regular file of at most 4 MiB; name a PEM file of certificates".into());
        }
        Err(error) => {
            return Some(format!(
                "cannot be read: {error}; name a PEM file that the user running maglevd may read"
            ));
        }
    };
    let mut is_empty = true;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        // The prober's root store asks the same question of each.
        let is_usable = certificate.is_ok_and(|certificate| anchor_from_trusted_cert(&certificate).is_ok());
        if !is_usable {
            return Some("holds a broken certificate; name a PEM file of CA certificates".into());
        }
        is_empty = false;
    }
    is_empty.then(|| "holds no certificate; name a PEM file of CA certificates".into())
}
