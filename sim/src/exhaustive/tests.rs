//! What the searches find.

use super::*;

#[test]
fn probe() {
    let limit = std::env::var("LIMIT").map_or(2_000, |n| n.parse().unwrap());
    for lane in Lane::ALL {
        if std::env::var("LANE").is_ok_and(|name| name != format!("{lane:?}")) {
            continue;
        }
        let found = search(lane, limit);
        println!(
            "{lane:?}: {} states, {} edges, depth {}, fixpoint {}, unresolved {}, {} panics, {} breaches",
            found.states,
            found.edges,
            found.depth,
            found.is_fixpoint,
            found.unresolved,
            found.panics.len(),
            found.breaches.len()
        );
        println!("{:?}", found.told);
        for (plot, breach) in found.breaches.iter().take(2) {
            println!("{breach}\n{}", plot.file());
        }
        for (plot, said) in found.panics.iter().take(2) {
            println!("{said}\n{}", plot.file());
        }
    }
}
