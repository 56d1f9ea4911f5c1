//! What is told of a text, against the softmax written out.

use burn::tensor::Device;
use minigpt_model::{Gpt, GptConfig, PackedGpt, Sampling, WeightType};

use super::*;
use crate::prompt::Prompt;
use crate::{TextGenerator, TextOptions};

fn model(tokenizer: &Tokenizer) -> PackedGpt {
    // With ids that the tokenizer does not have.
    let config = GptConfig::new(300, 64, 3, 2, 16);
    let model = Gpt::init(&config, 1, &Device::flex()).unwrap();
    let model = model.with_tokenizer_size(tokenizer.vocab_size());
    PackedGpt::of(model, WeightType::F32).unwrap()
}

fn bytes() -> Tokenizer {
    Tokenizer::bytes().unwrap()
}

/// Longer than the rows of logits that are made at once.
const TEXT: &str = "It is a truth universally acknowledged, that a";

#[test]
fn each_token_has_the_log_probability_it_has_in_continuing() {
    let tokenizer = bytes();
    let model = model(&tokenizer);
    let options = TextOptions {
        policy: Sampling::article().into(),
        max_tokens: 10,
        stop: Vec::new(),
        seed: 3,
        log_probabilities: true,
        lookup: false,
    };
    let prompt = Prompt::of_text(&tokenizer, TEXT).unwrap();
    let written = TextGenerator::new(&model, &tokenizer, &prompt, &options).unwrap();
    let written: Vec<_> = written.collect::<Result<_, _>>().unwrap();
    let ids: Vec<u32> = prompt.ids().iter().copied().chain(written.iter().map(|t| t.id)).collect();
    let read = read_text(&model, &tokenizer, &ids).unwrap();
    assert_eq!(read.tokens.len(), ids.len());
    for (found, expected) in read.tokens[prompt.ids().len()..].iter().zip(&written) {
        let surprise = found.surprise.unwrap();
        assert_eq!(found.id, expected.id);
        assert_eq!(-surprise.nats, expected.log_probability.unwrap());
        assert_eq!(surprise.probability, (-surprise.nats).exp());
    }
}

#[test]
fn the_likeliest_token_has_rank_1_and_padding_is_impossible() {
    let tokenizer = bytes();
    let model = model(&tokenizer);
    let mut ids = tokenizer.encode(TEXT).unwrap();
    let first = read_text(&model, &tokenizer, &ids).unwrap();
    assert!(first.tokens[0].surprise.is_none());
    assert_eq!(first.tokens[3].label, "i");
    assert_eq!(first.logits.len(), 300);
    assert!(first.logits[tokenizer.vocab_size()..].iter().all(|logit| *logit == f32::NEG_INFINITY));
    let best = candidates(&first.logits, &tokenizer, 5).unwrap();
    assert_eq!(best.len(), 5);
    for (place, candidate) in best.into_iter().enumerate() {
        ids.truncate(TEXT.len());
        ids.push(candidate.id);
        let last = read_text(&model, &tokenizer, &ids).unwrap().tokens.pop().unwrap();
        assert_eq!(last.label, candidate.label);
        let surprise = last.surprise.unwrap();
        assert_eq!(surprise.rank, place + 1);
        assert!((surprise.probability - candidate.probability).abs() < 1e-12);
    }
}

#[test]
fn the_last_layer_says_what_the_model_says() {
    let tokenizer = bytes();
    let model = model(&tokenizer);
    let ids = tokenizer.encode(TEXT).unwrap();
    let layers = logit_lens(&model, &tokenizer, &ids, ids.len() - 4..ids.len(), 3).unwrap();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["embedding", "block 0", "block 1", "block 2"]);
    assert!(layers.iter().all(|layer| layer.positions.len() == 4));
    let read = read_text(&model, &tokenizer, &ids).unwrap();
    let expected = candidates(&read.logits, &tokenizer, 3).unwrap();
    assert_eq!(layers[3].positions[3], expected);
}

#[test]
fn what_cannot_be_read_is_told() {
    let tokenizer = bytes();
    let model = model(&tokenizer);
    let error = |ids: &[u32]| read_text(&model, &tokenizer, ids).unwrap_err().to_string();
    assert!(error(&[]).contains("the prompt is empty"));
    assert!(error(&[1; 65]).contains("65 tokens and the model's context is 64"));
    assert!(error(&[299]).contains("token id 299 is not in the model's vocabulary of 257"));
    let error = candidates(&[0.0, f32::NAN], &tokenizer, 1).unwrap_err().to_string();
    assert!(error.contains("NaN or infinite"), "{error}");
}
