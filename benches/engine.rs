//! The engine alone: results of probes, the plan of an unchanged world, a reload. Simulated time, real turns.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use maglev_core::Input;
use maglev_core::input::{Author, Command, RequestId};

use crate::table::{Table, Times};
use crate::world::{Shape, World, backend_address, checked};

const LARGE: Shape = Shape { backends: 50_000, frontends: 1_000, each: 100 };
const RELOADED: Shape = Shape { backends: 37_000, frontends: 1_000, each: 37 };
const REPEATS: usize = 20;

/// Results of probes and the plan of an unchanged world, both at 50,000 backends and 1,000 frontends of 100.
pub fn probes_and_plan(table: &mut Table) {
    let mut world = World::at_rest(checked(&LARGE.draft()));
    for round in 0..4 {
        // Every 250th backend dies, spread over all frontends; then it comes back.
        world.failing = match round % 2 {
            0 => (0..LARGE.backends).step_by(250).map(backend_address).collect(),
            _ => std::collections::BTreeSet::new(),
        };
        world.run_for(Duration::from_secs(8));
    }
    let spent = std::mem::take(&mut world.spent);
    assert!(spent.transition.count() >= 800, "only {} transitions", spent.transition.count());
    table.median("engine: probe result, no transition", &spent.quiet, Duration::from_micros(1));
    table.median("engine: transition of one backend", &spent.transition, Duration::from_micros(20));
    table.told("engine: a due time, one probe begins", spent.wakeup.to_string());
    table.told("engine: reply of VPP", spent.reply.to_string());
    plan(table, &mut world);
}

/// A whole fresh dump that shows exactly what is wanted: the turns that take it in and find nothing to do.
fn plan(table: &mut Table, world: &mut World) {
    let mut times = Times::default();
    let writes = world.writes;
    for request in 0..REPEATS as u64 {
        let command = Command::Sync { frontend: None };
        let (ordered, _) = world.turn(Input::Commanded {
            request: RequestId(request),
            command,
            by: Author::default(),
            based_on: None,
        });
        times.add(ordered + world.settle());
    }
    assert_eq!(world.writes, writes, "an unchanged world was written to");
    table.median("engine: plan of 1,000 frontends x 100, nothing changed", &times, Duration::from_millis(50));
}

/// A reload in which one of 37,000 backends has another address.
pub fn reload(table: &mut Table) {
    let mut draft = RELOADED.draft();
    let mut world = World::at_rest(checked(&draft));
    let (mut loading, mut whole) = (Times::default(), Times::default());
    for n in 0..REPEATS {
        let moved = &mut draft.backends[n * 1_000].1;
        moved.address = IpAddr::from(Ipv4Addr::new(172, 16, 0, n as u8 + 1));
        let config = checked(&draft);
        let writes = world.writes;
        let (took, _) = world.turn(Input::ConfigLoaded { config, forced: false });
        loading.add(took);
        whole.add(took + world.settle());
        // The newcomer earns its verdict, and the old address goes.
        world.run_for(Duration::from_secs(4));
        assert!(world.writes > writes, "the reload changed nothing");
    }
    table.median("engine: reload of 37,000 backends, one changed", &whole, Duration::from_millis(100));
    table.told("engine: of which the turn that takes the configuration", loading.to_string());
}
