//! Whatever a checkpoint's manifest, its weights or the metrics hold is read or refused, never a
//! panic. The first byte says which of them the rest is; weights get a manifest with their checksum,
//! so that they are not refused for that alone.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use minigpt_train::{RunConfig, RunFolder, read_metrics};
use sha2::{Digest, Sha256};

/// The run folder, made once.
fn run() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs_err::create_dir_all(folder.path().join("checkpoints/step-000001")).expect("a set");
        let config = serde_json::to_vec(&RunConfig::tiny()).expect("JSON");
        fs_err::write(folder.path().join("config.json"), config).expect("a configuration");
        for part in ["optimizer.bpk", "schedule.bpk"] {
            fs_err::write(folder.path().join("checkpoints/step-000001").join(part), PART).expect("a part");
        }
        folder
    });
    folder.path()
}

/// What stands in for the parts that are not read here.
const PART: &[u8] = b"part";

/// The manifest of a set whose weights are these bytes.
fn manifest(weights: &[u8]) -> String {
    let template = include_str!("../manifest.json");
    template.replace("WEIGHTS", &sha256(weights)).replace("PART", &sha256(PART))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let set = run().join("checkpoints/step-000001");
    let write = |name: &str, bytes: &[u8]| fs_err::write(set.join(name), bytes).expect("a file");
    match kind % 3 {
        0 => write("manifest.json", data),
        1 => {
            write("model.bpk", data);
            write("manifest.json", manifest(data).as_bytes());
        }
        _ => {
            write("metrics.csv", data);
            let _ = read_metrics(&set.join("metrics.csv"));
            return;
        }
    }
    let run = RunFolder::open(run()).expect("the folder made above");
    let _ = run.best_model(&Device::flex(), &mut |_| ());
});
