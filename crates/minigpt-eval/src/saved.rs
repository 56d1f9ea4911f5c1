//! What is kept of a measurement in a file, for whoever reports it later.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::confusion::Confusion;
use crate::evaluate::EvalReport;
use crate::finetuned::WrittenAnswer;

/// A model measured on a text: the report, with the model, the text and the command that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedEvaluation {
    /// The model, as it was named.
    pub model: String,
    /// The step of the weights, where they are a checkpoint's.
    pub step: Option<usize>,
    /// Parameters of the model.
    pub parameters: usize,
    /// The text, as it was named.
    pub data: String,
    /// The part of it that was read.
    pub split: String,
    /// What was undone to the text, as WikiText's tokenization.
    pub detokenizer: Option<String>,
    /// Documents read.
    pub documents: usize,
    /// The protocol in words.
    pub description: String,
    /// Tokens predicted per second.
    pub tokens_per_second: f64,
    /// The picture and this file.
    pub files: [PathBuf; 2],
    /// The command line; unknown of files of earlier versions.
    #[serde(default)]
    pub command: Vec<String>,
    /// The figures.
    #[serde(flatten)]
    pub report: EvalReport,
}

/// What the best model of a run makes of the examples held out of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TaskFigures {
    /// Of a model that answers.
    Answers {
        /// Perplexity per token of the held-out answers before tuning.
        base_perplexity: Option<f64>,
        /// The same after it.
        perplexity: Option<f64>,
        /// In percent, of summaries.
        rouge_l: Option<f64>,
        /// Of a model that was tuned on preferences.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preferences: Option<PreferenceFigures>,
        /// What was forgotten, where a text was given to measure it on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forgotten: Option<Forgotten>,
        /// The questions that were put to the base and to the model.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<ComparedTask>,
        /// Answers to look at.
        answers: Vec<WrittenAnswer>,
    },
    /// Of a classifier.
    Labels {
        /// The part of the texts whose label is right.
        accuracy: f64,
        /// The mean of all labels' F1.
        macro_f1: f64,
        /// The accuracy of the most frequent label alone.
        majority: f64,
        /// What is taken for what.
        confusion: Confusion,
        /// The picture of it.
        picture: PathBuf,
    },
}

/// What a model makes of held-out preferences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreferenceFigures {
    /// Preferences that were held out.
    pub pairs: usize,
    /// The mean loss of direct preference optimisation; that of the base is ln 2.
    pub loss: f64,
    /// How much more the model prefers the chosen answers than its base does, times beta, on average.
    pub margin: f64,
    /// The part of them with a margin above 0.
    pub accuracy: f64,
}

/// A text of another kind than the examples, read before and after tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forgotten {
    /// The text as it was named, and the part of it that was read.
    pub text: String,
    /// Tokens read.
    pub tokens: usize,
    /// Perplexity per token of the base.
    pub base_perplexity: f64,
    /// The same of the model.
    pub perplexity: f64,
}

/// Questions put to the base and to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedTask {
    /// The task's name or file.
    pub task: String,
    /// The figure's name, as `acc`.
    pub figure: String,
    /// Questions.
    pub questions: usize,
    /// The base's.
    pub base: f64,
    /// The model's.
    pub tuned: f64,
    /// Standard error of the model's, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
}

#[cfg(test)]
mod tests;
