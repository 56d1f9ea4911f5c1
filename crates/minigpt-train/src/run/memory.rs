//! How much memory this process has had.

use std::path::Path;

use minigpt_files::{Limit, read_text};

const KERNELS: Limit = Limit::new(1 << 16, "a file of the kernel's");

/// The most bytes of memory that this process has had, where Linux's `/proc` tells it.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    let status = read_text(Path::new("/proc/self/status"), KERNELS).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}
