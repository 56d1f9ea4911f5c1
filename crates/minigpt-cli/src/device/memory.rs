//! How much memory this machine has.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::Device;
use minigpt_files::{Limit, read_text};
use minigpt_model::Kernels;

use crate::terminal::format::{bytes, grouped};

const KERNELS: Limit = Limit::new(1 << 16, "a file of the kernel's");

/// Bytes of memory that programs may take here, where the system tells: the machine's, or those that a
/// container is given of it.
pub(crate) fn of_machine() -> Option<u64> {
    let read = |path: &str| read_text(Path::new(path), KERNELS).ok();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    machine.into_iter().chain(of_container()).min()
}

/// Bytes of memory that a container is given, where this is one with a limit.
pub(crate) fn of_container() -> Option<u64> {
    let text = read_text(Path::new("/sys/fs/cgroup/memory.max"), KERNELS).ok()?;
    text.trim().parse().ok()
}

/// Bytes of memory that are free here, where the system tells: the machine's, or what is left of those that a
/// container is given of it. What the system keeps of files counts as free.
pub(crate) fn free() -> Option<u64> {
    let read = |path: &str| read_text(Path::new(path), KERNELS).ok();
    let machine = read("/proc/meminfo").and_then(|text| value(&text, "MemAvailable:"));
    let container = || {
        let limit: u64 = read("/sys/fs/cgroup/memory.max")?.trim().parse().ok()?;
        let taken: u64 = read("/sys/fs/cgroup/memory.current")?.trim().parse().ok()?;
        let files = in_files(&read("/sys/fs/cgroup/memory.stat")?);
        Some(limit.saturating_sub(taken.saturating_sub(files)))
    };
    machine.into_iter().chain(container()).min()
}

/// An error where the weights of a model, `needed` bytes for so many parameters, do not fit the memory that is free.
pub(crate) fn check(name: &str, parameters: usize, needed: u64) -> Result<()> {
    check_within(name, parameters, needed, free())
}

/// Fails if `what`, the work ahead, takes more bytes than are free; `instead` says what would take fewer.
pub(crate) fn check_work(what: &str, needed: u64, instead: &str) -> Result<()> {
    check_work_within(what, needed, free(), instead)
}

/// Fails if training on the CPU needs more memory than this machine has. What is free does not count here: other programs
/// may give theirs back during a long run, and `needed` is an estimate.
pub(crate) fn check_run(device: &Device, needed: u64) -> Result<()> {
    let total = if Kernels::of(device) == Kernels::Cpu { of_machine() } else { None };
    check_run_within(needed, total)
}

fn check_run_within(needed: u64, total: Option<u64>) -> Result<()> {
    match total {
        Some(total) if total < needed => bail!(
            "training needs about {} of memory, and this machine has {}: train a smaller model, a smaller --batch-size, or \
             the batch in more parts (--set training.accumulation=N)",
            bytes(needed),
            bytes(total),
        ),
        _ => Ok(()),
    }
}

fn check_work_within(what: &str, needed: u64, free: Option<u64>, instead: &str) -> Result<()> {
    match free {
        Some(free) if free < needed => bail!(
            "{what} takes about {} of memory, and {} are free: {instead}",
            bytes(needed),
            bytes(free),
        ),
        _ => Ok(()),
    }
}

fn check_within(name: &str, parameters: usize, needed: u64, free: Option<u64>) -> Result<()> {
    match free {
        Some(free) if free < needed => bail!(
            "{name} needs {} of memory for its {} parameters, and {} are free: close other programs, \
             or take a smaller model or type of weights",
            bytes(needed),
            grouped(parameters as u64),
            bytes(free),
        ),
        _ => Ok(()),
    }
}

/// What a container's files take of its memory, in the text of `memory.stat`.
fn in_files(text: &str) -> u64 {
    let named = |line: &str| line.strip_prefix("file ")?.trim().parse().ok();
    text.lines().find_map(named).unwrap_or(0)
}

/// The total in the text of Linux's `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    value(text, "MemTotal:")
}

/// The bytes of a line of it.
fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests;
