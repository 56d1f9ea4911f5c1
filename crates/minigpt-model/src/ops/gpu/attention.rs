//! Attention that keeps no weights ([Dao et al., 2022](https://arxiv.org/abs/2205.14135)): each unit has a
//! query, or on the way back a key, in registers, and goes over the others tile by tile. The backward pass
//! makes the weights again from the logarithm of their sum, dropout included, and needs no atomic additions.
//!
//! An element of the weights is dropped by its index in `[batch, n_head, time, time]`; beyond 2³² of them masks repeat.
//!
//! The library below burn has such kernels too, without dropout and from queries, keys and values apart.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use minigpt_ops::Dropout;

use super::dropout::{Mask, mask, multiplier};
use super::{attention_shapes, empty};

/// Queries, or keys, that a cube works on: a unit for each.
const ROWS: usize = 64;

/// Numbers of a tile in shared memory, of which there are two: half of the 16 KiB that every GPU has.
const TILE: usize = 1024;

/// Smaller than every score, and unlike infinity a number that shaders can hold.
const LEAST: f32 = -1e30;

/// Mixed values `[batch, time, n_embd]` and the logarithms of the sums of weights `[batch, n_head, time]`,
/// from `[batch, time, 3 * n_embd]`.
pub(super) fn forward(
    qkv: CubeTensor,
    n_head: usize,
    dropout: Dropout,
) -> (CubeTensor, CubeTensor) {
    let qkv = into_contiguous(qkv);
    let launch = Launch::new(&qkv, n_head);
    let shapes = attention_shapes(qkv.meta.shape(), n_head);
    let [out, log_sums] = shapes.map(|shape| empty(&qkv, shape));
    attention_kernel::launch(
        &launch.client,
        launch.count,
        CubeDim::new_1d(ROWS as u32),
        qkv.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        log_sums.clone().into_tensor_arg(),
        launch.scale,
        mask(dropout),
        launch.head_size,
        launch.tile_rows,
    );
    (out, log_sums)
}

/// The gradient of `qkv`.
pub(super) fn backward(
    qkv: CubeTensor,
    out: CubeTensor,
    log_sums: CubeTensor,
    d_out: CubeTensor,
    n_head: usize,
    dropout: Dropout,
) -> CubeTensor {
    let [qkv, out, log_sums, d_out] = [qkv, out, log_sums, d_out].map(into_contiguous);
    let launch = Launch::new(&qkv, n_head);
    let d_qkv = empty(&qkv, qkv.meta.shape().clone());
    let along = empty(&qkv, log_sums.meta.shape().clone());
    let dim = CubeDim::new_1d(ROWS as u32);
    attention_queries_kernel::launch(
        &launch.client,
        launch.count.clone(),
        dim,
        qkv.clone().into_tensor_arg(),
        out.into_tensor_arg(),
        d_out.clone().into_tensor_arg(),
        log_sums.clone().into_tensor_arg(),
        along.clone().into_tensor_arg(),
        d_qkv.clone().into_tensor_arg(),
        launch.scale,
        mask(dropout),
        launch.head_size,
        launch.tile_rows,
    );
    attention_keys_kernel::launch(
        &launch.client,
        launch.count,
        dim,
        qkv.into_tensor_arg(),
        d_out.into_tensor_arg(),
        log_sums.into_tensor_arg(),
        along.into_tensor_arg(),
        d_qkv.clone().into_tensor_arg(),
        launch.scale,
        mask(dropout),
        launch.head_size,
        launch.tile_rows,
    );
    d_qkv
}

/// How the kernels are launched, all of them in one way: a cube for [`ROWS`] positions of one head of one
/// sequence.
struct Launch {
    client: cubecl::client::Client,
    count: CubeCount,
    head_size: usize,
    /// Positions of a tile.
    tile_rows: usize,
    /// What scores are multiplied by.
    scale: f32,
}

impl Launch {
    fn new(qkv: &CubeTensor, n_head: usize) -> Self {
        let [batch, time, width] = qkv.meta.shape().dims();
        let head_size = width / 3 / n_head;
        Self {
            client: qkv.client.clone(),
            count: CubeCount::Static(time.div_ceil(ROWS) as u32, n_head as u32, batch as u32),
            head_size,
            tile_rows: (TILE / head_size).clamp(1, 32),
            scale: 1.0 / (head_size as f32).sqrt(),
        }
    }
}

/// Where a cube's head of its sequence lies.
#[derive(CubeType)]
struct Place {
    time: usize,
    /// Of `qkv`.
    width: usize,
    n_embd: usize,
    /// The head's number in the batch.
    map: usize,
    /// Its first query in `qkv`.
    first: usize,
    /// Its first place in what attention gives.
    first_out: usize,
}

