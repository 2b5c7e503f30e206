//! TLS of the API: real handshakes on loopback, with good certificates, bad ones and none.

mod crowd;
mod expiry;
mod refusals;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::Clock as _;
use maglev_proto::v1;
use maglev_proto::v1::watch_response::What;
use maglevd::api::{Doors, Places, San, Serving, Tls, TlsFiles};
use rcgen::SanType;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::{Client, named, settled};
use crate::support::backends::PATIENCE;
use crate::support::binary::{Running, maglevd, outcome};
use crate::support::pki::{Authority, Issued, Validity};
use crate::support::site::{Site, file, frontend};

/// Longer than any test takes: who waits for it waits in vain.
const FOR_EVER: Duration = Duration::from_secs(3_600);
const OPERATORS: [&str; 3] = ["ops.example.net", "spiffe://example.net/ops", "ann@example.net"];

fn host(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

fn mail(name: &str) -> SanType {
    SanType::Rfc822Name(name.try_into().unwrap())
}

/// Who signs what, and where the daemon finds it.
struct Pki {
    servers: Authority,
    clients: Authority,
    cert: String,
    key: String,
    client_ca: String,
}

impl Pki {
    fn new(site: &Site) -> Self {
        let (servers, clients) = (Authority::new(), Authority::new());
        let Issued { cert, key } = servers.issue(&[host("localhost")], Validity::Today);
        let file = |name, text: &str| site.scratch.file(name, text);
        let client_ca = file("clients.pem", &clients.pem());
        Self { servers, clients, cert: file("cert.pem", &cert), key: file("key.pem", &key), client_ca }
    }

    fn files(&self) -> TlsFiles<'_> {
        TlsFiles { cert: self.cert.as_ref(), key: self.key.as_ref(), client_ca: self.client_ca.as_ref() }
    }

    fn tls(&self) -> Tls {
        Tls::read(self.files(), OPERATORS.map(|name| name.parse::<San>().unwrap())).unwrap()
    }

    /// A client that shows this certificate, and asks once who it is.
    async fn client(&self, address: &str, own: Option<&Issued>) -> Result<(Client, v1::Daemon), String> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.servers.pem()))
            .domain_name("localhost");
        let tls = match own {
            Some(own) => tls.identity(Identity::from_pem(&own.cert, &own.key)),
            None => tls,
        };
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
        let endpoint = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE);
        let channel = endpoint.connect().await.map_err(|err| format!("{err:?}"))?;
        let mut client = Client::new(channel);
        let daemon = client.get_daemon(v1::GetDaemonRequest {}).await.map_err(|err| format!("{err:?}"))?;
        Ok((client, daemon.into_inner()))
    }

    /// The same without gRPC.
    async fn shake(&self, address: &str, own: Option<&Issued>) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.servers.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some(own) => {
                let chain = CertificateDer::pem_slice_iter(own.cert.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// One with these names, signed as it should be.
    async fn named(&self, address: &str, names: &[SanType]) -> (Client, v1::Daemon) {
        self.client(address, Some(&self.clients.issue(names, Validity::Today))).await.unwrap()
    }
}

/// Reads till the daemon ends the connection, in whatever way.
async fn hangs_up(site: &Site, mut stream: impl AsyncRead + Unpin) {
    let end = site.clock.now() + PATIENCE;
    let mut said = Vec::new();
    select! {
        _ = stream.read_to_end(&mut said) => (),
        () = site.clock.sleep_until(end) => panic!("waited in vain until the daemon hangs up"),
    }
}

/// A site whose API wants certificates, and where it is.
async fn served(patience: Duration) -> (Site, Serving, Pki, String) {
    served_with(patience, Places::default()).await
}

async fn served_with(patience: Duration, places: Places) -> (Site, Serving, Pki, String) {
    let mut site = Site::new().await;
    let all = frontend("www", 80, "ams: {}, fra: { weight: 50 }") + &frontend("api", 81, "lon: {}");
    site.write(&file(site.farm.port(), &all));
    site.start();
    let pki = Pki::new(&site);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tls = Some(pki.tls().with_patience(patience));
    let doors = Doors { tcp: Some(listener), tls, places, ..Doors::default() };
    let serving = site.api().serve(doors);
    (site, serving, pki, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_listed_changes_things_and_the_audit_names_it() {
    let (mut site, _serving, pki, address) = served(FOR_EVER).await;
    settled(&site).await;
    let names = [
        host("ops.example.net"),
        uri("spiffe://example.net/ops"),
        // Not the first name of the certificate, but the one that counts.
        mail("ann@example.net"),
    ];
    for (name, text) in names.into_iter().zip(OPERATORS) {
        let (mut client, daemon) = pki.named(&address, &[host("some.example.net"), name]).await;
        assert_eq!(daemon.role(), v1::Role::Operator, "{text}");
        assert!(daemon.caller.starts_with(&format!("tls {text} from 127.0.0.1:")), "{}", daemon.caller);
        client.pause_backend(named("fra")).await.unwrap();
        client.resume_backend(named("fra")).await.unwrap();
        let events = format!("{:?}", site.events());
        assert!(events.contains(&daemon.caller), "{} is not in {events}", daemon.caller);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_certificate_looks_and_is_told_what_it_lacks() {
    let (mut site, _serving, pki, address) = served(FOR_EVER).await;
    settled(&site).await;
    let strangers = [
        (vec![host("bob.example.net")], "tls bob.example.net from "),
        // Exact names: neither more nor less of them, nor in other letters.
        (vec![host("x.ops.example.net")], "tls x.ops.example.net from "),
        (vec![host("OPS.example.net")], "tls OPS.example.net from "),
        // The text of an operator's mail address, as a name of a host.
        (vec![host("ann@example.net")], "tls ann@example.net from "),
        // What would pass for somebody else in a log is no name.
        (vec![host("ops.example.net from 192.0.2.1")], "tls, a certificate without a name, from "),
        (vec![], "tls, a certificate without a name, from "),
    ];
    for (names, who) in strangers {
        let (mut client, daemon) = pki.named(&address, &names).await;
        assert_eq!(daemon.role(), v1::Role::Viewer, "{who}");
        assert!(daemon.caller.starts_with(who), "{}", daemon.caller);
        let fra = client.get_backend(v1::GetBackendRequest { name: "fra".into() }).await.unwrap();
        assert_eq!(fra.into_inner().state(), v1::State::Up);
        let err = client.pause_backend(named("fra")).await.unwrap_err();
        assert_eq!(err.code(), Code::PermissionDenied);
        let told = err.message();
        assert!(told.contains("is a viewer") && told.contains("--grpc-operators"), "{told}");
        let err = client.sync(v1::SyncRequest::default()).await.unwrap_err();
        assert_eq!(err.code(), Code::PermissionDenied);
    }
    assert_eq!(site.count("operator-command"), 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_nonsense_holds_up_nobody() {
    let (mut site, _serving, pki, address) = served(FOR_EVER).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    // The head of a greeting that does not go on, too.
    for garbage in [b"\0".repeat(100_000), vec![0xff; 4096], preface.into(), b"\x16\x03\x01\x02".into()] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        hangs_up(&site, stream).await;
    }
    // A client that knows nothing of TLS.
    let plain = Endpoint::from_shared(format!("http://{address}")).unwrap().timeout(PATIENCE);
    if let Ok(channel) = plain.connect_timeout(PATIENCE).connect().await {
        Client::new(channel).get_daemon(v1::GetDaemonRequest {}).await.unwrap_err();
    }
    pki.named(&address, &[host("ops.example.net")]).await;
    drop(silent);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_shake_hands_in_time_is_dropped() {
    let (mut site, _serving, _, address) = served(Duration::from_millis(20)).await;
    let mut silent = Vec::new();
    // More than shake hands at once.
    for _ in 0..300 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    for stream in silent {
        hangs_up(&site, stream).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_tls_cannot_use_is_named() {
    let site = Site::new().await;
    let pki = Pki::new(&site);
    let other = pki.servers.issue(&[host("localhost")], Validity::Today);
    let file = |name, text: &str| site.scratch.file(name, text);
    let nothing = file("empty.pem", "");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let torn = file("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let foreign = file("foreign.pem", &other.key);
    let missing = "/nonexistent/file.pem".to_owned();
    let good = pki.files();
    let told = |files: TlsFiles<'_>| Tls::read(files, []).unwrap_err().to_string();
    for path in [&nothing, &broken, &torn, &missing] {
        let files = [
            ("--grpc-tls-cert", TlsFiles { cert: path.as_ref(), ..good }),
            ("--grpc-tls-key", TlsFiles { key: path.as_ref(), ..good }),
            ("--grpc-tls-client-ca", TlsFiles { client_ca: path.as_ref(), ..good }),
        ];
        for (flag, files) in files {
            let told = told(files);
            assert!(told.starts_with(&format!("cannot use {path} ({flag}): ")), "{told}");
        }
    }
    let misfit = told(TlsFiles { key: foreign.as_ref(), ..good });
    assert!(misfit.contains(&foreign) && misfit.contains(&pki.cert), "{misfit}");
    assert!(told(TlsFiles { client_ca: nothing.as_ref(), ..good }).contains("there is no certificate in it"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shakes_hands_and_says_nothing_is_dropped() {
    let (mut site, _serving, pki, address) = served(Duration::from_millis(500)).await;
    let own = pki.clients.issue(&[host("ops.example.net")], Validity::Today);
    hangs_up(&site, pki.shake(&address, Some(&own)).await.unwrap()).await;
    site.stop().await;
}

/// Flags for a daemon that other hosts reach.
fn flags(site: &Site, pki: &Pki) -> Vec<String> {
    let config = site.file().display();
    vec![
        format!("--config={config}"),
        "--vpp-api-addr=".into(),
        "--grpc-addr=0.0.0.0:0".into(),
        "--grpc-socket=".into(),
        "--metrics-addr=".into(),
        format!("--grpc-tls-cert={}", pki.cert),
        format!("--grpc-tls-client-ca={}", pki.client_ca),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_daemon_takes_tls_beyond_loopback_or_does_not_start() {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    let pki = Pki::new(&site);
    let flags = flags(&site, &pki);

    let (code, _, told) = outcome(maglevd(&[]).args(&flags));
    assert!(code == 64 && told.contains("--grpc-tls-key"), "{code} {told}");
    let (code, _, told) = outcome(maglevd(&[]).args(&flags[..5]));
    assert!(code == 1 && told.contains("--grpc-tls-cert"), "{code} {told}");
    let (code, _, told) = outcome(maglevd(&[]).args(&flags).arg("--grpc-tls-key=/nonexistent"));
    assert!(code == 1 && told.contains("/nonexistent (--grpc-tls-key)"), "{code} {told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let (daemon, address) = started(&site, &pki, &[]);
    let (mut client, seen) = pki.named(&address, &[mail("ann@example.net")]).await;
    assert_eq!(seen.role(), v1::Role::Operator);

    // What the daemon logs of its own is in the stream too, each line once.
    let lines = v1::WatchRequest { topics: vec![v1::Topic::Log.into()], ..v1::WatchRequest::default() };
    let mut lines = client.watch(lines).await.unwrap().into_inner();
    assert!(matches!(lines.message().await.unwrap().unwrap().what, Some(What::Position(_))));
    daemon.signal(Signal::HUP);
    let line = next_line(&mut lines).await;
    assert_eq!((line.name.as_str(), line.level()), ("api-certificates-read", v1::Level::Info));
    site.scratch.file("key.pem", "no key at all");
    daemon.signal(Signal::HUP);
    let line = next_line(&mut lines).await;
    assert_eq!((line.name.as_str(), line.level()), ("api-certificates-kept", v1::Level::Error));
    let [fact] = line.fields.as_slice() else { panic!("{line:?}") };
    assert!(fact.key == "err" && fact.value.contains("--grpc-tls-key"), "{fact:?}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
}

/// The daemon with these flags and more, and where its API is.
fn started(site: &Site, pki: &Pki, more: &[&str]) -> (Running, String) {
    let mut daemon = maglevd(more);
    daemon.args(flags(site, pki)).arg(format!("--grpc-tls-key={}", pki.key));
    daemon.env("MAGLEV_GRPC_OPERATORS", OPERATORS.join(","));
    let mut daemon = Running::start(&mut daemon);
    let listening = daemon.until("listening");
    let port = listening["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    daemon.until("config-loaded");
    (daemon, format!("127.0.0.1:{port}"))
}

async fn next_line(lines: &mut tonic::Streaming<v1::WatchResponse>) -> v1::Record {
    match lines.message().await.unwrap().unwrap().what {
        Some(What::Record(record)) => record,
        other => panic!("no record: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_read_again_and_bad_ones_change_nothing() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let pki = Pki::new(&site);
    let tls = pki.tls().with_patience(FOR_EVER);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let _serving =
        site.api().serve(Doors { tcp: Some(listener), tls: Some(tls.clone()), ..Doors::default() });
    let (mut inside, _) = pki.named(&address, &[host("before.example.net")]).await;

    site.scratch.file("key.pem", "no key at all");
    let err = tls.reread().unwrap_err().to_string();
    assert!(err.contains(&pki.key) && err.contains("--grpc-tls-key"), "{err}");
    pki.named(&address, &[host("still.example.net")]).await;

    let old = pki.clients.issue(&[host("old.example.net")], Validity::Today);
    let renewed = Pki::new(&site);
    tls.reread().unwrap();
    renewed.named(&address, &[host("new.example.net")]).await;
    let refused = renewed.client(&address, Some(&old)).await;
    assert!(refused.is_err(), "the authority of before vouches for nobody any more");
    inside.get_daemon(v1::GetDaemonRequest {}).await.expect("who is inside stays");
    site.stop().await;
}
