//! What the matrix products of a forward and backward pass are computed in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::ops::has_kernels;

/// The numbers that matrix products multiply. Weights, sums, norms, softmaxes, losses and the optimiser are
/// in `f32` whatever it is ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16: 8 bits of precision and the range of 32-bit floats.
    Bf16,
}

impl Precision {
    /// True where `device` multiplies such numbers itself: for bfloat16, a CPU with AVX512-BF16. Elsewhere
    /// products are in `f32`.
    pub fn is_native(self, device: &Device) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => {
                has_kernels(&device.clone().inner()) && minigpt_ops::Precision::Bf16.is_native()
            }
        }
    }

    /// For the kernels.
    pub(crate) fn of_kernels(self) -> minigpt_ops::Precision {
        match self {
            Self::F32 => minigpt_ops::Precision::F32,
            Self::Bf16 => minigpt_ops::Precision::Bf16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(format!("no precision is called {name:?}: expected f32 or bf16")),
        }
    }
}
