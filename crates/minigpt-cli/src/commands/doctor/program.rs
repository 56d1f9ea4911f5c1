//! The program itself.

use super::Check;
use crate::device::WHY_NONE;

pub(super) fn checks() -> Vec<Check> {
    vec![version(), features()]
}

fn version() -> Check {
    let parts = [
        Some(env!("CARGO_PKG_VERSION").to_owned()),
        option_env!("MINIGPT_GIT_REVISION").map(|revision| format!("git {revision:.10}")),
        Some(format!("burn {}", env!("MINIGPT_BURN_VERSION"))),
        option_env!("MINIGPT_RUST_VERSION").map(str::to_owned),
    ];
    let found = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if cfg!(debug_assertions) {
        let means = "built without optimisation, many times slower: cargo build --release";
        return Check::note("minigpt", found, means);
    }
    Check::ok("minigpt", found)
}

fn features() -> Check {
    let features = [
        ("gpu", cfg!(feature = "gpu"), "no GPU is used"),
        ("tune-cache", cfg!(feature = "tune-cache"), "GPU kernels are tuned again at each start"),
        ("remote", cfg!(feature = "remote"), "devices of other machines cannot be used"),
    ];
    let there = features.iter().filter(|(_, is_there, _)| *is_there).map(|(name, ..)| *name);
    let there = there.collect::<Vec<_>>().join(", ");
    let there = if there.is_empty() { "none".to_owned() } else { there };
    let missing: Vec<String> = features
        .iter()
        .filter(|(_, is_there, _)| !is_there)
        .map(|(name, _, means)| format!("built without {name}: {means}"))
        .collect();
    match missing.is_empty() {
        true => Check::ok("features", there),
        false => {
            let means =
                format!("{}; `cargo xtask --features all train` has all", missing.join("; "));
            Check::note("features", there, means)
        }
    }
}

/// Why no GPU can be found by this program.
pub(super) fn why_no_gpu() -> &'static str {
    WHY_NONE
}
