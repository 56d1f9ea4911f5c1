//! What a GPU runs in kernels of our own, where a composition of burn's operations launches a dozen and keeps
//! what each of them gives: attention, LayerNorm, GELU, dropout, the norm of gradients. An extension of burn's GPU
//! backend.

mod attention;
mod dropout;
mod gelu;
mod layer_norm;
pub(super) mod squares;
#[cfg(test)]
mod tests;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, DispatchDevice, backend_extension};
use burn::tensor::{Device, Shape};
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};
use minigpt_ops::Dropout;

use super::graph::{parents, record, register};

/// True for what CubeCL compiles kernels for; not for another machine's GPU.
pub(super) fn is_ours(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Cube(_))
}

/// The operations; shapes are those of the functions one module up.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(super) trait OnGpu: Backend {
    /// Attention from the packed projection, and the logarithms of the softmaxes' denominators `[batch,
    /// n_head, time]`, which have no gradient.
    #[fusion(meta = attention_specs)]
    fn attention(
        qkv: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `x` with some of its elements dropped.
    #[fusion(dtype = x, shape = x)]
    fn masked(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self>;

    /// GELU in its tanh form.
    #[fusion(dtype = x, shape = x)]
    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Layer normalisation, and what each row was normalised by, `[rows, 2]`, which has no gradient.
    #[fusion(meta = layer_norm_specs)]
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What is not differentiated itself: gradients, from what the forward pass got and gave and the gradient of
/// what it gave, and their norm.
#[backend_extension(Cube, Fusion)]
pub(super) trait GradientsOnGpu: Backend {
    /// Of `qkv`.
    #[fusion(dtype = qkv, shape = qkv)]
    fn attention_backward(
        qkv: FloatTensor<Self>,
        out: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        d_out: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
    ) -> FloatTensor<Self>;

    /// Of input, weight and bias.
    #[fusion(meta = |x, weight, _, _| (x.clone(), weight.clone(), weight.clone()))]
    fn layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Of what GELU got.
    #[fusion(dtype = x, shape = x)]
    fn gelu_backward(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Parts of a sum, and the squares of what is in `x`.
    #[fusion(dtype = sums, shape = sums)]
    fn add_squares(sums: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn layer_norm_specs(
    x: &TensorSpec,
    _: &TensorSpec,
    _: &TensorSpec,
    _: &f64,
) -> (TensorSpec, TensorSpec) {
    let [batch, time, _] = x.shape.dims();
    (x.clone(), TensorSpec { shape: Shape::new([batch * time, 2]), ..x.clone() })
}

fn attention_specs(qkv: &TensorSpec, n_head: &usize, _: &Dropout) -> (TensorSpec, TensorSpec) {
    let [out, log_sums] = attention_shapes(&qkv.shape, *n_head);
    (TensorSpec { shape: out, ..qkv.clone() }, TensorSpec { shape: log_sums, ..qkv.clone() })
}

/// Of what attention gives, from `[batch, time, 3 * n_embd]`.
fn attention_shapes(qkv: &Shape, n_head: usize) -> [Shape; 2] {
    let [batch, time, width] = qkv.dims();
    [Shape::new([batch, time, width / 3]), Shape::new([batch, n_head, time])]
}

impl OnGpu for CubeBackend {
    fn attention(
        qkv: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        attention::forward(qkv, n_head, dropout)
    }

    fn masked(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
        dropout::masked(x, dropout)
    }

    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        gelu::forward(x)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        layer_norm::forward(x, weight, bias, epsilon)
    }
}

impl GradientsOnGpu for CubeBackend {
    fn attention_backward(
        qkv: FloatTensor<Self>,
        out: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        d_out: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        attention::backward(qkv, out, log_sums, d_out, n_head, dropout)
    }

    fn layer_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        layer_norm::backward(x, weight, statistics, dy)
    }

    fn gelu_backward(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        gelu::backward(x, dy)
    }

    fn add_squares(sums: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        squares::add(sums, x)
    }
}

/// Units of a cube where they add up together what each of them found.
const UNITS: usize = 64;

/// The sum of the numbers that the units of a cube have.
#[cube]
fn sum_over_units(number: f32, shared: &mut Shared<[f32]>) -> f32 {
    shared[UNIT_POS_X as usize] = number;
    sync_cube();
    let mut sum = f32::new(0.0);
    for unit in 0..UNITS {
        sum += shared[unit];
    }
    sync_cube();
    sum
}

/// How a kernel is launched that has a unit for each element of `x`.
fn a_unit_each(x: &CubeTensor) -> (CubeCount, CubeDim) {
    let units = x.meta.shape().num_elements();
    let dim = CubeDim::new(&x.client, units);
    (cubecl::calculate_cube_count_elemwise(&x.client, units, dim), dim)
}

/// Memory for a tensor where `like` is, of its type.
fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, shape, like.dtype)
}

impl<C: CheckpointStrategy> OnGpu for Autodiff<Cube, C> {
    fn attention(
        qkv: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [qkv.node()];
        let qkv = qkv.into_primitive();
        let (out, log_sums) = Cube::attention(qkv.clone(), n_head, dropout);
        let state =
            AttentionState { qkv, out: out.clone(), log_sums: log_sums.clone(), n_head, dropout };
        let out = record::<Cube, _, C, _>(Attention, nodes, out, state);
        (out, FloatTensor::<Self>::new(log_sums))
    }

    fn masked(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let y = Cube::masked(x.into_primitive(), dropout);
        record::<Cube, _, C, _>(Masked, nodes, y, dropout)
    }

    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        record::<Cube, _, C, _>(Gelu, nodes, Cube::gelu(x.clone()), x)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), weight.node(), bias.node()];
        let [x, weight, bias] = [x, weight, bias].map(FloatTensor::<Self>::into_primitive);
        let (y, statistics) = Cube::layer_norm(x.clone(), weight.clone(), bias, epsilon);
        let state = (x, weight, statistics.clone());
        let y = record::<Cube, _, C, _>(LayerNorm, nodes, y, state);
        (y, FloatTensor::<Self>::new(statistics))
    }
}

