//! Layer normalisation: a cube has a row, whose units add up what each of them found.

use burn::tensor::Shape;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{UNITS, empty, sum_over_units};

/// Rows whose part of the gradients of weight and bias a cube adds up.
const SLICE: usize = 64;

/// Cubes of the first dimension, of which no GPU has fewer.
const CUBES: usize = 1 << 15;

/// `x` `[batch, time, n_embd]` normalised, and of each row its mean and the reciprocal of its deviation,
/// `[rows, 2]`.
pub(super) fn forward(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    epsilon: f64,
) -> (CubeTensor, CubeTensor) {
    let [x, weight, bias] = [x, weight, bias].map(into_contiguous);
    let shape = x.meta.shape().clone();
    let rows = rows(&shape);
    let (y, statistics) = (empty(&x, shape), empty(&x, Shape::new([rows, 2])));
    layer_norm_kernel::launch(
        &x.client.clone(),
        count(rows),
        CubeDim::new_1d(UNITS as u32),
        x.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        y.clone().into_tensor_arg(),
        statistics.clone().into_tensor_arg(),
        epsilon as f32,
    );
    (y, statistics)
}

/// Gradients of input, weight and bias.
pub(super) fn backward(
    x: CubeTensor,
    weight: CubeTensor,
    statistics: CubeTensor,
    dy: CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [x, weight, statistics, dy] = [x, weight, statistics, dy].map(into_contiguous);
    let shape = x.meta.shape().clone();
    let (rows, width) = (rows(&shape), weight.meta.shape()[0]);
    let slices = rows.div_ceil(SLICE);
    let dx = empty(&x, shape);
    let [d_weight, d_bias] = [(); 2].map(|()| empty(&x, Shape::new([width])));
    let parts = empty(&x, Shape::new([2, slices, width]));
    let (client, dim) = (x.client.clone(), CubeDim::new_1d(UNITS as u32));
    let columns = width.div_ceil(UNITS) as u32;
    layer_norm_input_kernel::launch(
        &client,
        count(rows),
        dim,
        x.clone().into_tensor_arg(),
        weight.into_tensor_arg(),
        statistics.clone().into_tensor_arg(),
        dy.clone().into_tensor_arg(),
        dx.clone().into_tensor_arg(),
    );
    layer_norm_slices_kernel::launch(
        &client,
        CubeCount::Static(columns, slices as u32, 1),
        dim,
        x.into_tensor_arg(),
        statistics.into_tensor_arg(),
        dy.into_tensor_arg(),
        parts.clone().into_tensor_arg(),
    );
    layer_norm_columns_kernel::launch(
        &client,
        CubeCount::Static(columns, 1, 1),
        dim,
        parts.into_tensor_arg(),
        d_weight.clone().into_tensor_arg(),
        d_bias.clone().into_tensor_arg(),
    );
    (dx, d_weight, d_bias)
}

/// Of `[batch, time, n_embd]`.
fn rows(shape: &Shape) -> usize {
    let [batch, time, _] = shape.dims();
    batch * time
}

/// A cube for each row.
fn count(rows: usize) -> CubeCount {
    CubeCount::Static(rows.min(CUBES) as u32, rows.div_ceil(CUBES) as u32, 1)
}

#[cube(launch)]
fn layer_norm_kernel(
    x: &Tensor<f32>,              // [rows, width]
    weight: &Tensor<f32>,         // [width]
    bias: &Tensor<f32>,           // [width]
    y: &mut Tensor<f32>,          // [rows, width]
    statistics: &mut Tensor<f32>, // [rows, 2]
    epsilon: f32,
) {
    let width = weight.len();
    let row = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) as usize;
    let unit = UNIT_POS_X as usize;
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    if row * width < x.len() {
        let start = row * width;
        let mut sum = f32::new(0.0);
        for i in range_stepped(unit, width, UNITS) {
            sum += x[start + i];
        }
        let mean = sum_over_units(sum, &mut shared) / width as f32;
        let mut squares = f32::new(0.0);
        for i in range_stepped(unit, width, UNITS) {
            let centred = x[start + i] - mean;
            squares += centred * centred;
        }
        let variance = sum_over_units(squares, &mut shared) / width as f32;
        let reciprocal = 1.0f32 / (variance + epsilon).sqrt();
        for i in range_stepped(unit, width, UNITS) {
            y[start + i] = (x[start + i] - mean) * reciprocal * weight[i] + bias[i];
        }
        if unit == 0 {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = reciprocal;
        }
    }
}

#[cube(launch)]
fn layer_norm_input_kernel(
    x: &Tensor<f32>,          // [rows, width]
    weight: &Tensor<f32>,     // [width]
    statistics: &Tensor<f32>, // [rows, 2]
    dy: &Tensor<f32>,         // [rows, width]
    dx: &mut Tensor<f32>,     // [rows, width]
) {
    let width = weight.len();
    let row = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) as usize;
    let unit = UNIT_POS_X as usize;
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    if row * width < x.len() {
        let start = row * width;
        let mean = statistics[2 * row];
        let reciprocal = statistics[2 * row + 1];
        let mut sum = f32::new(0.0);
        let mut along = f32::new(0.0);
        for i in range_stepped(unit, width, UNITS) {
            let slope = dy[start + i] * weight[i];
            sum += slope;
            along += slope * (x[start + i] - mean) * reciprocal;
        }
        let mean_slope = sum_over_units(sum, &mut shared) / width as f32;
        let mean_along = sum_over_units(along, &mut shared) / width as f32;
        for i in range_stepped(unit, width, UNITS) {
            let normal = (x[start + i] - mean) * reciprocal;
            let slope = dy[start + i] * weight[i];
            dx[start + i] = reciprocal * (slope - mean_slope - normal * mean_along);
        }
    }
}

/// A unit has a column of a slice of the rows.
#[cube(launch)]
fn layer_norm_slices_kernel(
    x: &Tensor<f32>,          // [rows, width]
    statistics: &Tensor<f32>, // [rows, 2]
    dy: &Tensor<f32>,         // [rows, width]
    parts: &mut Tensor<f32>,  // [2, slices, width]
) {
    let slices = parts.shape(1);
    let width = parts.shape(2);
    let rows = statistics.shape(0);
    let slice = CUBE_POS_Y as usize;
    let column = (CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X) as usize;
    if column < width {
        let mut d_weight = f32::new(0.0);
        let mut d_bias = f32::new(0.0);
        let end = clamp_max((slice + 1) * SLICE, rows);
        for row in slice * SLICE..end {
            let slope = dy[row * width + column];
            d_weight +=
                slope * (x[row * width + column] - statistics[2 * row]) * statistics[2 * row + 1];
            d_bias += slope;
        }
        parts[slice * width + column] = d_weight;
        parts[(slices + slice) * width + column] = d_bias;
    }
}

/// A unit has a column, whose slices it adds up.
#[cube(launch)]
fn layer_norm_columns_kernel(
    parts: &Tensor<f32>,        // [2, slices, width]
    d_weight: &mut Tensor<f32>, // [width]
    d_bias: &mut Tensor<f32>,   // [width]
) {
    let slices = parts.shape(1);
    let width = parts.shape(2);
    let column = (CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X) as usize;
    if column < width {
        let mut weight = f32::new(0.0);
        let mut bias = f32::new(0.0);
        for slice in 0..slices {
            weight += parts[slice * width + column];
            bias += parts[(slices + slice) * width + column];
        }
        d_weight[column] = weight;
        d_bias[column] = bias;
    }
}
