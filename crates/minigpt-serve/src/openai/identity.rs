//! What an answer is called, and when it was made.

use std::time::{SystemTime, UNIX_EPOCH};

use super::generation::random;

/// A name that no other answer has.
pub(super) fn identity(kind: &str) -> String {
    format!("{kind}-{:016x}", random())
}

/// Seconds since 1970.
pub(super) fn seconds() -> u64 {
    since_1970(SystemTime::now())
}

/// The same of any time; 0 before.
pub(super) fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
