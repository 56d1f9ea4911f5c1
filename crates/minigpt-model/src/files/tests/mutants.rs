//! Damaged files: one line, no panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use minigpt_gguf::Gguf;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::files::gguf::GgufModel;
use crate::{Gpt, GptConfig, WeightType};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/families");

/// Numbers that lengths, counts and sizes are replaced by.
const HARD: [u64; 8] = [0, 1, 0xff, 1 << 31, u32::MAX as u64, 1 << 40, i64::MAX as u64, u64::MAX];

/// The file with one to three things changed in its first `within` bytes.
fn mutant(valid: &[u8], within: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut file = valid.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..within.min(file.len()));
        let end = file.len().min(at + random.random_range(1..32));
        match random.random_range(0..6) {
            0 => file[at] ^= 1 << random.random_range(0..8),
            1 => file[at] = random.random(),
            2 => {
                let bytes = HARD[random.random_range(0..HARD.len())].to_le_bytes();
                let end = file.len().min(at + 8);
                file[at..end].copy_from_slice(&bytes[..end - at]);
            }
            3 => file.truncate(at.max(1)),
            4 => drop(file.drain(at..end)),
            _ => {
                let again = file[at..end].to_vec();
                file.splice(at..at, again);
            }
        }
    }
    file
}

/// Counts the mutants of a file that `read` refuses, each in one line.
fn refused(
    valid: &[u8],
    within: usize,
    count: usize,
    read: impl Fn(Vec<u8>) -> Result<(), String>,
) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(22);
    let refused = (0..count).filter(|number| {
        let file = mutant(valid, within, &mut random);
        let result = catch_unwind(AssertUnwindSafe(|| read(file)));
        let Err(error) = result.unwrap_or_else(|_| panic!("mutant {number} panics")) else {
            return false;
        };
        assert!(!error.contains('\n') && error.len() < 1000, "mutant {number}: {error:?}");
        true
    });
    refused.count()
}

fn model(case: &str) -> Gpt {
    Gpt::from_pretrained(&Path::new(FIXTURES).join(case), &Device::flex()).unwrap()
}

#[test]
fn damaged_gguf_models_are_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for case in ["llama3", "qwen3"] {
        model(case).save_gguf(&[], WeightType::Bf16, &path).unwrap();
        let valid = fs_err::read(&path).unwrap();
        let header = valid.windows(6).rposition(|window| window == b"output").unwrap() + 64;
        let read = |bytes: Vec<u8>| {
            let file = Gguf::from_bytes(Path::new("x.gguf"), bytes);
            let model = file
                .map_err(|error| error.to_string())
                .and_then(|file| GgufModel::of(file).map_err(|error| error.to_string()))?;
            let config = model.config.clone();
            let weights = model.into_weights().map_err(|error| error.to_string())?;
            let loaded = weights.into_model(&config, &Device::flex());
            loaded.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(read(valid.clone()), Ok(()));
        let count = refused(&valid, header, 250, read);
        assert!(count > 150, "{case}: {count} of 250 were refused");
    }
}

#[test]
fn damaged_configurations_are_refused_in_a_line() {
    for case in ["llama", "llama-biased", "llama3", "mistral", "qwen2", "qwen3", "gpt2-variant"] {
        let path = Path::new(FIXTURES).join(case).join("config.json");
        let valid = fs_err::read(&path).unwrap();
        let read = |bytes: Vec<u8>| {
            let config = GptConfig::of_hugging_face(Path::new("config.json"), &bytes);
            config.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(read(valid.clone()), Ok(()));
        let count = refused(&valid, valid.len(), 100, read);
        assert!(count > 50, "{case}: {count} of 100 were refused");
    }
}

#[test]
fn damaged_checkpoints_are_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ckpt.pt");
    let valid = fs_err::read(Path::new(FIXTURES).join("nano-gpt/ckpt.pt")).unwrap();
    let read = |bytes: Vec<u8>| {
        fs_err::write(&path, bytes).unwrap();
        let loaded = Gpt::from_pretrained(&path, &Device::flex());
        loaded.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read(valid.clone()), Ok(()));
    let count = refused(&valid, valid.len(), 100, read);
    assert!(count > 30, "{count} of 100 were refused");
}
