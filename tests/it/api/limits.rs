//! What the API bounds: calls of one connection, bytes of one request.

use std::future::{Ready, ready};

use super::*;

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
