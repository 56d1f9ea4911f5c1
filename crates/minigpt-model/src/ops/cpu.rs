//! The operations on the memory of burn's CPU backend: an extension of it, and its forward passes.

mod backward;
pub(super) mod distillation;
mod elements;
pub(super) mod heads;
pub(super) mod layer;
mod linear;
pub(super) mod loss;
mod low_rank;
mod memory;
mod saved;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use minigpt_ops::{AttentionShape, CrossEntropy, Dropout, Precision, RowStatistics};

use distillation::Lessons;
use elements::{Ids, contiguous, last_dim, tensor, values};
use heads::GroupedPlan;
use layer::LayerPlan;
use loss::FrozenHead;
use memory::buffer;
pub(super) use memory::release_free_memory;

/// A tensor of burn's CPU backend.
pub(super) type FlexTensor = FloatTensor<Flex>;

/// The fused operations; shapes are those of the functions one module up.
#[backend_extension(Flex, Autodiff)]
pub(super) trait Fused: Backend {
    /// Rows of two tables, added and dropped.
    fn embed(
        tokens: IntTensor<Self>,
        wte: FloatTensor<Self>,
        wpe: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self>;

    /// Layer normalisation.
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// Root mean square normalisation.
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f64)
    -> FloatTensor<Self>;

