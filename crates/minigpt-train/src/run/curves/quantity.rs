//! What a picture of curves shows, and over what.

use std::str::FromStr;

use crate::error::TrainError;
use crate::run::row::Row;

/// What the vertical axis of a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Training loss beside validation loss, in nats per token.
    Loss,
    /// Validation perplexity per token.
    Perplexity,
    /// Learning rate.
    LearningRate,
    /// Norm of all gradients before clipping.
    GradNorm,
    /// Training tokens per second.
    TokensPerSecond,
}

/// What a picture's horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Optimiser steps.
    Steps,
    /// Training tokens seen.
    Tokens,
    /// Passes over the training text.
    Passes,
    /// Minutes of training, validations included.
    Minutes,
}

impl Quantity {
    /// All quantities, in the order in which they are listed.
    pub const ALL: [Self; 5] =
        [Self::Loss, Self::Perplexity, Self::LearningRate, Self::GradNorm, Self::TokensPerSecond];

    /// The name that [`FromStr`] takes and that a picture's file has.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Perplexity => "perplexity",
            Self::LearningRate => "learning-rate",
            Self::GradNorm => "grad-norm",
            Self::TokensPerSecond => "tokens-per-second",
        }
    }
}

impl Axis {
    pub(super) fn of(self, row: &Row) -> f64 {
        match self {
            Self::Steps => row.step as f64,
            Self::Tokens => row.tokens as f64,
            Self::Passes => row.passes,
            Self::Minutes => row.seconds / 60.0,
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Steps => "step",
            Self::Tokens => "training tokens",
            Self::Passes => "passes over the training text",
            Self::Minutes => "minutes",
        }
    }
}

impl FromStr for Quantity {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        Self::ALL.into_iter().find(|quantity| quantity.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            TrainError::UnknownName { kind: "curve", name: name.to_owned(), known }
        })
    }
}

impl FromStr for Axis {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        match name {
            "steps" => Ok(Self::Steps),
            "tokens" => Ok(Self::Tokens),
            "passes" => Ok(Self::Passes),
            "minutes" => Ok(Self::Minutes),
            _ => {
                let known = "steps, tokens, passes, minutes".to_owned();
                Err(TrainError::UnknownName { kind: "axis", name: name.to_owned(), known })
            }
        }
    }
}
