//! Every malformed, late, lost or foreign frame from VPP's side, and what becomes of it.
//!
//! Frames are counted from 1; the handshake takes the first three, so the first call is answered by frame 4.

use maglev_core::model::{Encap, Prefix, Protocol, Read, Reply, VipKey, Weight, Write};
use maglevd::vpp::messages::Kind;
use maglevd::vpp::server::{Mischief, Offer, Options};

use crate::support::vpp_talk::Talk;
use crate::support::vpp_toy::ToyConnector;

fn web() -> VipKey {
    VipKey { prefix: Prefix::host([192, 0, 2, 1].into()), protocol: Protocol::TCP, port: 443 }
}

async fn facing(mischief: impl IntoIterator<Item = Mischief>) -> Talk {
    let options = Options { mischief: mischief.into_iter().collect(), ..Options::default() };
    Talk::connected(ToyConnector::with(options)).await
}

/// Calls one VIP with two servers into being: frames 4, 5 and 6.
async fn populate(talk: &mut Talk) {
    let add = Write::AddVip { vip: web(), encap: Encap::Gre4, table_length: 1024, src_ip_sticky: false };
    assert_eq!(talk.call(add).await, Reply::Done);
    for server in [1, 2] {
        let server = [10, 0, 0, server].into();
        assert_eq!(talk.call(Write::AddAs { vip: web(), server, weight: Weight::MAX }).await, Reply::Done);
    }
}

async fn end_of_dump(mischief: Mischief) -> String {
    let mut talk = facing([mischief]).await;
    populate(&mut talk).await;
    talk.order(Read::Servers(None)).await;
    talk.end().await
}

