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

#[cfg(test)]
mod tests;
