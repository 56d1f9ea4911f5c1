//! The machine that this program runs on, as far as the system tells.

use std::num::NonZero;
use std::path::Path;
use std::thread::available_parallelism;

use minigpt_files::{Limit, read_text};
use minigpt_train::Machine;

use super::memory;

/// Machines with a thousand cores have some megabytes.
const PROCESSORS: Limit = Limit::new(16 << 20, "a list of processors");

/// What a run says of its machine.
pub(crate) fn machine() -> Machine {
    let processors = read_text(Path::new("/proc/cpuinfo"), PROCESSORS).unwrap_or_default();
    Machine {
        processor: processor(&processors),
        cores: available_parallelism().map_or(1, NonZero::get),
        memory: memory::of_machine(),
    }
}

/// The name in the text of Linux's `/proc/cpuinfo`.
fn processor(text: &str) -> Option<String> {
    let name = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    let name = name.trim_start_matches([' ', '\t', ':']).trim_end();
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
