//! What the matrix products of a forward and backward pass are computed in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device, FloatDType};
use serde::{Deserialize, Serialize};

use super::kernels::Kernels;

/// The numbers that matrix products multiply. Weights, sums, norms, softmaxes, losses and the optimiser are
/// in `f32` whatever it is ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats: 11 bits of precision and a small range, for which the loss is to be scaled.
    F16,
    /// bfloat16: 8 bits of precision and the range of 32-bit floats.
    Bf16,
}

impl Precision {
    /// True where `device` multiplies such numbers itself: a CPU with AVX512-BF16 for bfloat16, a GPU that
    /// has the type. Elsewhere products are in `f32`.
    #[must_use]
    pub fn is_native(self, device: &Device) -> bool {
        let device = device.clone().inner();
        self == Self::F32
            || self.of_tensors(&device).is_some()
            || (Kernels::of(&device) == Kernels::Cpu && self.rounds_on_processors())
    }

    /// Does multiply-adds on the processor and tells the operations, as [`minigpt_ops::multiply_adds`]; `None` where the
    /// processor has none of this type.
    #[must_use]
    pub fn multiply_adds(self, rounds: usize) -> Option<u64> {
        match self {
            Self::F32 => minigpt_ops::multiply_adds(minigpt_ops::Precision::F32, rounds),
            Self::F16 => None,
            Self::Bf16 => minigpt_ops::multiply_adds(minigpt_ops::Precision::Bf16, rounds),
        }
    }

    /// True where layers on processors round to 16 bits what they save for the backward pass, as products do.
    pub(crate) fn rounds_on_processors(self) -> bool {
        self == Self::Bf16 && minigpt_ops::Precision::Bf16.is_native()
    }

    /// True where gradients on `device` would be too small for the type unless the loss is scaled.
    #[must_use]
    pub fn needs_loss_scale(self, device: &Device) -> bool {
        self == Self::F16 && self.is_native(device)
    }

    /// The type that plain operations turn the operands of a product into, none for `f32`.
    pub(crate) fn of_tensors(self, device: &Device) -> Option<FloatDType> {
        let dtype = match self {
            Self::F32 => return None,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        };
        let is_cast = Kernels::of(device) != Kernels::Cpu && device.supports_dtype(dtype);
        is_cast.then(|| dtype.into())
    }

    /// For the kernels.
    #[cfg(feature = "cpu")]
    pub(crate) fn of_kernels(self) -> minigpt_ops::Precision {
        match self {
            Self::F32 | Self::F16 => minigpt_ops::Precision::F32,
            Self::Bf16 => minigpt_ops::Precision::Bf16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            _ => Err(format!("no precision is called {name:?}: expected f32, f16 or bf16")),
        }
    }
}
