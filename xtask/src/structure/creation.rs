//! Files are made through `minigpt-files`, which writes them whole and loses nothing of anybody's.

use std::path::Path;

use anyhow::Result;

use super::imports::{sources_of, without_tests};

/// Those that make files themselves, and what these are.
const OWN: [(&str, &str); 7] = [
    ("minigpt-data/hub/client.rs", "a part that a download goes on with"),
    ("minigpt-data/shards.rs", "the shard that is being written, in a folder of the cache"),
    ("minigpt-train/engine.rs", "samples, which are appended"),
    (
        "minigpt-train/run/checkpoint/writer.rs",
        "a checkpoint's parts, in a folder that gets its name last",
    ),
    ("minigpt-train/run/metrics.rs", "rows, which are appended"),
    ("minigpt-train/run/tensorboard.rs", "events, which are appended, in a file of a new name"),
    ("minigpt-cli/terminal/screen.rs", "the terminal"),
];

/// How a file is made past it.
const CALLS: [&str; 5] =
    ["fs_err::write(", "File::create(", ".create(true)", ".create_new(true)", ".write(true)"];

/// The places of a crate below `sources` that make files and may not, unit tests left out.
pub(super) fn of_crate(name: &str, sources: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if !name.starts_with("minigpt-") || name == "minigpt-files" {
        return Ok(faults);
    }
    for (_, path) in sources_of(sources)? {
        let text = fs_err::read_to_string(&path)?;
        let place = path.strip_prefix(sources).unwrap_or(&path);
        let place = format!("{name}/{}", place.to_string_lossy().replace('\\', "/"));
        let is_test = place.contains("/tests/");
        if !is_test && !OWN.iter().any(|(own, _)| *own == place) {
            let calls = calls(&text).into_iter();
            faults.extend(calls.map(|call| format!("{place}: {call}…: write it by minigpt_files")));
        }
    }
    Ok(faults)
}

/// The calls in a file that make another.
fn calls(text: &str) -> Vec<&'static str> {
    let lines = without_tests(text).lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| CALLS.into_iter().filter(move |call| line.contains(call))).collect()
}

#[cfg(test)]
mod tests;
