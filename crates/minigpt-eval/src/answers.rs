//! Questions answered by likelihood, as in
//! [lm-evaluation-harness](https://github.com/EleutherAI/lm-evaluation-harness).

use minigpt_data::Tokenizer;
use minigpt_model::GptRef;
use minigpt_text::{Likelihood, ScoredText, likelihoods};
use serde::Serialize;

use crate::error::EvalError;
use crate::tasks::{Cloze, MultipleChoice, Questions, Task};

/// How well a model answers the questions of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskReport {
    /// Number of questions.
    pub questions: usize,
    /// The figures of the task's kind.
    pub scores: TaskScores,
    /// What the model made of each question, in the order of the file.
    pub answers: Vec<Answer>,
}

/// The figures of a file of questions, as lm-evaluation-harness defines them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskScores {
    /// The part of the questions in which the right choice is the likeliest.
    MultipleChoice {
        /// By log-likelihood.
        acc: Accuracy,
        /// By log-likelihood over the number of characters in the choice.
        acc_norm: Accuracy,
        /// What guessing would come to.
        chance: f64,
    },
    /// Predictions of the last word.
    Cloze {
        /// The part of the texts whose last word is, token by token, the most probable.
        acc: Accuracy,
        /// The exponential of the mean over the texts of the last word's negative log-likelihood,
        /// and so a perplexity per word.
        perplexity: f64,
    },
}

/// The share of questions that were answered rightly, with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// From 0 to 1.
    pub value: f64,
    /// Standard error of the mean; none for a single question.
    pub standard_error: Option<f64>,
}

/// What a model made of one question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The question's line in the file.
    pub line: usize,
    /// Log-likelihood in nats of each choice, or of the last word.
    pub log_likelihoods: Vec<f64>,
    /// Whether it is right by `acc`.
    pub is_right: bool,
}

/// Puts the questions of a task to a model, `batch_size` continuations at a time; `progress` hears of
/// how many of how many are done.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_eval::{Cloze, Questions, Task, TaskScores, answer};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let text = "The opposite of hot is cold".to_owned();
/// let questions = Questions::Cloze(vec![Cloze { line: 1, text }]);
/// let task = Task { path: "opposites.jsonl".into(), questions };
/// let report = answer(&model, &tokenizer, &task, 16, &mut |_done, _total| {})?;
/// // Five bytes, each one of 257.
/// assert!((report.answers[0].log_likelihoods[0] + 5.0 * 257f64.ln()).abs() < 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EvalError::Data`], or [`EvalError::TaskLine`] where a continuation is longer than the context.
pub fn answer<'a>(
    model: impl Into<GptRef<'a>>,
    tokenizer: &Tokenizer,
    task: &Task,
    batch_size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskReport, EvalError> {
    let model = model.into();
    let mut texts = Vec::new();
    for (line, context, continuation) in continuations(&task.questions) {
        let text = ScoredText::new(tokenizer, &context, &continuation)?;
        let (tokens, most) = (text.tokens(), model.block_size());
        if tokens > most {
            let reason = format!("{tokens} tokens to predict, but the model's context is {most}");
            return Err(EvalError::TaskLine { path: task.path.clone(), line, reason });
        }
        texts.push(text);
    }
    let likelihoods = likelihoods(model, &texts, batch_size, progress);
    let mut likelihoods = likelihoods.into_iter();
    let mut take = |number| likelihoods.by_ref().take(number).collect::<Vec<_>>();
    let (scores, answers) = match &task.questions {
        Questions::MultipleChoice(questions) => {
            let of = |question: &MultipleChoice| take(question.choices.len());
            multiple_choice(questions, questions.iter().map(of).collect())
        }
        Questions::Cloze(questions) => cloze(questions, take(questions.len())),
    };
    Ok(TaskReport { questions: answers.len(), scores, answers })
}

/// Line, context and continuation of all that is to be scored, in the order of the questions.
fn continuations(questions: &Questions) -> Vec<(usize, String, String)> {
    match questions {
        Questions::MultipleChoice(questions) => questions
            .iter()
            .flat_map(|question| question.choices.iter().map(move |choice| (question, choice)))
            .map(|(question, choice)| {
                (question.line, question.question.clone(), format!(" {choice}"))
            })
            .collect(),
        Questions::Cloze(questions) => questions
            .iter()
            .map(|question| {
                let at = question.text.rfind(' ').unwrap_or(0);
                let (before, last) = question.text.split_at(at);
                (question.line, before.to_owned(), last.to_owned())
            })
            .collect(),
    }
}

fn multiple_choice(
    questions: &[MultipleChoice],
    likelihoods: Vec<Vec<Likelihood>>,
) -> (TaskScores, Vec<Answer>) {
    let (mut right, mut right_norm, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for (question, likelihoods) in questions.iter().zip(likelihoods) {
        let log_likelihoods: Vec<f64> = likelihoods.iter().map(|choice| -choice.nats).collect();
        let lengths = question.choices.iter().map(|choice| choice.chars().count() as f64);
        let norm: Vec<f64> =
            log_likelihoods.iter().zip(lengths).map(|(value, length)| value / length).collect();
        let is_right = first_largest(&log_likelihoods) == question.answer;
        right.push(is_right);
        right_norm.push(first_largest(&norm) == question.answer);
        answers.push(Answer { line: question.line, log_likelihoods, is_right });
    }
    let chances = questions.iter().map(|question| 1.0 / question.choices.len() as f64);
    let chance = chances.sum::<f64>() / questions.len() as f64;
    let (acc, acc_norm) = (Accuracy::of(&right), Accuracy::of(&right_norm));
    (TaskScores::MultipleChoice { acc, acc_norm, chance }, answers)
}

fn cloze(questions: &[Cloze], likelihoods: Vec<Likelihood>) -> (TaskScores, Vec<Answer>) {
    let right: Vec<bool> = likelihoods.iter().map(|word| word.is_greedy).collect();
    let nats: f64 = likelihoods.iter().map(|word| word.nats).sum();
    let perplexity = (nats / likelihoods.len() as f64).exp();
    let answer = |(question, word): (&Cloze, Likelihood)| Answer {
        line: question.line,
        log_likelihoods: vec![-word.nats],
        is_right: word.is_greedy,
    };
    let answers = questions.iter().zip(likelihoods).map(answer).collect();
    (TaskScores::Cloze { acc: Accuracy::of(&right), perplexity }, answers)
}

/// The first of the largest, as numpy's `argmax`.
fn first_largest(values: &[f64]) -> usize {
    let better = |best: usize, next: usize| if values[next] > values[best] { next } else { best };
    (0..values.len()).reduce(better).unwrap_or(0)
}

impl Accuracy {
    /// The part that is right; its error from the sample's standard deviation.
    fn of(right: &[bool]) -> Self {
        let n = right.len() as f64;
        let value = right.iter().filter(|right| **right).count() as f64 / n;
        let error = (value * (1.0 - value) / (n - 1.0)).sqrt();
        Self { value, standard_error: (right.len() > 1).then_some(error) }
    }
}

#[cfg(test)]
mod tests;
