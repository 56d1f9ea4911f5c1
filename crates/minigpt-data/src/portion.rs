//! Which of a source's documents are looked at.

use std::fmt;
use std::str::FromStr;

use crate::DataError;

/// A part of a source's documents: one of its splits, or all there are.
///
/// Where a source has no files of its own for validation, its last tenth is that split, as in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// What a model learns from.
    Train,
    /// What is held out.
    Valid,
    /// What is kept for a last measurement.
    Test,
    /// Everything, in the order of files.
    All,
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Valid => "validation",
            Self::Test => "test",
            Self::All => "all",
        })
    }
}

impl FromStr for Portion {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "train" => Ok(Self::Train),
            "valid" | "validation" => Ok(Self::Valid),
            "test" => Ok(Self::Test),
            "all" => Ok(Self::All),
            _ => Err(DataError::UnknownPortion { given: text.to_owned() }),
        }
    }
}
