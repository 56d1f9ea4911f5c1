//! What the members of GPT-2's family differ in besides their sizes. Every default is GPT-2's.

use serde::{Deserialize, Serialize};

/// How vectors are normalised, before each half of a block and before the head.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormConfig {
    /// By which formula.
    pub kind: NormKind,
    /// Added to the variance, or to the mean square, before its root is taken.
    pub epsilon: f64,
}

/// Which formula a normalisation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// Mean zero and variance one ([Ba et al., 2016](https://arxiv.org/abs/1607.06450)).
    #[default]
    LayerNorm,
    /// Mean square one ([Zhang and Sennrich, 2019](https://arxiv.org/abs/1910.07467)).
    RmsNorm,
}

impl Default for NormConfig {
    fn default() -> Self {
        Self { kind: NormKind::default(), epsilon: 1e-5 }
    }
}

/// How a model knows where in its context a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// A trained vector for each position, added to that of the token.
    #[default]
    Learned,
    /// Queries and keys turned by angles that grow with the position.
    Rotary(RotaryConfig),
}

/// Rotary position embedding ([Su et al., 2021](https://arxiv.org/abs/2104.09864)).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotaryConfig {
    /// Pair `i` of a head turns by `base^(-2i / head_size)` radians a position: 10,000 in the paper.
    pub base: f64,
    /// Slower turns, for a context longer than the one of the first training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<RotaryScaling>,
}

/// How the turns of a [`RotaryConfig`] are slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RotaryScaling {
    /// All by one factor ([Chen et al., 2023](https://arxiv.org/abs/2306.15595)).
    Linear {
        /// What angles are divided by.
        factor: f64,
    },
    /// Slow turns by the factor, fast ones not at all, those between by something between, as in Llama 3.1
    /// ([Llama team, 2024](https://arxiv.org/abs/2407.21783)).
    Llama3 {
        /// What the angles of slow turns are divided by.
        factor: f64,
        /// Pairs that turn less often than this within the original context are slow.
        low_freq_factor: f64,
        /// Pairs that turn more often than this within the original context are fast.
        high_freq_factor: f64,
        /// The context of the first training, in tokens.
        original_context: usize,
    },
}

/// What the perceptron does between its two matrices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MlpKind {
    /// GELU in its tanh form ([Hendrycks and Gimpel, 2016](https://arxiv.org/abs/1606.08415)).
    #[default]
    GeluTanh,
    /// GELU itself, with the error function.
    GeluExact,
    /// `silu(gate) · up` of two halves that the first matrix gives ([Shazeer,
    /// 2020](https://arxiv.org/abs/2002.05202)).
    Swiglu,
    /// `max(x, 0)²` ([So et al., 2021](https://arxiv.org/abs/2109.08668)).
    ReluSquared,
}

/// Which layers add a trained vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BiasConfig {
    /// The projection to queries, keys and values, `c_attn`.
    pub attention: bool,
    /// The attention's projection back onto the residual stream, its `c_proj`.
    pub attention_output: bool,
    /// Both matrices of the perceptron.
    pub mlp: bool,
    /// The normalisations; one that is [`RmsNorm`](NormKind::RmsNorm) has none.
    pub norm: bool,
}

impl BiasConfig {
    /// No layer has a bias.
    pub const NONE: Self =
        Self { attention: false, attention_output: false, mlp: false, norm: false };
}

impl Default for BiasConfig {
    fn default() -> Self {
        Self { attention: true, attention_output: true, mlp: true, norm: true }
    }
}
