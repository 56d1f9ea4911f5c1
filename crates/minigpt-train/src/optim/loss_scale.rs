//! The factor that keeps small gradients above the smallest 16-bit float.

use serde::{Deserialize, Serialize};

/// Steps without an overflow before a larger factor is tried.
const PATIENCE: usize = 2000;

/// Dynamic loss scaling ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740), section 3.2): the
/// objective is multiplied before the backward pass and the gradients are divided after it. A step whose
/// gradients overflow is left out and halves the factor; many without an overflow double it.
///
/// It is part of a checkpoint, so that a resumed run goes on with the same one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossScale {
    /// A power of two, so that it rounds nothing.
    factor: f64,
    /// Steps since it changed.
    steps: usize,
}

impl Default for LossScale {
    fn default() -> Self {
        Self { factor: 65_536.0, steps: 0 }
    }
}

impl LossScale {
    /// The factor.
    pub(crate) fn factor(self) -> f64 {
        self.factor
    }

    /// The scale after a step whose gradients were numbers.
    #[must_use]
    pub(crate) fn after_a_step(self) -> Self {
        if self.steps + 1 < PATIENCE {
            return Self { steps: self.steps + 1, ..self };
        }
        Self { factor: 2.0 * self.factor, steps: 0 }
    }

    /// The scale after a step whose gradients were too large, or none where a smaller factor would not help:
    /// then it is the model that diverges.
    pub(crate) fn after_an_overflow(self) -> Option<Self> {
        (self.factor > 1.0).then(|| Self { factor: self.factor / 2.0, steps: 0 })
    }
}

#[cfg(test)]
mod tests;
