//! What passages are worth to a model that answers from them.

use minigpt_data::{ChatTemplate, Tokenizer};
use minigpt_model::GptRef;
use minigpt_text::{ScoredText, grounded_prompt, likelihoods};
use serde::Serialize;

use crate::error::EvalError;

/// A question with the answer it should get and the passages found for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroundedQuestion {
    /// What is asked.
    pub question: String,
    /// The reference answer.
    pub answer: String,
    /// Passages for the prompt, best first.
    pub passages: Vec<String>,
}

/// How likely a model finds reference answers, by what it reads before the question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroundingReport {
    /// Number of questions.
    pub questions: usize,
    /// After the question alone.
    pub without: AnswerLikelihood,
    /// After the question's passages.
    pub with: AnswerLikelihood,
    /// After the passages of the next question in the file (of the first, for the last): what text of
    /// the same kind is worth that is not about the question.
    pub with_others: AnswerLikelihood,
    /// Number of questions whose answer is likelier with its passages than without.
    pub likelier: usize,
    /// Each question, in the given order.
    pub answers: Vec<GroundedAnswer>,
}

/// The likelihood of all answers together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnswerLikelihood {
    /// Mean negative log-likelihood of a token.
    pub nats_per_token: f64,
    /// Its exponential.
    pub perplexity: f64,
}

/// The likelihood of one answer: negative log-likelihoods in nats, of all its tokens together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GroundedAnswer {
    /// Tokens of the answer.
    pub tokens: usize,
    /// After the question alone.
    pub without: f64,
    /// After the question's passages.
    pub with: f64,
    /// After another question's passages.
    pub with_others: f64,
}

/// Measures what passages are worth to a model: the likelihood of each reference answer after the
/// question alone, after its passages, and after another question's; `progress` hears of how many of how
/// many are done. Of a prompt longer than the context, the start is left out.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_eval::{GroundedQuestion, grounding};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let question = GroundedQuestion {
///     question: "Who?".to_owned(),
///     answer: "Anne".to_owned(),
///     passages: vec!["Anne walked.".to_owned()],
/// };
/// let report = grounding(&model, &tokenizer, None, &[question], 16, &mut |_done, _total| {})?;
/// // A space and four letters, each one of 257.
/// assert!((report.without.nats_per_token - 257f64.ln()).abs() < 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EvalError::Data`], or [`EvalError::Answer`] where an answer is longer than the context.
pub fn grounding<'a>(
    model: impl Into<GptRef<'a>>,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    questions: &[GroundedQuestion],
    batch_size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<GroundingReport, EvalError> {
    let model = model.into();
    let others = questions.iter().cycle().skip(1);
    let mut texts = Vec::new();
    for (question, other) in questions.iter().zip(others) {
        for passages in [&[][..], &question.passages, &other.passages] {
            let prompt = grounded_prompt(tokenizer, template, passages, &question.question)?;
            let answer = &question.answer;
            let text = match template.map(ChatTemplate::named) {
                None => ScoredText::new(tokenizer, prompt.text(), &format!(" {answer}"))?,
                Some(Some(_)) => ScoredText::new(tokenizer, prompt.text(), answer)?,
                Some(None) => ScoredText::of_answer(tokenizer, &prompt, answer)?,
            };
            let (tokens, block_size) = (text.tokens(), model.block_size());
            if tokens > block_size {
                let answer = question.answer.clone();
                return Err(EvalError::Answer { answer, tokens, block_size });
            }
            texts.push(text);
        }
    }
    let likelihoods = likelihoods(model, &texts, batch_size, progress);
    let answers = texts.chunks(3).zip(likelihoods.chunks(3)).map(|(texts, three)| {
        let [without, with, with_others] = [0, 1, 2].map(|index: usize| three[index].nats);
        GroundedAnswer { tokens: texts[0].tokens(), without, with, with_others }
    });
    Ok(report(answers.collect()))
}

fn report(answers: Vec<GroundedAnswer>) -> GroundingReport {
    let tokens = answers.iter().map(|answer| answer.tokens).sum::<usize>() as f64;
    let of = |nats: &dyn Fn(&GroundedAnswer) -> f64| {
        let nats_per_token = answers.iter().map(nats).sum::<f64>() / tokens.max(1.0);
        AnswerLikelihood { nats_per_token, perplexity: nats_per_token.exp() }
    };
    GroundingReport {
        questions: answers.len(),
        without: of(&|answer| answer.without),
        with: of(&|answer| answer.with),
        with_others: of(&|answer| answer.with_others),
        likelier: answers.iter().filter(|answer| answer.with < answer.without).count(),
        answers,
    }
}

#[cfg(test)]
mod tests;
