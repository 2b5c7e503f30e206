//! The end of a certificate is the end of the connections on which it was shown.

use maglevd::clock::wall_time;

use super::*;

/// Long enough for a handshake on a busy machine.
const BRIEFLY: Duration = Duration::from_secs(3);

type Watch = tonic::Streaming<v1::WatchResponse>;

/// A stream that has said where it begins.
async fn watch(client: &mut Client) -> Watch {
    let request =
        v1::WatchRequest { topics: vec![v1::Topic::Operator.into()], ..v1::WatchRequest::default() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert!(matches!(watch.message().await.unwrap().unwrap().what, Some(What::Position(_))));
    watch
}

/// Waits till nothing more can come.
async fn ends(site: &Site, mut watch: Watch) {
    let end = site.clock.now() + PATIENCE;
    select! {
        last = watch.message() => assert!(!matches!(last, Ok(Some(_))), "{last:?}"),
        () = site.clock.sleep_until(end) => panic!("waited in vain until the stream ends"),
    }
}

fn is_over(end: Duration) -> bool {
    // The second that the certificate names is part of it.
    wall_time().as_secs() > end.as_secs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_the_certificate_that_was_shown() {
    let (mut site, _serving, pki, address) = served(FOR_EVER).await;
    settled(&site).await;
    let (mut lasting, _) = pki.named(&address, &[host("ops.example.net")]).await;
    let mut lasting_watch = watch(&mut lasting).await;

    let end = wall_time() + BRIEFLY;
    let own = pki.clients.issue(&[host("brief.example.net")], Validity::Until(end));
    let (mut brief, _) = pki.client(&address, Some(&own)).await.unwrap();
    let brief_watch = watch(&mut brief).await;
    // Here nobody calls anything.
    let mut idle = pki.shake(&address, Some(&own)).await.unwrap();
    idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    assert!(idle.read(&mut [0; 64]).await.unwrap() > 0, "it was let in");

    ends(&site, brief_watch).await;
    assert!(is_over(end), "it ended too early");
    hangs_up(&site, idle).await;
    brief.get_daemon(v1::GetDaemonRequest {}).await.expect_err("and is not let in again");

    lasting.pause_backend(named("fra")).await.unwrap();
    let next = lasting_watch.message().await.unwrap().unwrap().what;
    assert!(matches!(next, Some(What::Record(_))), "the other one stays: {next:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_vouches_must_be_valid_too() {
    let (mut site, _serving, pki, address) = served(FOR_EVER).await;
    // Nobody needs this one, so its end ended nothing.
    let old = pki.clients.below("old", Validity::Expired).pem();
    let end = wall_time() + BRIEFLY;
    let team = pki.clients.below("team", Validity::Until(end));
    let Issued { cert, key } = team.issue(&[host("bob.example.net")], Validity::Today);
    let own = Issued { cert: cert + &team.pem() + &old, key };
    let (mut client, _) = pki.client(&address, Some(&own)).await.unwrap();
    let watch = watch(&mut client).await;
    ends(&site, watch).await;
    assert!(is_over(end), "it ended too early");
    site.stop().await;
}
