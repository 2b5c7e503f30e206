//! How many probes may hold a socket at once.
//!
//! Running out of file descriptors would blind all probes together and starve the sockets to VPP and to operators, so
//! the prober stays below the process's limit by itself and queues what is beyond it.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for probes: VPP, gRPC, metrics, logs, configuration, CA files.
const RESERVED_DESCRIPTORS: u64 = 256;

/// Beyond this, hostile backends together could take gigabytes (some 100 KiB each), and no cadence needs it.
const CONCURRENT_MAX: u64 = 16_384;

/// Bounds of the prober's appetite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Probes that may hold a socket at once; each needs one file descriptor.
    pub concurrent: NonZeroUsize,
}

impl Limits {
    /// Raises the soft limit of open files to the hard one and takes what the rest of the process does not need.
    pub fn from_rlimit() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let descriptors = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            // Not being allowed to raise it is no fault: the present limit is then the one to respect.
            Err(_) => limit.current,
        };
        Self::for_descriptors(descriptors)
    }

    /// The limits of a process that may open `descriptors` files; `None` is any number.
    pub fn for_descriptors(descriptors: Option<u64>) -> Self {
        let descriptors = descriptors.unwrap_or(u64::MAX);
        let reserved = RESERVED_DESCRIPTORS.min(descriptors / 2);
        let concurrent = (descriptors - reserved).min(CONCURRENT_MAX);
        let concurrent = usize::try_from(concurrent).unwrap_or(usize::MAX);
        Self { concurrent: NonZeroUsize::new(concurrent).unwrap_or(NonZeroUsize::MIN) }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn probes_leave_descriptors_for_the_rest_of_the_process() {
        let concurrent = |descriptors| Limits::for_descriptors(descriptors).concurrent.get();
        assert_eq!(concurrent(Some(0)), 1);
        assert_eq!(concurrent(Some(100)), 50);
        assert_eq!(concurrent(Some(1024)), 768);
        assert_eq!(concurrent(Some(1 << 20)), 16_384);
        assert_eq!(concurrent(None), 16_384);
    }
}
