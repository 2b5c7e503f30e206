//! The services that gRPC has for everybody: health, and reflection.

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::*;

const SERVICE: &str = "maglev.v1.Maglev";

async fn channel(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

/// It is about the API, which answers in warm-up, too. `/readyz` is about the daemon's work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_is_healthy_as_long_as_it_is_served() {
    let (mut site, mut client, address) = served().await;
    let mut health = HealthClient::new(channel(&address).await);
    let serving = i32::from(ServingStatus::Serving as u8);
    let warmup = client.get_warmup(v1::GetWarmupRequest {}).await.unwrap().into_inner();
    for service in ["", SERVICE] {
        let now = health.check(health_of(service)).await.unwrap().into_inner();
        assert_eq!(now.status, serving, "{service:?} in {:?}", warmup.phase());
        let mut watch = health.watch(health_of(service)).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status, serving, "{service:?}");
    }
    settled(&site).await;
    assert_eq!(health.check(health_of(SERVICE)).await.unwrap().into_inner().status, serving);
    assert_eq!(health.check(health_of("maglev.v2.Maglev")).await.unwrap_err().code(), Code::NotFound);
    site.stop().await;
}

/// Asks one question of a stream of its own.
async fn reflected(
    client: &mut ServerReflectionClient<Channel>,
    question: MessageRequest,
) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response.unwrap()
}

/// The files in an answer.
fn files(answer: MessageResponse) -> Vec<FileDescriptorProto> {
    let MessageResponse::FileDescriptorResponse(found) = answer else { panic!("no files: {answer:?}") };
    let files = found.file_descriptor_proto.iter();
    files.map(|file| FileDescriptorProto::decode(file.as_slice()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_knows_nothing_learns_how_to_call_a_method() {
    let (mut site, _, address) = served().await;
    let mut client = ServerReflectionClient::new(channel(&address).await);
    let answer = reflected(&mut client, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = answer else { panic!("no list: {answer:?}") };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for expected in [SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names.contains(&expected), "{expected} is not in {names:?}");
    }

    // As grpcurl does: the file of the service, then each file that one of these needs.
    let question = MessageRequest::FileContainingSymbol(SERVICE.into());
    let mut found = files(reflected(&mut client, question).await);
    let needed = |found: &[FileDescriptorProto]| {
        let mut names = found.iter().flat_map(|file| &file.dependency);
        names.find(|name| !found.iter().any(|file| file.name() == *name)).cloned()
    };
    while let Some(name) = needed(&found) {
        found.extend(files(reflected(&mut client, MessageRequest::FileByFilename(name)).await));
    }
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(found).expect("the files are complete");
    let service = pool.get_service_by_name(SERVICE).unwrap();
    let plan = service.methods().find(|method| method.name() == "Plan").unwrap();
    assert!(plan.is_server_streaming() && !plan.is_client_streaming());
    assert!(plan.input().get_field_by_name("frontend").is_some(), "{:?}", plan.input());
    assert!(plan.output().get_field_by_name("calls").is_some(), "{:?}", plan.output());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_reflection_nothing_is_described() {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let silent = Api { reflection: false, ..site.api() };
    let (_serving, address) = open(&site, silent, Places::default()).await;
    let mut client = ServerReflectionClient::new(channel(&address).await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let refused = client.server_reflection_info(tokio_stream::once(request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    site.stop().await;
}
