//! What a forward pass keeps for its backward pass: in half the memory where products round it anyway.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use minigpt_ops::{Precision, round_to_bf16, rounded_len, widen_from_bf16};

use super::memory::buffer;
use super::{FlexTensor, tensor, values};

/// A tensor, as it is or rounded.
#[derive(Clone, Debug)]
pub(super) enum Saved {
    Whole(FlexTensor),
    Rounded(FlexTensor, Shape),
}

impl Saved {
    pub(super) fn new(x: FlexTensor, precision: Precision) -> Self {
        if precision != Precision::Bf16 || !precision.is_native() {
            return Self::Whole(x);
        }
        let mut rounded = buffer(rounded_len(values(&x).len()));
        round_to_bf16(values(&x), &mut rounded);
        let len = rounded.len();
        Self::Rounded(tensor(rounded, [len]), x.shape())
    }

    pub(super) fn widened(&self) -> FlexTensor {
        match self {
            Self::Whole(x) => x.clone(),
            Self::Rounded(rounded, shape) => {
                let mut x = buffer(shape.num_elements());
                widen_from_bf16(values(rounded), &mut x);
                tensor(x, shape.clone())
            }
        }
    }
}
