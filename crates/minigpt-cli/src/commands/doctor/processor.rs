//! The processor, its kernels, cores and memory.

use std::path::Path;

use minigpt_files::{Limit, read_text};
use minigpt_model::Instructions;

use super::Check;
use crate::device::machine::machine;
use crate::device::memory;
use crate::terminal::format::bytes;

const KERNELS: Limit = Limit::new(16 << 20, "a file of the kernel's");

/// Less memory is short for GPT-2's smallest.
const LITTLE_MEMORY: u64 = 2 << 30;

pub(super) fn checks() -> Vec<Check> {
    let machine = machine();
    let usable = machine.cores;
    vec![processor(machine.processor), kernels(), cores(usable), memory(machine.memory)]
}

fn processor(name: Option<String>) -> Check {
    let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let sets = instruction_sets().join(", ");
    let sets = if sets.is_empty() { String::new() } else { format!(": {sets}") };
    let name = name.map_or(platform.clone(), |name| format!("{name} ({platform})"));
    Check::ok("processor", name + &sets)
}

/// Those of the processor that a kernel uses or could use.
fn instruction_sets() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let sets = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("AVX512-VNNI", is_x86_feature_detected!("avx512vnni")),
        ("AVX512-BF16", is_x86_feature_detected!("avx512bf16")),
        ("AMX", has_amx()),
    ];
    #[cfg(target_arch = "aarch64")]
    let sets = [("NEON", true)];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let sets: [(&str, bool); 0] = [];
    sets.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

/// Whether there are tiles to multiply, which only newer compilers can ask for by name.
#[cfg(target_arch = "x86_64")]
fn has_amx() -> bool {
    use std::arch::x86_64::__cpuid_count;
    const FEATURES: u32 = 7;
    const AMX_TILE: u32 = 1 << 24;
    #[allow(unused_unsafe, reason = "safe in newer compilers")]
    // SAFETY: every processor of 64 bits has the instruction, and the first leaf tells how many others there are.
    unsafe {
        let last = __cpuid_count(0, 0).eax;
        last >= FEATURES && __cpuid_count(FEATURES, 0).edx & AMX_TILE != 0
    }
}

fn kernels() -> Check {
    let Instructions { vectors, bf16, quantized, attention } = Instructions::detect();
    let found = format!(
        "f32 with {vectors}, 8 and 4 bits with {quantized}, attention with {attention}, bf16 {}",
        bf16.map_or("as f32".to_owned(), |set| format!("with {set}")),
    );
    if bf16.is_none() {
        let means = "no AVX512-BF16: `--precision auto` trains in f32; with it a step takes little more than half the time";
        return Check::note("kernels", found, means);
    }
    #[cfg(target_arch = "x86_64")]
    if has_amx() {
        return Check::note("kernels", found, "minigpt has no kernels for AMX");
    }
    Check::ok("kernels", found)
}

fn cores(usable: usize) -> Check {
    let read = |path: &str| read_text(Path::new(path), KERNELS).ok();
    let online = read("/proc/cpuinfo").map(|text| count_of_cores(&text)).filter(|count| *count > 0);
    let quota = read("/sys/fs/cgroup/cpu.max").and_then(|text| quota(&text));
    let threads = std::env::var("RAYON_NUM_THREADS").ok().filter(|value| !value.trim().is_empty());
    let mut found = match online {
        Some(online) => format!("{usable} of {online} used"),
        None => format!("{usable} used"),
    };
    if let Some(quota) = quota {
        found += &format!(", the container's limit is {quota:.1}");
    }
    if let Some(threads) = threads {
        let means = format!("RAYON_NUM_THREADS={threads} says how many threads compute");
        return Check::note("cores", found, means);
    }
    match online {
        Some(online) if online > usable => {
            let means =
                "a container, or the affinity of the process, leaves it fewer than there are";
            Check::note("cores", found, means)
        }
        _ => Check::ok("cores", found),
    }
}

fn count_of_cores(cpuinfo: &str) -> usize {
    cpuinfo.lines().filter(|line| line.starts_with("processor")).count()
}

/// Cores that a container is given, in the text of `cpu.max`: microseconds of each period, or `max`.
fn quota(text: &str) -> Option<f64> {
    let (time, period) = text.trim().split_once(' ')?;
    let (time, period): (f64, f64) = (time.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then_some(time / period)
}

fn memory(there: Option<u64>) -> Check {
    let (Some(there), Some(free)) = (there, memory::free()) else {
        return Check::note(
            "memory",
            "unknown",
            "this system does not tell: a model that does not fit is not refused",
        );
    };
    let mut found = format!("{} free of {}", bytes(free), bytes(there));
    if let Some(limit) = memory::of_container() {
        found += &format!(", the container's limit is {}", bytes(limit));
    }
    if free < LITTLE_MEMORY {
        let means = "little: `minigpt plan --memory` proposes a model that fits";
        return Check::note("memory", found, means);
    }
    Check::ok("memory", found)
}

#[cfg(test)]
mod tests;
