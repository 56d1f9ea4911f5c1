//! Distillation: what a model learns from besides its text.

use serde::{Deserialize, Serialize};

/// The models that another learns from: its objective is `(1 - α) · cross-entropy + α · T² · KL(teachers ‖ student)`
/// ([Hinton et al., 2015](https://arxiv.org/abs/1503.02531)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    /// Whose probabilities are averaged; at least one.
    pub models: Vec<TeacherModel>,
    /// The share `α` of the objective that is theirs, 0 to 1.
    pub weight: f64,
    /// The temperature `T` at which they are compared, 0.01 to 100.
    pub temperature: f64,
}

/// A checkpoint of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherModel {
    /// The folder of the run, as it was named.
    pub run: String,
    /// The step of the checkpoint.
    pub step: usize,
    /// SHA-256 of its weights: a resumed run has the same.
    pub sha256: String,
}

impl TeacherConfig {
    /// The share that is the teachers' where nothing else is said.
    pub const WEIGHT: f64 = 0.5;
    /// The temperature where nothing else is said.
    pub const TEMPERATURE: f64 = 1.0;
}
