//! Products with matrices that stay as a GGUF file has them: blocks of 32 integers with a scale, or floats of 16 or
//! 32 bits.
//!
//! A matrix of blocks multiplies integers. The rows of `x` are rounded to 8 bits first, in blocks of 32 with a
//! scale of their own, as llama.cpp does it: a value is off by at most 1/254 of the largest of its block. Where
//! that is too much, [`dequantize_row`] gives what the bytes stand for. Floats of 16 bits are widened, and
//! products with them are in `f32`.
//!
//! An element of `y` is summed in the same order whatever the processor, the number of threads and the number of
//! rows of `x`: the integers of a block exactly, then the blocks one after the other. Each is rounded once for the
//! product of its scales and once for the sum, and once more where the format has minimums. A row that stands in a
//! batch gives the bits that it gives alone.
//!
//! ```
//! use minigpt_ops::quantized::{Format, QuantizedMatrix, linear};
//!
//! // Two rows of one block: a scale of 0.5, and integers that are all 2 in the first row, all -1 in the second.
//! let row = |integer: i8| [&[0x00, 0x38][..], &[integer.cast_unsigned(); 32]].concat();
//! let bytes = [row(2), row(-1)].concat();
//! let weight = QuantizedMatrix::new(Format::Q8_0, 2, 32, &bytes);
//!
//! let mut y = [0.0; 2];
//! linear(&[1.0; 32], weight, Some(&[0.0, 1.0]), &mut y);
//! assert_eq!(y, [32.0, -15.0]);
//! ```

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod body;
#[cfg(target_arch = "aarch64")]
mod dotprod;
mod format;
mod panel;
mod portable;
mod small_floats;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni;

use rayon::prelude::*;

use self::activations::Activations;
use self::body::Body;
pub(crate) use self::format::dequantize_part;
pub use self::format::{Format, QuantizedMatrix, dequantize_row, find_not_finite};
use crate::matrix::MatrixMut;

/// Rows of a weight that one task multiplies: two panels.
const STRIPE: usize = 2 * panel::ROWS;

/// Rows of `x` that one task multiplies: few enough for the second cache, enough that unpacking the weights anew
/// for each chunk costs little.
const CHUNK: usize = 21 * activations::TILE;

/// The instructions that matrices of blocks are multiplied with here.
pub(crate) fn instructions() -> &'static str {
    match Body::best() {
        Body::Portable => crate::simd::instructions(),
        #[cfg(target_arch = "x86_64")]
        Body::Avx2 => "AVX2",
        #[cfg(target_arch = "x86_64")]
        Body::Vnni => "AVX-512 VNNI",
        #[cfg(target_arch = "aarch64")]
        Body::Dotprod => "dot products of NEON",
    }
}

/// One of several products of the same rows, for [`linears`].
#[derive(Debug)]
pub struct Product<'a> {
    /// `[m, k]`.
    pub weight: QuantizedMatrix<'a>,
    /// `[m]`.
    pub bias: Option<&'a [f32]>,
    /// `[n, m]`, replaced.
    pub y: &'a mut [f32],
}

/// `y = x · weightᵀ + bias`: `x` `[n, k]`, `weight` `[m, k]`, `bias` `[m]`, `y` `[n, m]`.
///
/// A row of `x` with a NaN or an infinity gives a row of `y` that is not finite.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linear(x: &[f32], weight: QuantizedMatrix, bias: Option<&[f32]>, y: &mut [f32]) {
    linears(x, &mut [Product { weight, bias, y }]);
}

/// [`linear`] for several weights of the same width: `x` is rounded once, and threads meet once.
///
/// For queries, keys and values, or for the gate and the other half of a SwiGLU. The weights may have different
/// formats.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linears(x: &[f32], products: &mut [Product]) {
    linears_on(Body::best(), x, products);
}

fn linears_on(body: Body, x: &[f32], products: &mut [Product]) {
    let Some(k) = products.first().map(|product| product.weight.columns()) else { return };
    let n = x.len() / k.max(1);
    for Product { weight, bias, y } in products.iter() {
        assert_eq!(weight.columns(), k, "quantized::linears: weights of different widths");
        assert_eq!(x.len(), n * k, "quantized::linears: x is not [n, k]");
        assert_eq!(y.len(), n * weight.rows(), "quantized::linears: y is not [n, m]");
        let bias = bias.map_or(weight.rows(), <[f32]>::len);
        assert_eq!(bias, weight.rows(), "quantized::linears: the bias is not [m]");
    }
    let is_rounded = products.iter().any(|product| product.weight.format().has_blocks());
    let activations = is_rounded.then(|| Activations::new(x, k));
    let tasks: Vec<Task> = products.iter_mut().flat_map(tasks).collect();
    tasks.into_par_iter().for_each(|task| match &activations {
        Some(activations) if task.weight.format().has_blocks() => {
            body.multiply(activations, task);
        }
        _ => {
            let x = &x[task.chunk * CHUNK * k..];
            small_floats::multiply(body.of_floats(), &x[..x.len().min(CHUNK * k)], task);
        }
    });
}

/// Of one product, the elements of `y` that some rows of `x` have with some rows of the weight.
struct Task<'a> {
    weight: QuantizedMatrix<'a>,
    bias: Option<&'a [f32]>,
    /// Which [`CHUNK`] of `x`.
    chunk: usize,
    /// The first row of the weight, at most [`STRIPE`] of them.
    first: usize,
    y: MatrixMut<'a>,
}

fn tasks<'a>(product: &'a mut Product) -> impl Iterator<Item = Task<'a>> {
    let (weight, bias) = (product.weight, product.bias);
    let m = weight.rows();
    let chunks = product.y.chunks_mut((CHUNK * m).max(1)).enumerate();
    chunks.flat_map(move |(chunk, y)| {
        let stripes = MatrixMut::split_columns(y, m, STRIPE).enumerate();
        stripes.map(move |(stripe, y)| Task { weight, bias, chunk, first: stripe * STRIPE, y })
    })
}
