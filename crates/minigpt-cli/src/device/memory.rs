//! How much memory this machine has.

use std::path::Path;

use minigpt_files::{Limit, read_text};

const KERNELS: Limit = Limit::new(1 << 16, "a file of the kernel's");

/// Bytes of memory that programs may take here, where the system tells: the machine's, or those that a
/// container is given of it.
pub(crate) fn of_machine() -> Option<u64> {
    let read = |path: &str| read_text(Path::new(path), KERNELS).ok();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let container = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(container).min()
}

/// The total in the text of Linux's `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests;
