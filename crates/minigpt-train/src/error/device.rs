//! Failures of devices, in burn's words and in ours.

use super::TrainError;

impl TrainError {
    /// The failure of a device, of what burn said.
    pub(crate) fn device(message: &str) -> Self {
        let said = message.lines().map(str::trim);
        let said = said.take_while(|line| !line.to_lowercase().starts_with("backtrace"));
        let said = said.collect::<Vec<_>>().join(" ");
        // burn's chain of causes; what failed first mostly stands last, but memory says itself where it is.
        let causes = || said.rsplit("Caused by:").map(without_backtraces);
        let memory = causes().find(|cause| is_about_memory(cause));
        let root = causes().find(|cause| !cause.is_empty());
        let reason = memory.or(root).unwrap_or_default().to_owned();
        match memory.is_some() {
            true => Self::DeviceMemory { reason },
            false => Self::Device { reason },
        }
    }

    /// The same, of one device among several, counted from 1 as they were named.
    pub(crate) fn of_device(self, number: usize, count: usize) -> Self {
        let named = |reason| format!("number {number} of {count}: {reason}");
        match self {
            Self::Device { reason } => Self::Device { reason: named(reason) },
            Self::DeviceMemory { reason } => Self::DeviceMemory { reason: named(reason) },
            other => other,
        }
    }
}

/// The words before those that burn has for a backtrace that was not taken.
fn without_backtraces(cause: &str) -> &str {
    cause.split("No backtrace available").next().unwrap_or_default().trim()
}

/// burn's words for a buffer that could not be had, and for the use of one that was not had: where the driver
/// has no memory, the thread that asked it panics, and what is to work on the buffer finds it without any.
fn is_about_memory(cause: &str) -> bool {
    let cause = cause.to_lowercase();
    [
        "allocat",
        "out of memory",
        "out-of-memory",
        "out of device memory",
        "memory location was never initialized",
    ]
    .iter()
    .any(|words| cause.contains(words))
}
