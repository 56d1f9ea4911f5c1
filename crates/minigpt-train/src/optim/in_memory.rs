//! Tensors whose memory the processor's kernels work on directly.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Device, Tensor};

/// True for tensors of the CPU backend in single precision.
pub(crate) fn is_in_memory<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() == Device::flex() && tensor.dtype() == DType::F32
}

/// The memory of a tensor that [is in memory](is_in_memory), its elements one after the other.
pub(crate) fn memory<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Flex> {
    let memory = tensor.try_into_primitive::<Flex>().expect("a tensor of the CPU backend");
    memory.to_contiguous()
}