    /// Half of each row gates the other.
    fn swiglu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Matrix product.
    fn project(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Matrix product and bias.
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Two of them with GELU between.
    fn mlp(
        x: FloatTensor<Self>,
        w_fc: FloatTensor<Self>,
        b_fc: FloatTensor<Self>,
        w_proj: FloatTensor<Self>,
        b_proj: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// What an adapter adds to a layer.
    fn low_rank(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
        dropout: Dropout,
    ) -> FloatTensor<Self>;

    /// GELU in its tanh form.
    fn tanh_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// A dropped branch onto the residual stream.
    fn residual(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self>;

    /// A layer with what comes before it: input, scale of a norm, weight, factors; those that the plan has no use for
    /// are anything.
    fn layer(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        plan: LayerPlan,
    ) -> FloatTensor<Self>;

    /// Attention from grouped queries, keys and values; scales of norms of `queries` and `keys` that the plan has no use
    /// for are anything, cosines and sines have no gradient.
    fn grouped_attention(
        qkv: FloatTensor<Self>,
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        plan: GroupedPlan,
    ) -> FloatTensor<Self>;

    /// As `linear_cross_entropy`, of a head that is not trained.
    fn frozen_cross_entropy(
        hidden: FloatTensor<Self>,
        targets: IntTensor<Self>,
        head: FrozenHead,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Attention from the packed projection.
    fn causal_attention(
        qkv: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Objective and nats, `[1]` each; only the objective has a gradient.
    fn linear_cross_entropy(
        hidden: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        smoothing: f64,
        precision: Precision,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The same with teachers.
    fn distillation(
        hidden: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        lessons: Lessons,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl Fused for Flex {
    fn embed(tokens: FlexTensor, wte: FlexTensor, wpe: FlexTensor, dropout: Dropout) -> FlexTensor {
        embed(&Ids::new(tokens), &contiguous(wte), &contiguous(wpe), dropout)
    }

    fn layer_norm(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, epsilon: f64) -> FlexTensor {
        let [x, weight, bias] = [x, weight, bias].map(contiguous);
        layer_norm(&x, &weight, &bias, epsilon).0
    }

    fn rms_norm(x: FlexTensor, weight: FlexTensor, epsilon: f64) -> FlexTensor {
        rms_norm(&contiguous(x), &contiguous(weight), epsilon).0
    }

    fn swiglu(x: FlexTensor) -> FlexTensor {
        swiglu(&contiguous(x))
    }

    fn project(x: FlexTensor, weight: FlexTensor, precision: Precision) -> FlexTensor {
        project(&contiguous(x), &contiguous(weight), precision)
    }

    fn linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        precision: Precision,
    ) -> FlexTensor {
        let [x, weight, bias] = [x, weight, bias].map(contiguous);
        linear(&x, &weight, &bias, precision)
    }

    fn mlp(
        x: FlexTensor,
        w_fc: FlexTensor,
        b_fc: FlexTensor,
        w_proj: FlexTensor,
        b_proj: FlexTensor,
        precision: Precision,
    ) -> FlexTensor {
        let [x, w_fc, b_fc, w_proj, b_proj] = [x, w_fc, b_fc, w_proj, b_proj].map(contiguous);
        let hidden = project(&x, &w_fc, precision);
        linear(&bias_gelu(&hidden, &b_fc), &w_proj, &b_proj, precision)
    }

    fn low_rank(
        x: FlexTensor,
        a: FlexTensor,
        b: FlexTensor,
        scale: f64,
        dropout: Dropout,
    ) -> FlexTensor {
        let [x, a, b] = [x, a, b].map(contiguous);
        low_rank(&x, &a, &b, scale, dropout).0
    }

    fn tanh_gelu(x: FlexTensor) -> FlexTensor {
        gelu(&contiguous(x))
    }

    fn residual(x: FlexTensor, branch: FlexTensor, dropout: Dropout) -> FlexTensor {
        residual(&contiguous(x), &contiguous(branch), dropout)
    }

    fn layer(
        x: FlexTensor,
        norm: FlexTensor,
        weight: FlexTensor,
        a: FlexTensor,
        b: FlexTensor,
        plan: LayerPlan,
    ) -> FlexTensor {
        let [x, norm, weight, a, b] = [x, norm, weight, a, b].map(contiguous);
        layer::forward(&x, &norm, &weight, [&a, &b], &plan).0
    }

    fn grouped_attention(
        qkv: FlexTensor,
        queries: FlexTensor,
        keys: FlexTensor,
        cos: FlexTensor,
        sin: FlexTensor,
        plan: GroupedPlan,
    ) -> FlexTensor {
        let [scales, angles] = [[queries, keys], [cos, sin]].map(|pair| pair.map(contiguous));
        plan.forward(&contiguous(qkv), &scales, &angles).0
    }

    fn frozen_cross_entropy(
        hidden: FlexTensor,
        targets: FlexTensor,
        head: FrozenHead,
    ) -> (FlexTensor, FlexTensor) {
        scalars(head.loss(&contiguous(hidden), &Ids::new(targets), None))
    }

    fn causal_attention(
        qkv: FlexTensor,
        n_head: usize,
        dropout: Dropout,
        precision: Precision,
    ) -> FlexTensor {
        causal_attention(&contiguous(qkv), n_head, dropout, precision).0
    }

    fn linear_cross_entropy(
        hidden: FlexTensor,
        head: FlexTensor,
        targets: FlexTensor,
        smoothing: f64,
        precision: Precision,
    ) -> (FlexTensor, FlexTensor) {
        let [hidden, head] = [hidden, head].map(contiguous);
        let targets = Ids::new(targets);
        let (hidden, head, targets) = (values(&hidden), values(&head), targets.values());
        let smoothing = smoothing as f32;
        scalars(minigpt_ops::linear_cross_entropy(precision, hidden, head, targets, smoothing))
    }

    fn distillation(
        hidden: FlexTensor,
        head: FlexTensor,
        targets: FlexTensor,
        lessons: Lessons,
    ) -> (FlexTensor, FlexTensor) {
        let [hidden, head] = [hidden, head].map(contiguous);
        scalars(lessons.loss(&hidden, &head, &Ids::new(targets), None))
    }
}

fn embed(tokens: &Ids, wte: &FlexTensor, wpe: &FlexTensor, dropout: Dropout) -> FlexTensor {
    let [batch, time] = tokens.dims();
    let n_embd = last_dim(wte);
    let mut y = buffer(batch * time * n_embd);
    let row = |row: usize| row * n_embd..(row + 1) * n_embd;
    for (index, (y, id)) in y.chunks_exact_mut(n_embd).zip(tokens.values()).enumerate() {
        let token = &values(wte)[row(*id as usize)];
        let position = &values(wpe)[row(index % time)];
        y.iter_mut()
            .zip(token)
            .zip(position)
            .for_each(|((y, token), position)| *y = token + position);
    }
    dropped(tensor(y, [batch, time, n_embd]), dropout)
}

/// `x` with some of its elements dropped.
pub(super) fn dropped(x: FlexTensor, dropout: Dropout) -> FlexTensor {
    if dropout.is_none() {
        return x;
    }
    let mut y = buffer(values(&x).len());
    minigpt_ops::dropout(values(&x), dropout, &mut y);
    tensor(y, x.shape())
}

/// Also what each row was normalised by.
pub(super) fn layer_norm(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    epsilon: f64,
) -> (FlexTensor, Vec<RowStatistics>) {
    let x_values = values(x);
    let mut statistics = vec![RowStatistics::default(); x_values.len() / last_dim(x)];
    let mut y = buffer(x_values.len());
    let (weight, bias) = (values(weight), values(bias));
    minigpt_ops::layer_norm(x_values, weight, bias, epsilon as f32, &mut y, &mut statistics);
    (tensor(y, x.shape()), statistics)
}

/// Also what each row was multiplied by.
pub(super) fn rms_norm(
    x: &FlexTensor,
    weight: &FlexTensor,
    epsilon: f64,
) -> (FlexTensor, Vec<f32>) {
    let x_values = values(x);
    let mut reciprocals = vec![0.0; x_values.len() / last_dim(x)];
    let mut y = buffer(x_values.len());
    minigpt_ops::rms_norm(x_values, values(weight), epsilon as f32, &mut y, &mut reciprocals);
    (tensor(y, x.shape()), reciprocals)
}

pub(super) fn swiglu(x: &FlexTensor) -> FlexTensor {
    let [batch, time, width] = x.shape().dims();
    let mut y = buffer(batch * time * width / 2);
    minigpt_ops::swiglu(width / 2, values(x), &mut y);
    tensor(y, [batch, time, width / 2])
}

pub(super) fn linear(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    precision: Precision,
) -> FlexTensor {
    let [batch, time, _] = x.shape().dims();
    let to = last_dim(weight);
    let mut y = buffer(batch * time * to);
    let (x, weight, bias) = (values(x), values(weight), values(bias));
    if are_vectors(batch, time) {
        minigpt_ops::linear_vectors(x, weight, bias, &mut y);
    } else {
        minigpt_ops::linear(precision, x, weight, bias, &mut y);
    }
    tensor(y, [batch, time, to])
}

/// True for a token of each of a few texts. The time then goes into reading the weights, and a product by
/// vectors reads them as they lie, once for all texts; a text's numbers are those it would have alone.
fn are_vectors(batch: usize, time: usize) -> bool {
    time == 1 && batch <= 8
}

/// As [`are_vectors`], of `[batch, time, width]`.
pub(super) fn is_decoding(x: &Tensor<3>) -> bool {
    let [batch, time, _] = x.dims();
    are_vectors(batch, time)
}

/// The logits of a token of each text: `[batch, 1, n_embd]` to `[batch, 1, vocab_size]`.
pub(super) fn head(hidden: Tensor<3>, head: Tensor<2>) -> Tensor<3> {
    let ([batch, _, n_embd], [vocab_size, _]) = (hidden.dims(), head.dims());
    let memory = |primitive: Result<FlexTensor, _>| contiguous(primitive.expect("on the CPU"));
    let hidden = memory(hidden.try_into_primitive::<Flex>());
    let head = memory(head.try_into_primitive::<Flex>());
    let mut logits = buffer(batch * vocab_size);
    minigpt_ops::head_vectors(values(&hidden), values(&head), n_embd, &mut logits);
    Tensor::from_primitive::<Flex>(tensor(logits, [batch, 1, vocab_size]))
}

/// The sum of the squares, `[1]`.
pub(super) fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let memory = contiguous(x.try_into_primitive::<Flex>().expect("on the CPU"));
    let sum = minigpt_ops::sum_of_squares(values(&memory));
    Tensor::from_primitive::<Flex>(tensor(vec![sum as f32], [1]))
}

/// [`linear`] without a bias.
pub(super) fn project(x: &FlexTensor, weight: &FlexTensor, precision: Precision) -> FlexTensor {
    let [batch, time, _] = x.shape().dims();
    let (n, to) = (batch * time, last_dim(weight));
    let mut y = buffer(n * to);
    if are_vectors(batch, time) {
        minigpt_ops::project_vectors(n, values(x), values(weight), &mut y);
    } else {
        minigpt_ops::project(precision, n, values(x), values(weight), &mut y);
    }
    tensor(y, [batch, time, to])
}

/// Also the inner vectors `scale · dropout(x) · a`.
pub(super) fn low_rank(
    x: &FlexTensor,
    a: &FlexTensor,
    b: &FlexTensor,
    scale: f64,
    dropout: Dropout,
) -> (FlexTensor, FlexTensor) {
    let mut inner = project(&dropped(x.clone(), dropout), a, Precision::F32);
    minigpt_ops::scale(inner.storage_mut(), scale as f32);
    (project(&inner, b, Precision::F32), inner)
}

pub(super) fn gelu(x: &FlexTensor) -> FlexTensor {
    let mut y = buffer(values(x).len());
    minigpt_ops::gelu(values(x), &mut y);
    tensor(y, x.shape())
}

pub(super) fn bias_gelu(x: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let mut y = buffer(values(x).len());
    minigpt_ops::bias_gelu(values(x), values(bias), &mut y);
    tensor(y, x.shape())
}

pub(super) fn residual(x: &FlexTensor, branch: &FlexTensor, dropout: Dropout) -> FlexTensor {
    let mut y = buffer(values(x).len());
    minigpt_ops::residual_dropout(values(x), values(branch), dropout, &mut y);
    tensor(y, x.shape())
}

/// Also the logarithms of the softmaxes' denominators.
pub(super) fn causal_attention(
    qkv: &FlexTensor,
    n_head: usize,
    dropout: Dropout,
    precision: Precision,
) -> (FlexTensor, Vec<f32>) {
    let shape = attention_shape(qkv, n_head);
    let n_embd = n_head * shape.head_size;
    let mut out = buffer(shape.batch * shape.time * n_embd);
    let mut log_sums = vec![0.0; shape.batch * n_head * shape.time];
    minigpt_ops::causal_attention(precision, shape, values(qkv), dropout, &mut out, &mut log_sums);
    (tensor(out, [shape.batch, shape.time, n_embd]), log_sums)
}

pub(super) fn attention_shape(qkv: &FlexTensor, n_head: usize) -> AttentionShape {
    let [batch, time, width] = qkv.shape().dims();
    AttentionShape { batch, time, n_head, head_size: width / 3 / n_head }
}

/// Objective and nats as tensors.
pub(super) fn scalars(loss: CrossEntropy) -> (FlexTensor, FlexTensor) {
    let [objective, nats] = [loss.objective, loss.nats].map(|sum| tensor(vec![sum as f32], [1]));
    (objective, nats)
}
