//! What the API bounds: connections of one caller, calls of one connection, bytes of one request.

use std::future::{Ready, ready};

use super::*;

/// A site with so few places, and its address on TCP.
async fn crowded(places: Places) -> (Served, String) {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let (serving, address) = open(&site, site.api(), places).await;
    (Served { site, serving }, format!("http://{address}"))
}

async fn asked(client: &mut Client) -> Result<v1::Daemon, tonic::Status> {
    client.get_daemon(v1::GetDaemonRequest {}).await.map(tonic::Response::into_inner)
}

/// What the first call on a connection of its own comes to.
async fn ask(address: &str) -> Result<Client, String> {
    let endpoint = Endpoint::from_shared(address.to_owned()).unwrap();
    let mut client = Client::new(endpoint.connect().await.map_err(|err| format!("{err:?}"))?);
    match asked(&mut client).await {
        Ok(_) => Ok(client),
        Err(err) => Err(format!("{:?}: {}", err.code(), err.message())),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_user_takes_a_quarter_of_the_socket() {
    let (mut site, _) = crowded(Places { unix: 8, ..Places::default() }).await;
    let address = format!("unix:{}", socket(&site).display());
    let first = ask(&address).await.unwrap();
    let mut second = ask(&address).await.unwrap();
    for _ in 0..100 {
        let refused = ask(&address).await.unwrap_err();
        let uid = rustix::process::geteuid().as_raw();
        let why = "has 2 connections already, as many as one caller may have; close some";
        assert_eq!(refused, format!("ResourceExhausted: unix uid {uid} {why}"));
    }
    asked(&mut second).await.expect("who is inside stays");
    drop(first);
    while ask(&address).await.is_err() {
        tokio::task::yield_now().await;
    }
    site.stop().await;
}

/// They all come from one address, whoever they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_loopback_all_places_are_everybodys() {
    let (mut site, address) = crowded(Places { tcp: 8, ..Places::default() }).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(ask(&address).await.unwrap());
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let (mut site, mut client, _) = served().await;
    let check = |bytes: usize| {
        let source = v1::ConfigSource { content: Some(vec![0xff; bytes]), name: String::new() };
        v1::CheckConfigRequest { source: Some(source) }
    };
    // The limit is of the whole message, so the text has a few bytes less.
    let checked = client.check_config(check((16 << 20) - 64)).await.unwrap().into_inner();
    assert!(!checked.good, "{checked:?}");
    let refused = client.check_config(check(16 << 20)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(refused.message().contains("the limit is: 16777216 bytes"), "{refused}");
    asked(&mut client).await.unwrap();
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_256_calls_at_once_and_the_next_one_waits() {
    let (mut site, mut client, address) = served().await;
    let mut watches = Vec::new();
    for _ in 0..256 {
        watches.push(client.watch(v1::WatchRequest::default()).await.unwrap().into_inner());
    }
    let mut next = Box::pin(asked(&mut client));
    // Time enough for an answer: others have one.
    for _ in 0..10 {
        assert!(poll_once(next.as_mut()).await.is_none(), "the 257th call is answered");
        ask(&format!("http://{address}")).await.unwrap();
    }
    drop(watches.pop());
    next.await.unwrap();
    site.stop().await;
}

/// What a future has now.
async fn poll_once<F: Future + Unpin>(future: F) -> Option<F::Output> {
    let now: Ready<()> = ready(());
    tokio::select! { biased;
        output = future => Some(output),
        () = now => None,
    }
}
