//! Tensors whose memory the processor's kernels work on directly.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Device, Tensor};
use minigpt_ops::in_pool;

/// True for tensors of the CPU backend in single precision.
pub(crate) fn is_in_memory<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() == Device::flex() && tensor.dtype() == DType::F32
}

/// Does `work` on `device`: for the CPU backend's, on one of the threads that its kernels share.
pub(crate) fn work_on<R: Send>(device: Device, work: impl FnOnce() -> R + Send) -> R {
    if device.inner() == Device::flex() { in_pool(work) } else { work() }
}

/// The memory of a tensor that [is in memory](is_in_memory), its elements one after the other.
pub(crate) fn memory<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Flex> {
    let memory = tensor.try_into_primitive::<Flex>().expect("a tensor of the CPU backend");
    memory.to_contiguous()
}
