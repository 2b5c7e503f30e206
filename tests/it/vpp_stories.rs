//! One suite, two VPPs: every story is told of the simulated VPP in plain `cargo test`, and of a real one on demand.
//!
//! ```sh
//! MAGLEV_VPP_BIN=… MAGLEV_VPP_PLUGINS=… cargo test --test it vpp_stories -- --ignored --test-threads 2
//! ```
//!
//! The daemon is the real one in this process, with the real prober, the real client of VPP and real sockets. What a
//! reader would get wrong: nothing in here waits for time to pass. A story waits until a condition holds, and what it
//! asserts is what VPP itself says that it was sent and that it holds.

mod before_break;
mod calls;
mod daemon;
mod death;
mod drift;
mod farm;
mod folder;
mod lost_reply;
mod programming;
mod real;
mod received;
mod relay;
mod restart;
mod script;
mod simulated;
mod stage;
mod table;
mod verbose;
mod vpp;

/// A test of each lane for every story.
macro_rules! lanes {
    ($($room:ident::$story:ident,)*) => {
        mod on_the_simulated_vpp {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$room::$story::<super::simulated::Simulated>().await;
            })*
        }

        mod on_a_real_vpp {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs MAGLEV_VPP_BIN"]
            async fn $story() {
                super::$room::$story::<super::real::Real>().await;
            })*
        }
    };
}

lanes! {
    programming::the_table_is_the_wanted_one,
    death::vpp_dies_during_the_first_programming,
    death::the_link_breaks_during_the_first_programming,
    death::the_daemon_ends_during_the_first_programming,
    lost_reply::a_lost_reply_is_not_a_lost_call,
    drift::the_drift_check_repairs_what_somebody_else_did,
    drift::an_operators_sync_repairs_what_somebody_else_did,
    drift::networks_that_vpp_shows_under_another_name_are_deleted,
    drift::what_is_not_ours_is_left_alone,
    restart::a_restart_of_the_daemon_writes_nothing,
    script::the_script_of_events_ends_as_wanted,
    before_break::a_moved_backend_is_made_before_the_old_one_is_broken,
    before_break::a_backend_that_goes_down_is_flushed_once,
    calls::the_same_story_makes_the_same_calls,
}
