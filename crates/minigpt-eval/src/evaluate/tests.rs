//! Evaluation against Hugging Face's GPT-2, and against what must hold for any model.

use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use minigpt_data::{CountedTokens, TextCounts, Tokenizer};
use minigpt_model::{Gpt, GptConfig};
use serde_json::Value;

use super::*;
use crate::token_losses::TokenLosses;

/// A random GPT-2; `make_perplexity.py` in the folder wrote its losses by transformers.
const FIXTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../minigpt-model/tests/fixtures/gpt2-tiny-random");

pub(crate) fn random_gpt2() -> Gpt {
    Gpt::from_pretrained(Path::new(FIXTURE), &Device::flex()).unwrap()
}

pub(crate) fn byte_text(documents: &[&str]) -> CountedTokens {
    let documents: Vec<String> = documents.iter().map(|text| (*text).to_owned()).collect();
    CountedTokens::new(&Tokenizer::bytes().unwrap(), &documents, None, &mut |_| {}).unwrap()
}

fn byte_model() -> Gpt {
    random_model(1)
}

pub(crate) fn random_model(seed: u64) -> Gpt {
    Gpt::init(&GptConfig::tiny(257), seed, &Device::flex()).unwrap()
}

fn config(context: usize, stride: usize) -> EvalConfig {
    let protocol = Protocol::windows(context, stride);
    EvalConfig { protocol, batch_size: 8, bootstrap: Bootstrap::default() }
}

fn report(model: &Gpt, text: &CountedTokens, config: &EvalConfig) -> EvalReport {
    evaluate(model, text, config, &mut |_| {}).unwrap()
}

pub(crate) fn prose() -> String {
    (0..40)
        .map(|n| format!("In the {n}th year of the sea, they hoped – née – for rain.\n"))
        .collect()
}

/// 257 bytes in a vocabulary of 304: the padding takes nothing from the probabilities of the text.
#[test]
fn padding_of_the_vocabulary_has_no_weight_and_is_reported() {
    let padded = Gpt::init(&GptConfig::tiny(304), 1, &Device::flex()).unwrap();
    let mut plain = padded.clone().with_tokenizer_size(257);
    plain.wte.weight = Param::from_tensor(padded.wte.weight.val().narrow(0, 0, 257));
    let (text, config) = (byte_text(&[&prose()]), config(32, 32));
    let known = report(&padded.clone().with_tokenizer_size(257), &text, &config);
    let plain = report(&plain, &text, &config);
    assert_eq!((known.padding, plain.padding), (47, 0));
    assert!((known.evaluation.loss() - plain.evaluation.loss()).abs() < 1e-5);
    assert!(report(&padded, &text, &config).evaluation.loss() > plain.evaluation.loss() + 0.1);
}

#[test]
fn the_loss_is_that_of_transformers_in_every_protocol() {
    let json = fs_err::read_to_string(Path::new(FIXTURE).join("perplexity.json")).unwrap();
    let reference: Value = serde_json::from_str(&json).unwrap();
    let ids: Vec<u32> = serde_json::from_value(reference["ids"].clone()).unwrap();
    let model = random_gpt2();
    let check = |context: usize, stride: usize, expected: &Value| {
        let text = CountedTokens::from_ids(ids.clone());
        let report = report(&model, &text, &config(context, stride));
        assert_eq!(report.evaluation.tokens, expected["tokens"].as_u64().unwrap() as usize);
        let loss = expected["nats"].as_f64().unwrap() / report.evaluation.tokens as f64;
        let difference = (report.evaluation.loss() - loss).abs();
        assert!(difference < 1e-5, "context {context}, stride {stride}: {difference}");
        let perplexity = report.token_perplexity.value;
        assert!((perplexity / loss.exp() - 1.0).abs() < 1e-4, "{perplexity} is not {}", loss.exp());
    };
    let size = |row: &Value, name: &str| row[name].as_u64().unwrap() as usize;
    let rows = reference["windows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        check(size(row, "context"), size(row, "stride"), row);
    }
    // Hugging Face's page: its windows hold the tokens that they predict.
    for row in reference["page"].as_array().unwrap() {
        check(size(row, "max_length") - 1, size(row, "stride"), row);
    }
}

