//! One certificate's name cannot take all places of the door.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_name_does_not_keep_the_others_out() {
    let places = Places { tcp: 8, ..Places::default() };
    let (mut site, _serving, pki, address) = served_with(FOR_EVER, places).await;
    let ann = [host("ann.example.net")];
    let (first, _) = pki.named(&address, &ann).await;
    let (mut second, _) = pki.named(&address, &ann).await;
    // Another certificate, but the same name.
    let own = pki.clients.issue(&ann, Validity::Today);
    let refused = pki.client(&address, Some(&own)).await.map(|(_, daemon)| daemon).unwrap_err();
    assert!(refused.contains("ResourceExhausted"), "{refused}");
    assert!(refused.contains("tls ann.example.net has 2 connections already"), "{refused}");
    pki.named(&address, &[host("bob.example.net")]).await;
    second.get_daemon(v1::GetDaemonRequest {}).await.expect("who is inside stays");
    drop(first);
    while pki.client(&address, Some(&own)).await.is_err() {
        tokio::task::yield_now().await;
    }
    site.stop().await;
}
