//! What a run that goes on after another's end knows of it.

use serde::{Deserialize, Serialize};

/// The run and the checkpoint that another run goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The folder of the run, as it was named.
    pub run: String,
    /// The steps that were taken there.
    pub step: usize,
}

/// Where a learning rate that had fallen rises again: warm-up and decay count from there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The steps taken before.
    pub step: usize,
    /// The rate of the last of them, from which the warm-up starts.
    pub learning_rate: f64,
}
