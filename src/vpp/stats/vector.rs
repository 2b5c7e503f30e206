//! Counters by index, summed over threads: a vector with one vector for each thread of VPP.
//!
//! Lengths are read each time, since VPP lengthens vectors in place without moving the epoch.

use super::StatsError;
use super::segment::{Memory, View, u64_in};

/// VPP has at most 256 threads or so; what claims more is no vector of threads.
const THREADS_MAX: u64 = 1_024;
/// Elements that are read at once, if several of them are wanted.
const BLOCK: u64 = 4_096;

/// What a route counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets since VPP made the route.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The counters of a simple vector at `wanted`; `None` where no thread has one.
pub(super) fn singles<M: Memory>(
    view: &View<'_, M>,
    pointer: u64,
    wanted: &[u32],
) -> Result<Vec<Option<u64>>, StatsError> {
    let sums = sums::<M, 1>(view, pointer, wanted)?;
    Ok(sums.into_iter().map(|sum| sum.map(|[count]| count)).collect())
}

/// The counters of a combined vector at `wanted`; `None` where no thread has one.
pub(super) fn pairs<M: Memory>(
    view: &View<'_, M>,
    pointer: u64,
    wanted: &[u32],
) -> Result<Vec<Option<Traffic>>, StatsError> {
    let sums = sums::<M, 2>(view, pointer, wanted)?;
    Ok(sums.into_iter().map(|sum| sum.map(|[packets, bytes]| Traffic { packets, bytes })).collect())
}

fn sums<M: Memory, const N: usize>(
    view: &View<'_, M>,
    pointer: u64,
    wanted: &[u32],
) -> Result<Vec<Option<[u64; N]>>, StatsError> {
    let width = 8 * N as u64;
    let mut order: Vec<(u64, usize)> = wanted.iter().map(|index| u64::from(*index)).zip(0..).collect();
    order.sort_unstable();
    let mut sums = vec![None; wanted.len()];
    let (threads_at, threads) = view.vector(pointer, 8)?;
    if threads > THREADS_MAX {
        return Err(StatsError::Layout("has counters of more threads than VPP can have"));
    }
    let mut block = Vec::new();
    for thread in 0..threads {
        let (at, count) = view.vector(view.u64_at(threads_at + 8 * thread)?, width)?;
        let mut rest: &[(u64, usize)] = &order;
        while let Some((first, _)) = rest.first().copied().filter(|(index, _)| *index < count) {
            let end = count.min(first + BLOCK);
            let (here, after) = rest.split_at(rest.partition_point(|(index, _)| *index < end));
            let last = here.last().map_or(first, |(index, _)| *index);
            block.resize(((last - first + 1) * width) as usize, 0);
            view.read(&mut block, at + first * width)?;
            for (index, place) in here {
                let offset = ((index - first) * width) as usize;
                let sum: &mut [u64; N] = sums[*place].get_or_insert([0; N]);
                for (number, part) in sum.iter_mut().enumerate() {
                    *part = part.wrapping_add(u64_in(&block, offset + 8 * number));
                }
            }
            rest = after;
        }
    }
    Ok(sums)
}
