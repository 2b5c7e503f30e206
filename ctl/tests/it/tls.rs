//! maglevc over TLS: with the right papers it changes things, with others it may look, and with none it is told.

use maglevd::api::{Doors, San, Tls, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;

use crate::support::site::{Site, file, frontend};
use crate::support::{maglevc, outcome};

/// An authority that signs for everybody here.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Paths of a certificate for `name` and of its key.
    fn issue(&self, site: &Site, name: &str) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap().pem();
        let file = |ending: &str, text: &str| site.scratch.file(&format!("{name}.{ending}"), text);
        [file("pem", &cert), file("key", &key.serialize_pem())]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_papers_is_let_in_and_may_what_they_say() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site.start();
    let authority = Authority::new();
    let ca = site.scratch.file("ca.pem", &authority.0.pem());
    let [cert, key] = authority.issue(&site, "localhost");
    let files = TlsFiles { cert: cert.as_ref(), key: key.as_ref(), client_ca: ca.as_ref() };
    let tls = Tls::read(files, ["ops.example.net".parse::<San>().unwrap()]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let _serving = site.api().serve(Doors { tcp: Some(listener), tls: Some(tls), ..Doors::default() });
    let run = |line: &str, papers: &[String]| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--connect", &address]);
        words.extend(papers.iter().map(String::as_str));
        outcome(&mut maglevc(&words))
    };
    let papers = |name: &str| {
        let [cert, key] = authority.issue(&site, name);
        [format!("--tls-ca={ca}"), format!("--tls-cert={cert}"), format!("--tls-key={key}")]
    };
    let (ops, eve) = (papers("ops.example.net"), papers("eve.example.net"));

    let (code, out, err) = run("show version", &ops);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("tls ops.example.net from 127.0.0.1:") && out.contains("look and change"), "{out}");
    assert_eq!(run("set backend ams pause", &ops).0, 0);
    let (code, _, err) = run("set backend ams resume", &eve);
    assert!(err.contains("tls eve.example.net from 127.0.0.1:") && err.contains("is a viewer"), "{err}");
    assert_ne!(code, 0);
    assert_eq!(run("show backends", &eve).0, 0);

    // Without papers, with those of somebody else's authority, and without TLS: one line each, and no hang.
    let stranger = Authority::new();
    let [cert, key] = stranger.issue(&site, "stranger.example.net");
    let foreign = [format!("--tls-ca={ca}"), format!("--tls-cert={cert}"), format!("--tls-key={key}")];
    let other_ca = site.scratch.file("other.pem", &stranger.0.pem());
    let misled = [format!("--tls-ca={other_ca}"), ops[1].clone(), ops[2].clone()];
    let nowhere = format!("no daemon answers at {address}: ");
    // Whether the daemon's alert is heard before the connection ends is a matter of luck.
    let broken = "the connection to the daemon broke: ";
    for (papers, why) in
        [(&ops[..1], broken), (&foreign[..], broken), (&misled[..], nowhere.as_str()), (&[], broken)]
    {
        let (code, out, err) = run("show version", papers);
        assert_eq!((code, out.as_str(), err.lines().count()), (6, "", 1), "{papers:?}: {err}");
        assert!(err.contains(why), "{papers:?}: {err}");
    }
    site.stop().await;
}
