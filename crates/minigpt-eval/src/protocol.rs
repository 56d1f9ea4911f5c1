//! How a text that is longer than the context is read, without which no perplexity means anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// Windows of `context` tokens that move on by `stride`: each token is predicted once, in the first
/// window that has it, and there is no padding to count.
///
/// A stride as long as the context makes disjoint windows, in which the first token of each is
/// predicted from one token alone. A shorter one is the sliding window of [Hugging Face's
/// page](https://huggingface.co/docs/transformers/perplexity) on perplexity: all but the first window
/// predict with at least `context - stride + 1` tokens before them. There a window of `max_length`
/// holds the tokens that it predicts: the same protocol is `context = max_length - 1` here, where the
/// last token need not be read to be predicted. The last window ends with the text, and so has more
/// context rather than less.
///
/// What goes beyond one model with fixed weights is part of the protocol too, and of its name: several models whose
/// probabilities are averaged, a cache of what was read, weights that move while they read. Such figures say what more
/// computing is worth, and are never to be compared with those of a model alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Maximum number of tokens read before each prediction.
    pub context: usize,
    /// Tokens from the start of one window to that of the next.
    pub stride: usize,
    /// Models whose probabilities are averaged.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub models: usize,
    /// What was read before, of which each model finds again what followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheConfig>,
    /// How the weights of each model move while it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicConfig>,
}

/// A continuous neural cache ([Grave et al., 2016](https://arxiv.org/abs/1612.04426)): the last tokens of the text with
/// the input of the model's head before each. A token's probability is `(1 - lambda) · p_model + lambda · p_cache`, where
/// `p_cache` adds up `exp(theta · h_t · h_i)` over the places `i` that the token followed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheConfig {
    /// Tokens that it holds at most.
    pub tokens: usize,
    /// The cache's share of the probability.
    pub lambda: f64,
    /// How much the likeness of two places counts.
    pub theta: f64,
}

impl CacheConfig {
    /// The default theta for a model of this width. Products of unrelated hidden states grow with the root of the width, so
    /// theta falls with it: 0.1 was the best tried at 128, and 0.06 at 384. Three decimals keep names of reports short.
    #[must_use]
    pub fn default_theta(width: usize) -> f64 {
        let theta = 0.1 * (128.0 / width as f64).sqrt();
        (theta * 1e3).round() / 1e3
    }
}

/// Dynamic evaluation ([Krause et al., 2018](https://arxiv.org/abs/1709.07432)): after each window the weights move
/// against the gradient of its new tokens' mean loss, and a part of the way back to what they were. Every token is
/// predicted before it is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DynamicConfig {
    /// What a gradient is divided by.
    pub rule: DynamicRule,
    /// The learning rate.
    pub rate: f64,
    /// The part of the way back after each window.
    pub decay: f64,
}

/// What dynamic evaluation divides a gradient by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DynamicRule {
    /// Nothing: stochastic gradient descent.
    Sgd,
    /// The root mean square that each weight's gradient has in training text; the way back is in proportion to it.
    Rms,
}

impl DynamicRule {
    /// The names that [`FromStr`] takes.
    pub const NAMES: [&str; 2] = ["rms", "sgd"];
}

impl FromStr for DynamicRule {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        match name {
            "sgd" => Ok(Self::Sgd),
            "rms" => Ok(Self::Rms),
            _ => Err(EvalError::UnknownRule { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for DynamicRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sgd => "sgd",
            Self::Rms => "rms",
        })
    }
}

impl Protocol {
    /// One model with fixed weights over windows of `context` tokens that move on by `stride`.
    #[must_use]
    pub fn windows(context: usize, stride: usize) -> Self {
        Self { context, stride, models: 1, cache: None, dynamic: None }
    }

    /// Windows that do not overlap, as in validation while training.
    #[must_use]
    pub fn disjoint(context: usize) -> Self {
        Self::windows(context, context)
    }

    /// Whether one model alone predicts, with weights that stay and no cache.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.models == 1 && self.cache.is_none() && self.dynamic.is_none()
    }

    /// Checks that a model with this context can be evaluated so.
    ///
    /// # Errors
    /// [`EvalError::Protocol`] or [`EvalError::ProtocolNumber`].
    pub fn validate(&self, block_size: usize) -> Result<(), EvalError> {
        let whole = |option, value, most| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(EvalError::Protocol { option, value, most }),
        };
        whole("context", self.context, block_size)?;
        whole("stride", self.stride, self.context)?;
        let number = |option, value: f64, holds: bool, expected| match holds && value.is_finite() {
            true => Ok(()),
            false => Err(EvalError::ProtocolNumber { option, value, expected }),
        };
        if let Some(CacheConfig { tokens, lambda, theta }) = self.cache {
            whole("cache", tokens, MOST_CACHED)?;
            let is_share = lambda > 0.0 && lambda < 1.0;
            number("cache lambda", lambda, is_share, "a number above 0 and below 1")?;
            // A smaller one would make the names of reports too long.
            let is_theta = theta == 0.0 || (1e-6..=1e3).contains(&theta);
            number("cache theta", theta, is_theta, "0, or 0.000001 to 1000")?;
        }
        if let Some(DynamicConfig { rate, decay, .. }) = self.dynamic {
            number("dynamic rate", rate, rate > 0.0, "a number above 0")?;
            number("dynamic decay", decay, (0.0..=1.0).contains(&decay), "0 to 1")?;
        }
        Ok(())
    }

    /// The protocol as a part of a file's name, another for each protocol.
    #[must_use]
    pub fn file_name(&self) -> String {
        let Self { context, stride, models, cache, dynamic } = self;
        let mut name = format!("context-{context}-stride-{stride}");
        if let Some(CacheConfig { tokens, lambda, theta }) = cache {
            name += &format!("-cache-{tokens}-{lambda}-{theta}");
        }
        if let Some(DynamicConfig { rule, rate, decay }) = dynamic {
            name += &format!("-dynamic-{rule}-{rate}-{decay}");
        }
        if *models > 1 {
            name += &format!("-ensemble-of-{models}");
        }
        name
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { context, stride, models, cache, dynamic } = self;
        if stride == context {
            write!(f, "disjoint windows of {context} tokens")?;
        } else {
            write!(f, "windows of {context} tokens, stride {stride}")?;
        }
        if let Some(CacheConfig { tokens, lambda, theta }) = cache {
            write!(f, ", neural cache of {tokens} tokens (lambda {lambda}, theta {theta})")?;
        }
        if let Some(DynamicConfig { rule, rate, decay }) = dynamic {
            write!(f, ", dynamic evaluation ({rule}, rate {rate}, decay {decay})")?;
        }
        if *models > 1 {
            write!(f, ", ensemble of {models} models")?;
        }
        Ok(())
    }
}

/// Most tokens of a cache: more would be compared with each token than a model has weights.
const MOST_CACHED: usize = 1 << 20;

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_one(models: &usize) -> bool {
    *models == 1
}

#[cfg(test)]
mod tests;
