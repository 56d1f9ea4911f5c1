//! The elements of tensors of burn's CPU backend, as the kernels take them and give them.

use burn::backend::ops::IntTensorOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, IntDType, Shape, TensorData};

use super::FlexTensor;
use super::memory::bytes;

/// Token ids that lie in memory one after the other.
#[derive(Clone, Debug)]
pub(super) struct Ids(FlexTensor);

impl Ids {
    pub(super) fn new(ids: FlexTensor) -> Self {
        Self(contiguous(Flex::int_cast(ids, IntDType::I32)))
    }

    pub(super) fn values(&self) -> &[i32] {
        self.0.storage()
    }

    /// Of ids `[batch, time]`.
    pub(super) fn dims(&self) -> [usize; 2] {
        self.0.shape().dims()
    }

    /// Ids in the last dimension.
    pub(super) fn row_len(&self) -> usize {
        last_dim(&self.0)
    }
}

/// A tensor whose elements lie in memory one after the other, and nothing else.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// The elements of a [`contiguous`] tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.storage()
}

pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::from_bytes(bytes(values), shape.into(), DType::F32))
}

pub(super) fn last_dim(tensor: &FlexTensor) -> usize {
    let shape = tensor.shape();
    shape[shape.num_dims() - 1]
}