#[test]
fn a_uniform_model_is_as_perplexed_as_there_are_ids() {
    let mut model = byte_model();
    model.wte.weight = Param::from_tensor(Tensor::zeros([257, 64], &Device::flex()));
    let text = prose();
    for (context, stride) in [(32, 32), (32, 7), (5, 1)] {
        let report = report(&model, &byte_text(&[&text]), &config(context, stride));
        assert!((report.token_perplexity.value - 257.0).abs() < 1e-3);
        // Every byte is a token, and there is one end of text more.
        let bits = 257f64.log2() * (text.len() + 1) as f64;
        assert!((report.bits_per_byte.value - bits / text.len() as f64).abs() < 1e-6);
        let characters = text.chars().count() as f64;
        assert!((report.bits_per_character.value - bits / characters).abs() < 1e-6);
        let words = text.split_whitespace().count() as f64;
        let nats = bits * std::f64::consts::LN_2;
        assert!((report.word_perplexity.unwrap().value.ln() - nats / words).abs() < 1e-6);
    }
}

#[test]
fn the_batch_size_changes_nothing() {
    let (model, text) = (byte_model(), prose());
    let text = byte_text(&[&text]);
    let losses = |stride, batch_size| {
        let protocol = Protocol::windows(32, stride);
        TokenLosses::of((&model).into(), &text, protocol, batch_size, &mut |_| {}).unwrap()
    };
    for stride in [32, 9] {
        let one = losses(stride, 1);
        for batch_size in [2, 5, 64] {
            let many = losses(stride, batch_size);
            assert_eq!((&one.ids, &one.seen), (&many.ids, &many.seen));
            let pairs = one.nats.iter().zip(&many.nats);
            assert!(pairs.clone().all(|(one, many)| (one - many).abs() < 1e-4));
            assert_eq!(pairs.len(), text.counts().len());
        }
    }
}

#[test]
fn every_loss_is_told_by_context_and_by_frequency() {
    let (model, text) = (byte_model(), prose());
    let text = byte_text(&[&text]);
    let report = report(&model, &text, &config(32, 8));
    let tokens = text.counts().len();
    assert_eq!(report.by_context.iter().map(|loss| loss.tokens).sum::<usize>(), tokens);
    assert_eq!(report.by_frequency.iter().map(|loss| loss.tokens).sum::<usize>(), tokens);
    let nats = |losses: Vec<(usize, f64)>| -> f64 {
        losses.into_iter().map(|(tokens, loss)| tokens as f64 * loss).sum()
    };
    let by_context = report.by_context.iter().map(|at| (at.tokens, at.loss)).collect();
    let by_frequency = report.by_frequency.iter().map(|at| (at.tokens, at.loss)).collect();
    assert!((nats(by_context) - report.evaluation.nats).abs() < 1e-6);
    assert!((nats(by_frequency) - report.evaluation.nats).abs() < 1e-6);
    // All but the first window predict after at least 32 - 8 + 1 tokens.
    let late = report.by_context.iter().filter(|loss| loss.tokens > 1);
    assert!(late.clone().count() > 0 && late.clone().all(|loss| loss.seen >= 25));
    for class in &report.by_frequency {
        assert!(
            (class.from * class.ids..=class.to * class.ids).contains(&class.tokens),
            "{class:?}"
        );
    }
}

#[test]
fn documents_or_windows_are_drawn_for_the_intervals() {
    let (model, text) = (byte_model(), prose());
    let lines: Vec<&str> = text.lines().collect();
    let text = byte_text(&lines);
    let with = |unit| {
        let bootstrap = Bootstrap { unit, ..Bootstrap::default() };
        report(&model, &text, &EvalConfig { bootstrap, ..config(32, 32) })
    };
    let (windows, documents) = (with(Unit::Windows), with(Unit::Documents));
    assert_eq!((windows.parts, documents.parts), (text.counts().len().div_ceil(32), 40));
    assert_eq!(windows.token_perplexity.value, documents.token_perplexity.value);
    for measured in [windows.word_perplexity.unwrap(), documents.word_perplexity.unwrap()] {
        assert!(measured.low.unwrap() < measured.value && measured.value < measured.high.unwrap());
    }
}

#[test]
fn a_text_shorter_than_the_context_is_read_in_one_window() {
    let model = byte_model();
    let report = report(&model, &byte_text(&["short"]), &config(32, 32));
    assert_eq!((report.protocol, report.evaluation.tokens), (Protocol::disjoint(6), 6));
    assert_eq!((report.parts, report.token_perplexity.low), (1, None));
    assert_eq!(report.evaluation.bytes, TextCounts::of("short").bytes);
    let error = evaluate(&model, &byte_text(&["x"]), &config(33, 1), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "context 33 is out of range: expected 1 to 32");
}