#[derive(Debug)]
struct Attention;

#[derive(Clone, Debug)]
struct AttentionState {
    qkv: FloatTensor<Cube>,
    out: FloatTensor<Cube>,
    log_sums: FloatTensor<Cube>,
    n_head: usize,
    dropout: Dropout,
}

impl Backward<Cube, 1> for Attention {
    type State = AttentionState;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d_out = grads.consume::<Cube>(&ops.node);
        let parents = parents(&ops);
        let AttentionState { qkv, out, log_sums, n_head, dropout } = ops.state;
        let d_qkv = Cube::attention_backward(qkv, out, log_sums, d_out, n_head, dropout);
        register::<Cube, 1>(parents, grads, [d_qkv]);
    }
}

#[derive(Debug)]
struct Masked;

impl Backward<Cube, 1> for Masked {
    type State = Dropout;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Cube>(&ops.node);
        register::<Cube, 1>(parents(&ops), grads, [Cube::masked(dy, ops.state)]);
    }
}

#[derive(Debug)]
struct Gelu;

impl Backward<Cube, 1> for Gelu {
    /// The input.
    type State = FloatTensor<Cube>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Cube>(&ops.node);
        let parents = parents(&ops);
        register::<Cube, 1>(parents, grads, [Cube::gelu_backward(ops.state, dy)]);
    }
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Cube, 3> for LayerNorm {
    /// Input, weight, and what each row was normalised by.
    type State = (FloatTensor<Cube>, FloatTensor<Cube>, FloatTensor<Cube>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Cube>(&ops.node);
        let parents = parents(&ops);
        let (x, weight, statistics) = ops.state;
        let (dx, d_weight, d_bias) = Cube::layer_norm_backward(x, weight, statistics, dy);
        register::<Cube, 3>(parents, grads, [dx, d_weight, d_bias]);
    }
}
