//! What can be wrong with a sweep.

use std::path::PathBuf;

use crate::error::TrainError;

/// What can be wrong with a sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The file is not valid TOML, or has a key that no sweep has.
    #[error("not a valid sweep file: {0}")]
    Toml(String),
    /// A field of the file has no meaning.
    #[error("{field}: expected {expected}")]
    Field {
        /// The field.
        field: String,
        /// What it could be.
        expected: &'static str,
    },
    /// A setting has no such name or value.
    #[error(transparent)]
    Setting(#[from] TrainError),
    /// A trial describes no run.
    #[error("trial {name}: {error}")]
    Trial {
        /// The trial's setting.
        name: String,
        /// What is wrong with it.
        error: Box<TrainError>,
    },
    /// Too many trials to be meant.
    #[error(
        "{trials} trials: expected at most {most}; vary fewer settings, or use method = \"random\""
    )]
    TooMany {
        /// How many there would be.
        trials: u128,
        /// How many there may be.
        most: usize,
    },
    /// A folder of a trial holds a run of other settings.
    #[error(
        "{path} holds a run with another {setting}: choose another --name, or move the folder away"
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// The first setting in which it differs.
        setting: String,
    },
}
