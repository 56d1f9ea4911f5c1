use burn::tensor::Device;
use minigpt_model::{Gpt, GptConfig};

use super::*;
use crate::answers::answer;
use crate::tasks::{MultipleChoice, Questions, Task};

fn questions() -> Vec<GroundedQuestion> {
    let question = |question: &str, answer: &str, passage: &str| GroundedQuestion {
        question: question.to_owned(),
        answer: answer.to_owned(),
        passages: vec![passage.to_owned()],
    };
    vec![question("Who?", "Anne", "Anne walked."), question("Where?", "by the sea", "To the sea.")]
}

/// The same likelihoods as those of multiple choice, whose context is the prompt.
#[test]
fn an_answer_is_a_choice_after_its_prompt() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 3, &Device::flex()).unwrap();
    let questions = questions();
    let report = grounding(&model, &tokenizer, None, &questions, 2, &mut |_, _| {}).unwrap();
    let passages = [&[][..], &questions[1].passages, &questions[0].passages];
    let answers = &report.answers[1];
    for (passages, nats) in
        passages.into_iter().zip([answers.without, answers.with, answers.with_others])
    {
        let choice = MultipleChoice {
            line: 1,
            question: grounded_prompt(&tokenizer, None, passages, &questions[1].question)
                .unwrap()
                .text()
                .to_owned(),
            choices: vec![questions[1].answer.clone(), "no".to_owned()],
            answer: 0,
        };
        let task = Task { path: "x".into(), questions: Questions::MultipleChoice(vec![choice]) };
        let of_task = answer(&model, &tokenizer, &task, 1, &mut |_, _| {}).unwrap();
        assert!((of_task.answers[0].log_likelihoods[0] + nats).abs() < 1e-3);
    }
    assert_eq!((report.answers[0].tokens, answers.tokens), (5, 11));
    let nats: f64 = report.answers.iter().map(|answer| answer.with).sum();
    assert!((report.with.nats_per_token - nats / 16.0).abs() < 1e-9);
}

#[test]
fn an_answer_longer_than_the_context_is_refused() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 3, &Device::flex()).unwrap();
    let long = GroundedQuestion { answer: "sea".repeat(20), ..questions().remove(0) };
    let error = grounding(&model, &tokenizer, None, &[long], 2, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("has 61 tokens, and the model's context is 32"), "{error}");
}

/// A prompt of special tokens, after which an answer begins at once.
#[test]
fn an_answer_stands_where_a_models_own_template_has_it() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 3, &Device::flex()).unwrap();
    let source = "<|endoftext|>{{ messages[0].content }}{% if add_generation_prompt %}<|endoftext|>{% endif %}";
    let template = ChatTemplate::from_jinja(source, [].into(), "a test").unwrap();
    let questions = &questions()[..1];
    let report = grounding(&model, &tokenizer, Some(&template), questions, 2, &mut |_, _| {});
    let answer = report.unwrap().answers[0];
    let prompt = grounded_prompt(&tokenizer, Some(&template), &[], "Who?").unwrap();
    assert_eq!((prompt.ids().len(), answer.tokens), (6, 4));
    let text = ScoredText::of_answer(&tokenizer, &prompt, "Anne").unwrap();
    let expected = likelihoods(&model, &[text], 1, &mut |_, _| {})[0].nats;
    assert!((answer.without - expected).abs() < 1e-4);
}