#[cube]
fn place(qkv: &Tensor<f32>, #[comptime] head_size: usize) -> Place {
    let time = qkv.shape(1);
    let width = qkv.shape(2);
    let n_embd = width / 3;
    let column = CUBE_POS_Y as usize * head_size;
    let sequence = CUBE_POS_Z as usize * time;
    Place {
        time,
        width,
        n_embd,
        map: (CUBE_POS_Z * CUBE_COUNT_Y + CUBE_POS_Y) as usize,
        first: sequence * width + column,
        first_out: sequence * n_embd + column,
    }
}

/// A unit has a query. Scores of a tile are weighted by what is the largest so far, and what was added up
/// before is scaled down when a larger one comes.
#[cube(launch)]
fn attention_kernel(
    qkv: &Tensor<f32>,          // [batch, time, 3 * n_embd]
    out: &mut Tensor<f32>,      // [batch, time, n_embd]
    log_sums: &mut Tensor<f32>, // [batch, n_head, time]
    scale: f32,
    mask: &Mask,
    #[comptime] head_size: usize,
    #[comptime] tile_rows: usize,
) {
    let place = place(qkv, head_size);
    let (time, width, n_embd) = (place.time, place.width, place.n_embd);
    let (map, first) = (place.map, place.first);
    let first_query = CUBE_POS_X as usize * ROWS;
    let query = first_query + UNIT_POS_X as usize;

    let mut keys = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut values = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut q = Array::<f32>::new(head_size);
    let mut mixed = Array::<f32>::new(head_size);
    let mut scores = Array::<f32>::new(tile_rows);
    if query < time {
        for d in 0..head_size {
            q[d] = qkv[first + query * width + d] * scale;
        }
    }

    let mut largest = f32::new(LEAST);
    let mut sum = f32::new(0.0);
    let end = clamp_max(first_query + ROWS, time);
    let tiles = end.div_ceil(tile_rows);
    for tile in 0..tiles {
        let start = tile * tile_rows;
        load(qkv, &mut keys, first + n_embd, width, start, time, head_size, tile_rows);
        load(qkv, &mut values, first + 2 * n_embd, width, start, time, head_size, tile_rows);
        sync_cube();
        if query < time && start <= query {
            let seen = clamp_max(query + 1 - start, tile_rows);
            let before = largest;
            for j in 0..seen {
                let mut score = f32::new(0.0);
                for d in 0..head_size {
                    score += q[d] * keys[j * head_size + d];
                }
                scores[j] = score;
                largest = max(largest, score);
            }
            let fallen = (before - largest).exp();
            sum *= fallen;
            for d in 0..head_size {
                mixed[d] *= fallen;
            }
            let row = ((map * time + query) * time + start) as u32;
            for j in 0..seen {
                let weight = (scores[j] - largest).exp();
                sum += weight;
                let weight = weight * multiplier(row + j as u32, mask);
                for d in 0..head_size {
                    mixed[d] += weight * values[j * head_size + d];
                }
            }
        }
        sync_cube();
    }
    if query < time {
        for d in 0..head_size {
            out[place.first_out + query * n_embd + d] = mixed[d] / sum;
        }
        log_sums[map * time + query] = largest + sum.ln();
    }
}

/// A unit has a query: its gradient, and the inner product of weights and their gradients, which equals
/// that of the output and its own.
#[cube(launch)]
fn attention_queries_kernel(
    qkv: &Tensor<f32>,       // [batch, time, 3 * n_embd]
    out: &Tensor<f32>,       // [batch, time, n_embd]
    d_out: &Tensor<f32>,     // [batch, time, n_embd]
    log_sums: &Tensor<f32>,  // [batch, n_head, time]
    along: &mut Tensor<f32>, // [batch, n_head, time]
    d_qkv: &mut Tensor<f32>, // [batch, time, 3 * n_embd]
    scale: f32,
    mask: &Mask,
    #[comptime] head_size: usize,
    #[comptime] tile_rows: usize,
) {
    let place = place(qkv, head_size);
    let (time, width, n_embd) = (place.time, place.width, place.n_embd);
    let (map, first) = (place.map, place.first);
    let first_query = CUBE_POS_X as usize * ROWS;
    let query = first_query + UNIT_POS_X as usize;

    let mut keys = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut values = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut q = Array::<f32>::new(head_size);
    let mut d_mixed = Array::<f32>::new(head_size);
    let mut d_q = Array::<f32>::new(head_size);
    let mut product = f32::new(0.0);
    let mut log_sum = f32::new(0.0);
    if query < time {
        let row = place.first_out + query * n_embd;
        for d in 0..head_size {
            q[d] = qkv[first + query * width + d] * scale;
            d_mixed[d] = d_out[row + d];
            product += d_mixed[d] * out[row + d];
        }
        log_sum = log_sums[map * time + query];
        along[map * time + query] = product;
    }

    let end = clamp_max(first_query + ROWS, time);
    let tiles = end.div_ceil(tile_rows);
    for tile in 0..tiles {
        let start = tile * tile_rows;
        load(qkv, &mut keys, first + n_embd, width, start, time, head_size, tile_rows);
        load(qkv, &mut values, first + 2 * n_embd, width, start, time, head_size, tile_rows);
        sync_cube();
        if query < time && start <= query {
            let seen = clamp_max(query + 1 - start, tile_rows);
            let row = ((map * time + query) * time + start) as u32;
            for j in 0..seen {
                let mut score = f32::new(0.0);
                let mut d_weight = f32::new(0.0);
                for d in 0..head_size {
                    score += q[d] * keys[j * head_size + d];
                    d_weight += d_mixed[d] * values[j * head_size + d];
                }
                let d_weight = d_weight * multiplier(row + j as u32, mask);
                let d_score = (score - log_sum).exp() * (d_weight - product);
                for d in 0..head_size {
                    d_q[d] += d_score * keys[j * head_size + d];
                }
            }
        }
        sync_cube();
    }
    if query < time {
        for d in 0..head_size {
            d_qkv[first + query * width + d] = d_q[d] * scale;
        }
    }
}