#[tokio::test]
async fn frames_may_come_byte_by_byte() {
    let mut talk = facing([Mischief::Bytewise]).await;
    populate(&mut talk).await;
    let Reply::Servers(rows) = talk.call(Read::Servers(Some(web()))).await else { panic!() };
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn unknown_ids_are_dropped_and_counted() {
    let mut talk =
        facing([Mischief::InsertUnknown(1), Mischief::InsertUnknown(3), Mischief::InsertUnknown(4)]).await;
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
    assert_eq!(talk.counters.dropped(), 3);
}

#[tokio::test]
async fn an_empty_frame_and_a_stump_are_dropped_and_counted() {
    let stumps = [vec![], vec![0], vec![0, 24], vec![0, 24, 0, 0, 0]];
    let mischief = stumps.map(|payload| Mischief::Insert { frame: 4, payload });
    let mut talk = facing(mischief).await;
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
    assert_eq!(talk.counters.dropped(), 4);
}

#[tokio::test]
async fn a_second_reply_is_dropped_and_counted() {
    let mut talk = facing([Mischief::Twice(4)]).await;
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
    assert_eq!(talk.counters.dropped(), 1);
}

#[tokio::test]
async fn a_late_reply_finds_its_own_call() {
    let mut talk = facing([Mischief::Late(4)]).await;
    let first = talk.order(Read::Ping).await;
    let second = talk.order(Read::Conf).await;
    assert_eq!(talk.reply().await.0, second);
    assert_eq!(talk.reply().await, (first, Reply::Done));
}

/// A reply that never comes holds up nobody else; its call is answered by the end of the connection.
#[tokio::test]
async fn a_lost_reply_holds_up_nobody() {
    let mut talk = facing([Mischief::Drop(4), Mischief::CloseAfter(5)]).await;
    talk.order(Read::Ping).await;
    assert!(matches!(talk.call(Read::Conf).await, Reply::Conf(_)));
    insta::assert_snapshot!(talk.end().await, @"VPP closed the connection: it stopped or crashed");
}

/// The context is known, but the message is not the one that answers it.
#[tokio::test]
async fn a_foreign_answer_does_not_end_a_call() {
    // Frame 4 would be the pong.
    let with = Offer::current().id(Kind::ShowVersionReply).to_be_bytes().to_vec();
    let mut talk = facing([Mischief::Overwrite { frame: 4, at: 0, with }]).await;
    talk.order(Read::Ping).await;
    assert!(matches!(talk.call(Read::Conf).await, Reply::Conf(_)));
    assert_eq!(talk.counters.dropped(), 1);
}

#[tokio::test]
async fn a_truncated_reply_ends_the_connection_with_words() {
    let mut talk = facing([Mischief::Truncate { frame: 4, keep: 9 }]).await;
    talk.order(Read::Ping).await;
    insta::assert_snapshot!(talk.end().await, @"VPP's control_ping_reply is malformed: field retval at byte 6 needs 4 bytes, 3 are left");
}

#[tokio::test]
async fn a_truncated_row_ends_the_connection_with_words() {
    insta::assert_snapshot!(end_of_dump(Mischief::Truncate { frame: 8, keep: 40 }).await, @"VPP's lb_as_v2_details is malformed: field app_srv at byte 28 needs 16 bytes, 12 are left");
}

#[tokio::test]
async fn a_meaningless_value_ends_the_connection_with_words() {
    let family = Mischief::Overwrite { frame: 7, at: 6, with: vec![9] };
    insta::assert_snapshot!(end_of_dump(family).await, @"VPP's lb_as_v2_details is malformed: field pfx.address at byte 6 has the meaningless value 9");
}

/// The text of the CLI claims more bytes than came.
#[tokio::test]
async fn a_count_that_promises_too_much_ends_the_connection_with_words() {
    let mut talk = facing([Mischief::Overwrite { frame: 4, at: 10, with: vec![0xff; 4] }]).await;
    talk.order(Read::Verbose).await;
    insta::assert_snapshot!(talk.end().await, @"VPP's cli_inband_reply is malformed: field reply at byte 14 needs 4294967295 bytes, 0 are left");
}

/// The message table claims more entries than came.
#[tokio::test]
async fn a_table_that_promises_too_much_is_no_connection() {
    let count = Mischief::Overwrite { frame: 1, at: 18, with: vec![0xff, 0xff] };
    let options = Options { mischief: vec![count], ..Options::default() };
    let why = Talk::start(ToyConnector::with(options)).connect().await.unwrap_err();
    insta::assert_snapshot!(why, @"VPP's sockclnt_create_reply is malformed: field message_table.index at byte 2198 needs 2 bytes, 0 are left");
}

#[tokio::test]
async fn a_huge_length_ends_the_connection_with_words() {
    let mut talk = facing([Mischief::Claim { frame: 4, len: 0xffff_fff0 }]).await;
    talk.order(Read::Ping).await;
    insta::assert_snapshot!(talk.end().await, @"the stream from VPP makes no sense: a frame claims 4294967280 bytes, more than the limit of 64 MiB");
}

/// What came before the end still counts.
#[tokio::test]
async fn replies_before_the_end_are_delivered_before_it() {
    let mut talk = facing([Mischief::CloseAfter(6)]).await;
    let calls = [talk.order(Read::Ping).await, talk.order(Read::Conf).await, talk.order(Read::Ping).await];
    for call in calls {
        assert_eq!(talk.reply().await.0, call);
    }
    insta::assert_snapshot!(talk.end().await, @"VPP closed the connection: it stopped or crashed");
}

#[tokio::test]
async fn an_end_within_a_frame_is_an_end() {
    let mut talk = facing([Mischief::CloseWithin(4)]).await;
    talk.order(Read::Ping).await;
    insta::assert_snapshot!(talk.end().await, @"VPP closed the connection: it stopped or crashed");
}

#[tokio::test]
async fn an_end_within_the_handshake_is_told_as_such() {
    for frame in 1..=3 {
        let options = Options { mischief: vec![Mischief::CloseWithin(frame)], ..Options::default() };
        let why = Talk::start(ToyConnector::with(options)).connect().await.unwrap_err();
        insta::allow_duplicates! { insta::assert_snapshot!(why, @"VPP closed the connection during the handshake: it stopped, crashed or is starting"); }
    }
}
