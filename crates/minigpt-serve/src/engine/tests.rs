//! Texts through the engine against the same ones written alone.

use std::time::Duration;

use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_model::{AnyGpt, Constraints, Gpt, GptConfig, PackedGpt, Policy, Sampling, WeightType};
use minigpt_text::{GenerationDefaults, Prompt, TextEnd, TextGenerator, TextOptions};
use tokio::sync::mpsc::UnboundedReceiver;

use super::request::{Failure, Written};
use super::*;

fn gpt() -> Gpt {
    let config = GptConfig { block_size: 256, ..GptConfig::tiny(257) };
    Gpt::init(&config, 1, &Device::flex()).unwrap()
}

fn packed() -> AnyGpt {
    AnyGpt::Packed(Box::new(PackedGpt::of(gpt(), WeightType::Q8_0).unwrap()))
}

fn served(id: &str, model: AnyGpt) -> ServedModel {
    let card = ModelCard {
        id: id.to_owned(),
        tokenizer: Tokenizer::bytes().unwrap(),
        template: None,
        generation: GenerationDefaults::default(),
        config: GptRef::from(&model).config().clone(),
        weights: "q8_0".to_owned(),
        created: SystemTime::UNIX_EPOCH,
        base: None,
    };
    ServedModel { card, model, base: None }
}

fn engine(limits: Limits) -> Engine {
    Engine::start(vec![served("tiny", packed())], limits).unwrap()
}

fn options(max_tokens: usize) -> TextOptions {
    // The model is no good: it would end its texts anywhere.
    let constraints = Constraints { banned: vec![256], ..Constraints::default() };
    TextOptions {
        policy: Policy { constraints, ..Sampling::article().into() },
        max_tokens,
        stop: Vec::new(),
        seed: 3,
        log_probabilities: true,
        lookup: false,
    }
}

fn request(prompt: &str, options: TextOptions) -> WriteRequest {
    let prompt = Tokenizer::bytes().unwrap().encode(prompt).unwrap();
    WriteRequest { model: 0, prompt, options, top: 3, time_limit: Duration::from_secs(600) }
}

/// All tokens, and the end.
fn received(mut events: UnboundedReceiver<WriteEvent>) -> (Vec<u32>, Result<Written, Failure>) {
    let mut tokens = Vec::new();
    loop {
        match events.blocking_recv().expect("an end") {
            WriteEvent::Token { token, top } => {
                assert_eq!(top.len(), 3);
                assert!(top[0].1 >= top[2].1 && top[0].1 >= token.log_probability.unwrap());
                tokens.push(token.id);
            }
            WriteEvent::Ended(written) => return (tokens, Ok(written)),
            WriteEvent::Failed(error) => return (tokens, Err(error)),
        }
    }
}

fn alone(model: &AnyGpt, prompt: &str, options: &TextOptions) -> Vec<u32> {
    let tokenizer = Tokenizer::bytes().unwrap();
    let prompt = Prompt::of_text(&tokenizer, prompt).unwrap();
    let text = TextGenerator::new(model, &tokenizer, &prompt, options).unwrap();
    text.map(|token| token.unwrap().id).collect()
}

#[test]
fn many_texts_are_each_the_one_that_is_written_alone() {
    for model in [packed(), AnyGpt::Tensors(Box::new(gpt()))] {
        let again = match &model {
            AnyGpt::Packed(_) => packed(),
            AnyGpt::Tensors(_) => AnyGpt::Tensors(Box::new(gpt())),
        };
        let engine = Engine::start(vec![served("tiny", again)], Limits::default()).unwrap();
        let texts: Vec<(String, TextOptions)> = (0..20)
            .map(|n| {
                (
                    "Once upon a time ".repeat(1 + n % 4),
                    TextOptions { seed: n as u64, ..options(5 + n) },
                )
            })
            .collect();
        let asked: Vec<_> = texts
            .iter()
            .map(|(prompt, options)| engine.write(request(prompt, options.clone())).unwrap())
            .collect();
        for ((prompt, options), events) in texts.iter().zip(asked) {
            let (tokens, written) = received(events);
            assert_eq!(tokens, alone(&model, prompt, options));
            assert_eq!(written.unwrap().tokens, tokens.len());
        }
        let counts = engine.counts();
        assert_eq!((counts.waiting, counts.running, counts.ended), (0, 0, 20));
    }
}

