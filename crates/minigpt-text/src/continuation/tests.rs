use minigpt_model::{Gpt, GptConfig, PackedGpt, Sampling, WeightType};

use super::*;
use crate::{Continuation, write_texts};
use burn::tensor::Device;

fn options(max_tokens: usize) -> TextOptions {
    TextOptions {
        policy: Sampling::article().into(),
        max_tokens,
        stop: Vec::new(),
        seed: 3,
        log_probabilities: true,
        lookup: false,
    }
}

fn model(tokenizer: &Tokenizer) -> Gpt {
    Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 1, &Device::flex()).unwrap()
}

fn of(prompt: &str) -> Prompt {
    Prompt::of_text(&Tokenizer::bytes().unwrap(), prompt).unwrap()
}

fn text(model: &Gpt, tokenizer: &Tokenizer, prompt: &str, options: &TextOptions) -> Continuation {
    let mut generator = TextGenerator::new(model, tokenizer, &of(prompt), options).unwrap();
    let mut text = String::new();
    for token in generator.by_ref() {
        let token = token.unwrap();
        assert!(token.log_probability.unwrap() < 0.0);
        text += &token.text;
    }
    let (tokens, slides) = (generator.tokens(), generator.slides());
    Continuation { text, tokens, end: generator.end().unwrap(), slides }
}

#[test]
fn texts_in_a_batch_are_those_written_alone() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = model(&tokenizer);
    let prompts = ["Once", "A longer prompt", "I"];
    // A byte that comes in some of them, so that the texts end at different places.
    let options = TextOptions { stop: vec!["A".to_owned()], ..options(90) };
    let mut written = 0;
    let batch =
        write_texts(&model, &tokenizer, &prompts.map(of), &options, &mut |n| written = n).unwrap();
    for (number, (prompt, batch)) in prompts.iter().zip(&batch).enumerate() {
        let options = TextOptions { seed: 3 + number as u64, ..options.clone() };
        assert_eq!(text(&model, &tokenizer, prompt, &options), *batch);
    }
    let ended = batch.iter().filter(|text| text.end != TextEnd::Length).count();
    assert!(ended > 0, "none of them stopped: {batch:?}");
    assert!(batch.iter().any(|text| text.slides > 0), "none outgrew the context: {batch:?}");
    assert!(written >= batch.iter().map(|text| text.tokens).sum::<usize>());
}

#[test]
fn a_prompt_is_what_the_model_can_read_of_it() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = model(&tokenizer);
    let read = |prompt: &str| of(prompt).within(model.block_size());
    assert_eq!(read("Once"), tokenizer.encode("Once").unwrap());
    assert_eq!(read(""), [tokenizer.end_of_text()]);
    let context = model.block_size();
    let long = format!("{}{}", "a".repeat(7), "b".repeat(context));
    assert_eq!(read(&long), tokenizer.encode(&"b".repeat(context)).unwrap());
    let end = text(&model, &tokenizer, &long[7..], &options(5));
    assert_eq!(text(&model, &tokenizer, &long, &options(5)), end);
    assert_eq!(text(&model, &tokenizer, "", &options(5)).tokens, 5);
}

#[test]
fn no_tokens_are_no_text() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = model(&tokenizer);
    let nothing = Continuation { text: String::new(), tokens: 0, end: TextEnd::Length, slides: 0 };
    assert_eq!(text(&model, &tokenizer, "Once", &options(0)), nothing);
    let prompts = [of("Once")];
    let texts = write_texts(&model, &tokenizer, &prompts, &options(0), &mut |_| ()).unwrap();
    assert_eq!(texts, [nothing]);
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = model(&tokenizer);
    let greedy = TextOptions { policy: Sampling::Greedy.into(), ..options(5) };
    let mut talk = TextGenerator::new(&model, &tokenizer, &of("Hi"), &greedy).unwrap();
    let mut ids = tokenizer.encode("Hi").unwrap();
    ids.extend(talk.by_ref().map(|token| token.unwrap().id));
    talk.say("ho", &greedy).unwrap();
    ids.extend(tokenizer.encode("ho").unwrap());
    let next: Vec<u32> = talk.map(|token| token.unwrap().id).collect();
    let straight = Generator::new(&model, &ids, Sampling::Greedy, 0).unwrap();
    assert_eq!(next, straight.take(5).map(|token| token.unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_conversation_goes_on_as_if_it_was_read_from_its_beginning() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = model(&tokenizer);
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    let greedy = TextOptions { policy: Sampling::Greedy.into(), ..options(4) };
    for model in [GptRef::from(&model), GptRef::from(&packed)] {
        let mut talk = TextGenerator::new(model, &tokenizer, &of("Hi"), &greedy).unwrap();
        let written: Vec<u32> = talk.by_ref().map(|token| token.unwrap().id).collect();
        let hi = tokenizer.encode("Hi").unwrap();
        let longer = [&hi, &written[..], b"ho".map(u32::from).as_slice()].concat();
        // It begins with all of the one before, with some of it, and with nothing of it.
        for ids in [longer, tokenizer.encode("Hi, you").unwrap(), tokenizer.encode("ho").unwrap()] {
            talk.go_on(&Prompt::of_ids(ids.clone()), &greedy).unwrap();
            let next: Vec<u32> = talk.by_ref().map(|token| token.unwrap().id).collect();
            let straight = Generator::new(model, &ids, Sampling::Greedy, 0).unwrap();
            assert_eq!(next, straight.take(4).map(|token| token.unwrap()).collect::<Vec<_>>());
        }
    }
}
