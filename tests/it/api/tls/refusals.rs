//! What somebody is told who proves nothing, and what the daemon's log tells of them.

use super::*;
use tokio_rustls::rustls::{self, AlertDescription};

/// The alert that ends a handshake. A client of TLS 1.3 has finished its part before it can know.
async fn alert(pki: &Pki, address: &str, own: Option<&Issued>) -> AlertDescription {
    let err = match pki.shake(address, own).await {
        Ok(mut stream) => stream.read(&mut [0]).await.expect_err("the daemon refuses"),
        Err(err) => err,
    };
    match err.get_ref().and_then(|err| err.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        other => panic!("no alert: {other:?}, {err}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_no_valid_certificate_hears_why_and_so_does_the_log() {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    let pki = Pki::new(&site);
    let (mut daemon, address) = started(&site, &pki, &["--log-level=debug"]);
    let name = [host("ops.example.net")];
    let foreign = Authority::named("somebody else").issue(&name, Validity::Today);
    // With the name of the right one, but another key.
    let impostor = Authority::new().issue(&name, Validity::Today);
    let server = pki.servers.issue(&name, Validity::Today);
    let expired = pki.clients.issue(&name, Validity::Expired);
    let below = pki.clients.below("team", Validity::Expired);
    let Issued { cert, key } = below.issue(&name, Validity::Today);
    let by_expired = Issued { cert: cert + &below.pem(), key };
    let refusals = [
        (None, AlertDescription::CertificateRequired, "peer sent no certificates"),
        (Some(&expired), AlertDescription::CertificateExpired, "certificate expired"),
        (Some(&by_expired), AlertDescription::CertificateExpired, "certificate expired"),
        (Some(&foreign), AlertDescription::UnknownCA, "UnknownIssuer"),
        (Some(&impostor), AlertDescription::DecryptError, "BadSignature"),
        (Some(&server), AlertDescription::DecryptError, "BadSignature"),
    ];
    for (own, expected, why) in refusals {
        assert_eq!(alert(&pki, &address, own).await, expected, "{why}");
        let line = daemon.until("client-refused");
        let (from, err) = (line["from"].as_str().unwrap(), line["err"].as_str().unwrap());
        assert!(from.starts_with("127.0.0.1:") && err.contains(why), "{why} is not in {line}");
    }
    pki.named(&address, &name).await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
}

/// Nothing of what they still send may cost them the alert.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_talks_on_hears_why_as_well() {
    let (mut site, _serving, _, address) = served(FOR_EVER).await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(&b"\0".repeat(1 << 20)).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.first(), Some(&0x15), "an alert: {heard:?}");
    }
    site.stop().await;
}