#[test]
fn what_was_read_before_is_not_read_again() {
    let engine = engine(Limits::default());
    let prompt = "It is a truth universally acknowledged, ".repeat(3);
    let (_, first) = received(engine.write(request(&prompt, options(4))).unwrap());
    assert_eq!(first.unwrap().cached, 0);
    let longer = format!("{prompt}that a single man");
    let asked = [&prompt, &longer].map(|prompt| engine.write(request(prompt, options(4))).unwrap());
    let cached = asked.map(|events| received(events).1.unwrap().cached);
    assert_eq!(cached, [prompt.len() - 1, prompt.len()]);
    // Of several that come at once, one reads what all begin with.
    let engine = self::engine(Limits::default());
    let asked = [0; 4].map(|_| engine.write(request(&prompt, options(4))).unwrap());
    let cached = asked.map(|events| received(events).1.unwrap().cached);
    assert_eq!(cached, [0, prompt.len() - 1, prompt.len() - 1, prompt.len() - 1]);
    assert_eq!(engine.counts().read as usize, prompt.len() + 3);
}

#[test]
fn nothing_is_kept_where_there_is_no_room() {
    let engine = engine(Limits { prefix_bytes: 0, ..Limits::default() });
    for _ in 0..2 {
        let (_, written) = received(engine.write(request("Once upon a time", options(4))).unwrap());
        assert_eq!(written.unwrap().cached, 0);
    }
}

#[test]
fn too_many_are_refused_and_cancelled_ones_make_room() {
    let engine = engine(Limits { batch: 1, waiting: 1, ..Limits::default() });
    let long = || request("Once upon a time", options(100_000));
    let first = engine.write(long()).unwrap();
    let second = engine.write(long()).unwrap();
    assert_eq!(engine.write(long()).err(), Some(Refused::Busy));
    drop((first, second));
    // The thread notices within a step.
    let began = Instant::now();
    while engine.counts().ended < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", engine.counts());
        std::thread::sleep(Duration::from_millis(5));
    }
    let (tokens, written) = received(engine.write(request("Once", options(3))).unwrap());
    assert_eq!((tokens.len(), written.unwrap().end), (3, Some(TextEnd::Length)));
}

#[test]
fn a_text_ends_with_its_time_and_bad_ones_alone() {
    let engine = engine(Limits::default());
    let time_limit = Duration::from_millis(200);
    let long = WriteRequest { time_limit, ..request("Once", options(1_000_000)) };
    let long = engine.write(long).unwrap();
    let unknown = WriteRequest { prompt: vec![9_999], ..request("", options(3)) };
    let (_, failed) = received(engine.write(unknown).unwrap());
    assert!(failed.unwrap_err().to_string().contains("token id 9999"));
    let (tokens, written) = received(engine.write(request("Once", options(0))).unwrap());
    assert_eq!((tokens.len(), written.unwrap().end), (0, Some(TextEnd::Length)));
    let (tokens, written) = received(long);
    let written = written.unwrap();
    assert!(written.end.is_none() && written.tokens == tokens.len() && !tokens.is_empty());
}

#[test]
fn models_are_looked_at_between_steps() {
    let engine = engine(Limits::default());
    let text = engine.write(request("Once", options(200))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let size = runtime.block_on(engine.look(0, |model| model.block_size()));
    assert_eq!(size, Ok(256));
    assert_eq!(received(text).0.len(), 200);
    assert_eq!((engine.find("tiny"), engine.find("other")), (Some(0), None));
    let broken = runtime.block_on(engine.look(0, |_| panic!("a broken look")));
    assert_eq!(broken, Err::<(), _>(Refused::Broken));
    let (tokens, _) = received(engine.write(request("Once", options(3))).unwrap());
    assert_eq!(tokens.len(), 3, "others are unharmed");
}
