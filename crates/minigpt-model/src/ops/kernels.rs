//! Which kernels of our own a device has.

use burn::tensor::Device;

/// What runs attention, LayerNorm, GELU and dropout of a training step on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// The kernels of `minigpt-ops`, on the CPU, which keep no weights of attention for the backward pass, and of
    /// GELU what it gets alone.
    Cpu,
    /// Kernels for GPUs, which keep no weights of attention either.
    Gpu,
    /// None, but burn's own operations: on another machine's device, and where the crate has no feature of the
    /// device's name.
    Plain,
}

impl Kernels {
    /// Of `device`, with gradients or without.
    #[cfg_attr(not(any(feature = "cpu", feature = "gpu")), expect(unused_variables))]
    #[must_use]
    pub fn of(device: &Device) -> Self {
        #[cfg(test)]
        if super::tests::PLAIN.get() {
            return Self::Plain;
        }
        #[cfg(feature = "cpu")]
        if *device == Device::flex() {
            return Self::Cpu;
        }
        #[cfg(feature = "gpu")]
        if super::gpu::is_ours(device) {
            return Self::Gpu;
        }
        Self::Plain
    }
}
