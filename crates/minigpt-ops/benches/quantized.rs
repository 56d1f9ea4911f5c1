//! Weights as GGUF files have them, at the sizes of SmolLM2-135M, beside `f32`.
//!
//! `cargo bench -p minigpt-ops --bench quantized`. Items are floating-point operations, bytes those of the weights.

mod values;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use minigpt_ops::quantized::{Format, Product, QuantizedMatrix, dequantize_row, linear, linears};
use minigpt_ops::{Precision, head_vectors, project};
use values::values;

const D: usize = 576;
const INNER: usize = 1536;
const KEYS: usize = 192;
const LAYERS: usize = 30;
const VOCABULARY: usize = 49152;

/// Columns and rows.
const SIZES: [(usize, usize); 3] = [(D, D), (D, INNER), (INNER, D)];

const FORMATS: [Format; 6] =
    [Format::Q8_0, Format::Q4_0, Format::Q4_1, Format::Bf16, Format::F16, Format::F32];

fn main() {
    divan::main();
}

/// A matrix of any finite numbers.
struct Weight {
    format: Format,
    rows: usize,
    columns: usize,
    bytes: Vec<u8>,
}

impl Weight {
    fn new(format: Format, columns: usize, rows: usize) -> Self {
        let length = rows * format.row_bytes(columns).expect("whole blocks");
        // Each half, scale or minimum a small number.
        let bytes = (0..length).map(|i| if i % 2 == 1 { 0x24 } else { (i * 7919) as u8 });
        Self { format, rows, columns, bytes: bytes.collect() }
    }

    fn matrix(&self) -> QuantizedMatrix<'_> {
        QuantizedMatrix::new(self.format, self.rows, self.columns, &self.bytes)
    }
}

/// All matrices of the model, of which each is read once: more than a cache holds.
#[divan::bench_group(max_time = 3)]
mod one_token {
    use super::*;

    /// Columns and rows of what is multiplied at once.
    const LAYER: [&[(usize, usize)]; 4] =
        [&[(D, D), (D, KEYS), (D, KEYS)], &[(D, D)], &[(D, INNER), (D, INNER)], &[(INNER, D)]];

    fn sizes() -> impl Iterator<Item = &'static [(usize, usize)]> {
        let head: &[(usize, usize)] = &[(D, VOCABULARY)];
        (0..LAYERS).flat_map(|_| LAYER).chain([head])
    }

    #[divan::bench(args = FORMATS, consts = [1, 2, 4, 8])]
    fn quantized<const TEXTS: usize>(bencher: Bencher, format: Format) {
        let weights = sizes().map(|sizes| sizes.iter().map(|&(k, m)| Weight::new(format, k, m)));
        let weights: Vec<Vec<Weight>> = weights.map(Iterator::collect).collect();
        let bytes: usize = weights.iter().flatten().map(|weight| weight.bytes.len()).sum();
        let operations: usize = weights.iter().flatten().map(|w| 2 * w.rows * w.columns).sum();
        let x = values(TEXTS * INNER, 1.0);
        let mut y = vec![0.0; TEXTS * VOCABULARY];
        let counter = bencher.counter(BytesCount::new(bytes));
        counter.counter(ItemsCount::new(TEXTS * operations)).bench_local(|| {
            rayon::scope(|_| {
                for weights in &weights {
                    let mut rest = &mut y[..];
                    let products = weights.iter().map(|weight| {
                        let (y, others) =
                            std::mem::take(&mut rest).split_at_mut(TEXTS * weight.rows);
                        rest = others;
                        Product { weight: weight.matrix(), bias: None, y }
                    });
                    let mut products: Vec<Product> = products.collect();
                    linears(black_box(&x[..TEXTS * weights[0].columns]), &mut products);
                }
            });
        });
    }

    #[divan::bench(consts = [1, 8])]
    fn f32<const TEXTS: usize>(bencher: Bencher) {
        let weights: Vec<(usize, Vec<f32>)> =
            sizes().flatten().map(|&(k, m)| (k, values(k * m, 0.02))).collect();
        let length: usize = weights.iter().map(|(_, weight)| weight.len()).sum();
        let x = values(TEXTS * INNER, 1.0);
        let mut y = vec![0.0; TEXTS * VOCABULARY];
        let counter = bencher.counter(BytesCount::new(4 * length));
        counter.counter(ItemsCount::new(2 * TEXTS * length)).bench_local(|| {
            rayon::scope(|_| {
                for (k, weight) in &weights {
                    let y = &mut y[..TEXTS * weight.len() / k];
                    head_vectors(black_box(&x[..TEXTS * k]), weight, *k, y);
                }
            });
        });
    }
}

/// Of a prompt of 512 tokens.
#[divan::bench_group(max_time = 2)]
mod prompt {
    use super::*;

    const N: usize = 512;

    fn run(bencher: Bencher, format: Format, k: usize, m: usize) {
        let weight = Weight::new(format, k, m);
        let (x, mut y) = (values(N * k, 1.0), vec![0.0; N * m]);
        bencher
            .counter(ItemsCount::new(2 * N * k * m))
            .bench_local(|| linear(black_box(&x), weight.matrix(), None, &mut y));
    }

    #[divan::bench(args = SIZES)]
    fn q8_0(bencher: Bencher, (k, m): (usize, usize)) {
        run(bencher, Format::Q8_0, k, m);
    }

    #[divan::bench(args = SIZES)]
    fn q4_1(bencher: Bencher, (k, m): (usize, usize)) {
        run(bencher, Format::Q4_1, k, m);
    }

    #[divan::bench(args = SIZES)]
    fn bf16(bencher: Bencher, (k, m): (usize, usize)) {
        run(bencher, Format::Bf16, k, m);
    }

    #[divan::bench(args = SIZES)]
    fn f32(bencher: Bencher, (k, m): (usize, usize)) {
        let (x, weight, mut y) = (values(N * k, 1.0), values(k * m, 0.02), vec![0.0; N * m]);
        bencher
            .counter(ItemsCount::new(2 * N * k * m))
            .bench_local(|| project(Precision::F32, N, black_box(&x), &weight, &mut y));
    }
}

#[divan::bench(args = FORMATS)]
fn embedding(bencher: Bencher, format: Format) {
    let weight = Weight::new(format, D, 1);
    let mut row = vec![0.0; D];
    bencher
        .counter(BytesCount::new(weight.bytes.len()))
        .bench_local(|| dequantize_row(black_box(weight.matrix()), 0, &mut row));
}
