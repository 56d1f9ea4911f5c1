//! What a model is tuned for.

use std::fmt;
use std::str::FromStr;

use minigpt_data::{ChatTemplate, Template};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// What a model is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinetuneTask {
    /// To continue texts of another kind.
    Lm,
    /// To answer instructions.
    Instruct,
    /// To summarise documents.
    Summarize,
    /// To tell what a text is, by a head on its last token.
    Classify,
    /// To prefer one of two answers, by direct preference optimisation ([Rafailov et al.,
    /// 2023](https://arxiv.org/abs/2305.18290)).
    Prefer,
}

impl FinetuneTask {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Lm, Self::Instruct, Self::Summarize, Self::Classify, Self::Prefer];

    /// The name that [`FromStr`] takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lm => "lm",
            Self::Instruct => "instruct",
            Self::Summarize => "summarize",
            Self::Classify => "classify",
            Self::Prefer => "prefer",
        }
    }

    /// How the task is put to a model, where it is put in words: to answer, as the model was taught by its
    /// own template if it has one.
    pub(super) fn template(self, of_base: Option<ChatTemplate>) -> Option<ChatTemplate> {
        match self {
            Self::Instruct | Self::Prefer => {
                Some(of_base.unwrap_or_else(|| Template::instruct().into()))
            }
            Self::Summarize => Some(Template::summarize().into()),
            Self::Lm | Self::Classify => None,
        }
    }
}

impl fmt::Display for FinetuneTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FinetuneTask {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            TrainError::UnknownName { kind: "task", name: name.to_owned(), known }
        })
    }
}
