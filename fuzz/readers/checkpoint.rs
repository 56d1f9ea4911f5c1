//! A checkpoint's manifest, its weights, or the metrics of its run.

use burn::tensor::Device;
use minigpt_files::sha256;
use minigpt_train::{RunConfig, RunFolder, read_metrics};

/// What stands in for the parts that are not read here.
const PART: &[u8] = b"part";

/// True where the bytes after the first are read as what the first says: a manifest, weights or metrics.
/// Weights get a manifest with their checksum, so that they are not refused for that alone.
pub(crate) fn checkpoint(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let set = folder.path().join("checkpoints/step-000001");
    fs_err::create_dir_all(&set).expect("a set");
    let write = |name: &str, bytes: &[u8]| fs_err::write(set.join(name), bytes).expect("a file");
    match kind % 3 {
        0 => write("manifest.json", bytes),
        1 => {
            write("model.bpk", bytes);
            write("manifest.json", manifest(bytes).as_bytes());
        }
        _ => {
            write("metrics.csv", bytes);
            return read_metrics(&set.join("metrics.csv")).is_ok();
        }
    }
    for part in ["optimizer.bpk", "schedule.bpk"] {
        write(part, PART);
    }
    let config = serde_json::to_vec(&RunConfig::tiny()).expect("JSON");
    fs_err::write(folder.path().join("config.json"), config).expect("a configuration");
    let run = RunFolder::open(folder.path()).expect("the folder made above");
    run.best_model(&Device::flex(), &mut |_| ()).is_ok()
}

/// The manifest of a set whose weights are these bytes.
fn manifest(weights: &[u8]) -> String {
    let template = include_str!("manifest.json");
    template.replace("WEIGHTS", &sha256(weights)).replace("PART", &sha256(PART))
}
