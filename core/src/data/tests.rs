//! Inputs and drafts as data, and what is not read back.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{CheckKind, Config, Draft, DraftCheck, Http, Tls};
use crate::input::{Input, LocalFault, Outcome, ProbeId};

fn written(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new()).expect("it is data")
}

fn read_back<T: Serialize + DeserializeOwned>(value: &T) -> Option<T> {
    postcard::from_bytes(&written(value)).ok()
}

#[test]
fn inputs_are_read_as_they_were_written() {
    let fault = |errno| Input::ProbeFinished {
        probe: ProbeId { slot: 3, number: u64::MAX },
        outcome: Outcome::Inconclusive(LocalFault::Errno(errno)),
        took: Duration::from_nanos(1),
    };
    let rejected = |kind| Input::ConfigRejected { kind, err: "line 3".into() };
    for input in [fault("EMFILE"), rejected("semantic"), Input::ShutdownRequested] {
        assert_eq!(read_back(&input), Some(input));
    }
    assert_eq!(read_back(&fault("EFANTASY")), None, "no word of ours");
    assert_eq!(read_back(&rejected("fantastic")), None, "no word of ours");
}

#[test]
fn a_configuration_is_read_as_its_draft_only() {
    let mut check =
        DraftCheck::new(CheckKind::Http { port: 443, http: Http::default(), tls: Some(Tls::default()) });
    check.http_key = "params";
    let draft = Draft { healthchecks: Vec::from([(String::from("c"), check)]), ..Draft::default() };
    assert_eq!(read_back(&draft).as_ref(), Some(&draft));
    let (config, _) = Config::check(&draft).expect("the draft breaks no rule");
    let loaded = Input::ConfigLoaded { config: Arc::new(config), forced: false };
    assert_eq!(read_back(&loaded), None);
}