/// A unit has a key and its value: their gradients, from the queries from there on.
#[cube(launch)]
fn attention_keys_kernel(
    qkv: &Tensor<f32>,       // [batch, time, 3 * n_embd]
    d_out: &Tensor<f32>,     // [batch, time, n_embd]
    log_sums: &Tensor<f32>,  // [batch, n_head, time]
    along: &Tensor<f32>,     // [batch, n_head, time]
    d_qkv: &mut Tensor<f32>, // [batch, time, 3 * n_embd]
    scale: f32,
    mask: &Mask,
    #[comptime] head_size: usize,
    #[comptime] tile_rows: usize,
) {
    let place = place(qkv, head_size);
    let (time, width, n_embd) = (place.time, place.width, place.n_embd);
    let (map, first) = (place.map, place.first);
    let first_key = CUBE_POS_X as usize * ROWS;
    let key = first_key + UNIT_POS_X as usize;

    let mut queries = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut d_mixed = Shared::<[f32]>::new_slice(tile_rows * head_size);
    let mut k = Array::<f32>::new(head_size);
    let mut v = Array::<f32>::new(head_size);
    let mut d_k = Array::<f32>::new(head_size);
    let mut d_v = Array::<f32>::new(head_size);
    if key < time {
        for d in 0..head_size {
            k[d] = qkv[first + n_embd + key * width + d] * scale;
            v[d] = qkv[first + 2 * n_embd + key * width + d];
        }
    }

    let tiles = time.div_ceil(tile_rows);
    for tile in first_key / tile_rows..tiles {
        let start = tile * tile_rows;
        load(qkv, &mut queries, first, width, start, time, head_size, tile_rows);
        load(d_out, &mut d_mixed, place.first_out, n_embd, start, time, head_size, tile_rows);
        sync_cube();
        let rows = clamp_max(time - start, tile_rows);
        if key < start + rows {
            let mut begin = 0usize;
            if key > start {
                begin = key - start;
            }
            for i in begin..rows {
                let mut score = f32::new(0.0);
                let mut d_weight = f32::new(0.0);
                for d in 0..head_size {
                    score += k[d] * queries[i * head_size + d];
                    d_weight += v[d] * d_mixed[i * head_size + d];
                }
                let row = map * time + start + i;
                let index = (row * time + key) as u32;
                let dropped = multiplier(index, mask);
                let softmax = (score - log_sums[row]).exp();
                let weight = softmax * dropped;
                let d_score = softmax * (d_weight * dropped - along[row]);
                for d in 0..head_size {
                    d_k[d] += d_score * queries[i * head_size + d];
                    d_v[d] += weight * d_mixed[i * head_size + d];
                }
            }
        }
        sync_cube();
    }
    if key < time {
        for d in 0..head_size {
            d_qkv[first + n_embd + key * width + d] = d_k[d] * scale;
            d_qkv[first + 2 * n_embd + key * width + d] = d_v[d];
        }
    }
}

/// Positions `start..start + tile_rows` of one head, zeros after the last.
#[cube]
#[allow(clippy::too_many_arguments)]
fn load(
    from: &Tensor<f32>,
    to: &mut Shared<[f32]>,
    first: usize,
    width: usize,
    start: usize,
    time: usize,
    #[comptime] head_size: usize,
    #[comptime] tile_rows: usize,
) {
    for index in range_stepped(UNIT_POS_X as usize, tile_rows * head_size, ROWS) {
        let position = start + index / head_size;
        let mut number = f32::new(0.0);
        if position < time {
            number = from[first + position * width + index % head_size];
        }
        to[index] = number;
    }
}
