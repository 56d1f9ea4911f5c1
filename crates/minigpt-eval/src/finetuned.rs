//! What a model makes of held-out examples: the answers that it writes, or the labels that it gives.

use minigpt_data::{ChatTemplate, Dialogue, LabelledText, Tokenizer};
use minigpt_model::{Gpt, Sampling};
use minigpt_text::{Classifier, Prompt, TextOptions, write_texts};
use serde::{Deserialize, Serialize};

use crate::confusion::Confusion;
use crate::error::EvalError;
use crate::rouge::rouge_l;

/// An answer of a model's beside the one that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenAnswer {
    /// Where in its file the example begins.
    pub line: u64,
    /// What the model read.
    pub prompt: String,
    /// The answer in the file.
    pub expected: String,
    /// What the model wrote, always the most probable token.
    pub written: String,
    /// What its base wrote, before it was tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// Texts that are written together.
const AT_ONCE: usize = 16;

/// Lets a model answer the first turn of the first `most` dialogues, which `template` made, whose prompt fits its
/// context, with at most as many tokens as the longest of their answers has; `progress` hears of how many are
/// done.
///
/// # Errors
/// [`EvalError::Data`] or [`EvalError::Text`].
pub fn write_answers(
    model: &Gpt,
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    dialogues: &[Dialogue],
    most: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<WrittenAnswer>, EvalError> {
    let (mut chosen, mut max_tokens) = (Vec::new(), 1);
    for dialogue in dialogues {
        let turn = &dialogue.turns[0];
        if chosen.len() == most {
            break;
        }
        let prompt = Prompt::of_template(tokenizer, template, &turn.given)?;
        if prompt.ids().len() < model.block_size() {
            max_tokens = max_tokens.max(tokenizer.encode(&turn.answer)?.len());
            chosen.push((dialogue.place.line, turn, prompt));
        }
    }
    let options = TextOptions {
        policy: Sampling::Greedy.into(),
        max_tokens,
        stop: Vec::new(),
        seed: 0,
        log_probabilities: false,
        lookup: false,
    };
    let mut answers = Vec::with_capacity(chosen.len());
    for chosen in chosen.chunks(AT_ONCE) {
        let prompts: Vec<Prompt> = chosen.iter().map(|(_, _, prompt)| prompt.clone()).collect();
        let texts = write_texts(model, tokenizer, &prompts, &options, &mut |_| ())?;
        answers.extend(chosen.iter().zip(texts).map(|((line, turn, _), text)| WrittenAnswer {
            line: *line,
            prompt: turn.given.clone(),
            expected: turn.answer.clone(),
            written: text.text.trim().to_owned(),
            base: None,
        }));
        progress(answers.len());
    }
    Ok(answers)
}

/// ROUGE-L of answers, as [`rouge_l`] has it.
#[must_use]
pub fn rouge_l_of_answers(answers: &[WrittenAnswer]) -> f64 {
    let pairs: Vec<_> =
        answers.iter().map(|answer| (answer.written.as_str(), answer.expected.as_str())).collect();
    rouge_l(&pairs)
}

/// Lets a classifier judge labelled texts, those left out that do not fit its context; `progress` hears
/// of how many are done.
///
/// # Errors
/// [`EvalError::Data`].
pub fn confusion(
    classifier: &Classifier,
    tokenizer: &Tokenizer,
    texts: &[LabelledText],
    batch_size: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Confusion, EvalError> {
    let (mut fitting, mut numbers) = (Vec::new(), Vec::new());
    for text in texts {
        let number = classifier.labels.iter().position(|label| *label == text.label);
        let ids = tokenizer.before_text().len() + tokenizer.encode(&text.text)?.len();
        let fits = ids < classifier.model.block_size();
        if let Some(number) = number.filter(|_| fits) {
            fitting.push(text.text.clone());
            numbers.push(number);
        }
    }
    let verdicts = classifier.classify(tokenizer, &fitting, batch_size, progress)?;
    let pairs = numbers.into_iter().zip(verdicts.iter().map(|verdict| verdict.best()));
    Ok(Confusion::new(classifier.labels.clone(), pairs))
}
