//! Who continues whom over a reload: by name with equal address, else by address and target, else by address, each only
//! where unique.

use maglev_core::config::{Backend, Check};

use super::Seat;

/// Whether a backend of the old file and one of the new are alike by one rule.
type Alike = fn(&Seat, &Backend) -> bool;

/// In the order in which they are tried. Each says that two keys are equal.
const RULES: [Alike; 3] = [
    |was, is| was.address == is.address && was.name == is.name,
    |was, is| was.address == is.address && is_same_target(was.check.as_ref(), is.check.as_ref()),
    |was, is| was.address == is.address,
];

fn is_same_target(was: Option<&Check>, is: Option<&Check>) -> bool {
    was.map(|check| &check.target) == is.map(|check| &check.target)
}

/// For each backend of the new file the slot of the one that it continues.
pub(super) fn heirs(old: &[(u32, &Seat)], new: &[Backend]) -> Vec<Option<u32>> {
    let mut heirs = vec![None; new.len()];
    for alike in RULES {
        let left: Vec<&(u32, &Seat)> = old.iter().filter(|(slot, _)| !heirs.contains(&Some(*slot))).collect();
        let free: Vec<usize> = (0..new.len()).filter(|at| heirs[*at].is_none()).collect();
        for at in &free {
            let mut were = left.iter().filter(|(_, seat)| alike(seat, &new[*at]));
            let (Some((slot, seat)), None) = (were.next(), were.next()) else { continue };
            if free.iter().filter(|rival| alike(seat, &new[**rival])).count() == 1 {
                heirs[*at] = Some(*slot);
            }
        }
    }
    heirs
}
