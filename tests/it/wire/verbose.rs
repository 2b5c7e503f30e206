//! The verbose text: the shape that 26.10 prints, and shapes that nobody promised.

use maglevd::vpp::verbose::stickiness;

use crate::support::shelf;

fn show(text: &str) -> String {
    stickiness(text).iter().map(|(vip, sticky)| format!("{vip} {sticky}\n")).collect()
}

/// The text of a live 26.10; the real-VPP suite compares the fixture with the original.
#[test]
fn the_text_of_26_10_is_understood() {
    let path = format!("{}/fixtures/vpp/show-lb-vips-verbose.txt", env!("CARGO_MANIFEST_DIR"));
    let shown = show(&std::fs::read_to_string(path).unwrap());
    shelf("wire").bind(|| insta::assert_snapshot!("stickiness-of-26.10", shown));
}

/// NAT blocks run into the next line, L3DSR has a line more, the placeholder and the dead do not count.
#[test]
fn odd_blocks_are_stepped_over() {
    let text = " ip6-gre6 [0] ::/0\n  new_size:1\n\n\
                 ip4-nat4 [5] 192.0.2.3/32 src_ip_sticky\n  protocol:17 port:53\n  type:clusterip port:1 target_port:2  counters:\n\
                 ip4-l3dsr [6] 192.0.2.4/32\n  new_size:1024\n  protocol:6 port:80\n  dscp:7\n\
                 ip4-gre4 [7] 192.0.2.5/32 src_ip_sticky removed\n  protocol:6 port:80\n\
                 _WRONG_TYPE_ [8] 192.0.2.6/32\n  protocol:6 port:81\n\
                 ip4-gre4 [x] nonsense\n";
    insta::assert_snapshot!(show(text), @r"
    192.0.2.3 udp/53 true
    192.0.2.4 tcp/80 false
    ");
}

/// Nothing, noise and half a text are no reason to panic.
#[test]
fn noise_is_no_vip() {
    for noise in
        ["", "\n\n", "ip4-gre4", "ip4-gre4 [1]", "ip4-gre4 [1] /", "protocol:6 port:443", "\u{fffd} [1] ::/0"]
    {
        assert_eq!(stickiness(noise), [], "{noise:?}");
    }
}
