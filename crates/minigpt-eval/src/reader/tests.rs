//! Ensembles and caches over whole texts; what is known of them without another implementation.

use burn::tensor::Device;
use minigpt_data::CountedTokens;
use minigpt_model::{Gpt, GptConfig, PackedGpt, WeightType};

use super::*;
use crate::bootstrap::Bootstrap;
use crate::evaluate::tests::{byte_text, prose, random_model};
use crate::evaluate::{EvalConfig, EvalReport, evaluate};
use crate::protocol::CacheConfig;

fn report(readers: Vec<Reader<'_>>, protocol: Protocol, text: &CountedTokens) -> EvalReport {
    let config = EvalConfig { protocol, batch_size: 3, bootstrap: Bootstrap::default() };
    evaluate(Readers::new(readers).unwrap(), text, &config, &mut |_| {}).unwrap()
}

fn close(one: f64, other: f64) {
    assert!((one / other - 1.0).abs() < 1e-6, "{one} is not {other}");
}

#[test]
fn an_ensemble_of_one_model_with_itself_is_that_model() {
    let (model, text) = (random_model(1), byte_text(&[&prose()]));
    let packed = AnyGpt::Packed(Box::new(PackedGpt::of(model.clone(), WeightType::F32).unwrap()));
    for protocol in [Protocol::disjoint(32), Protocol::windows(32, 7)] {
        let alone = report(vec![(&model).into()], protocol, &text);
        let twice = report(vec![(&model).into(), (&packed).into()], protocol, &text);
        close(twice.evaluation.nats, alone.evaluation.nats);
        assert_eq!(twice.accuracy.value, alone.accuracy.value);
        assert_eq!((alone.protocol.models, twice.protocol.models), (1, 2));
        assert!(alone.protocol.is_plain() && !twice.protocol.is_plain());
        let name = twice.protocol.to_string();
        assert!(name.ends_with(", ensemble of 2 models"), "{name}");
    }
}

/// Each token's loss is that of the mean of both probabilities.
#[test]
fn an_ensemble_has_the_mean_of_the_probabilities() {
    let text = byte_text(&["It was a truth universally acknowledged."]);
    let models = [random_model(1), random_model(2)];
    let losses = |readers: Vec<Reader<'_>>| {
        let windows = text.split().sliding_windows(16, 16).unwrap();
        let mut reading = Reading::new(Readers::new(readers).unwrap(), None);
        let score = |window: minigpt_data::Window| {
            let fresh = &window.targets[window.targets.len() - window.fresh..];
            reading.score(&[&window.inputs], &[fresh])
        };
        windows.iter().flat_map(score).map(|score| f64::from(score.nats)).collect::<Vec<_>>()
    };
    let [one, two] = models.each_ref().map(|model| losses(vec![model.into()]));
    let both = losses(models.iter().map(Into::into).collect());
    for ((one, two), both) in one.iter().zip(&two).zip(&both) {
        let mean = -((-one).exp().midpoint((-two).exp())).ln();
        assert!((mean - both).abs() < 1e-5, "{both} is not {mean}");
    }
}

#[test]
fn models_of_other_vocabularies_are_no_ensemble() {
    let (one, other) = (random_model(1), Gpt::init(&GptConfig::tiny(300), 1, &Device::flex()));
    let error = Readers::new(vec![(&one).into(), (&other.unwrap()).into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ensemble's models have vocabularies of 257 and 300 ids: expected models with the same tokenizer"
    );
}

/// A cache with next to no share is no cache; with one, a text that repeats itself is easier, whatever the batch.
#[test]
fn a_cache_finds_again_what_was_read() {
    let (model, text) = (random_model(1), byte_text(&["The rain in Spain. ".repeat(40).as_str()]));
    let plain = report(vec![(&model).into()], Protocol::disjoint(32), &text);
    let with = |lambda, tokens, batch_size| {
        let cache = Some(CacheConfig { tokens, lambda, theta: 0.2 });
        let protocol = Protocol { cache, ..Protocol::disjoint(32) };
        let config = EvalConfig { protocol, batch_size, bootstrap: Bootstrap::default() };
        evaluate(&model, &text, &config, &mut |_| {}).unwrap()
    };
    close(with(1e-12, 100, 3).evaluation.nats, plain.evaluation.nats);
    let cached = with(0.5, 100, 3);
    assert!(cached.evaluation.nats < 0.8 * plain.evaluation.nats);
    close(with(0.5, 100, 1).evaluation.nats, cached.evaluation.nats);
    assert_ne!(with(0.5, 10, 3).evaluation.nats, cached.evaluation.nats);
    let name = cached.protocol.to_string();
    assert!(name.ends_with(", neural cache of 100 tokens (lambda 0.5, theta 0.2)"), "{name}");
}
