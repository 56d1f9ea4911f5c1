use std::array;
use std::iter;

use super::*;
use crate::quantized::{Format, dequantize_row};
use crate::{linear_cross_entropy_with_gradients, project, project_backward};

/// Pseudo-random values in ±1.
fn values(len: usize, seed: u32) -> Vec<f32> {
    let value = |i: u32| (i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_654_435_761) >> 8;
    (0..len as u32).map(|i| value(i) as f32 / 8_388_608.0 - 1.0).collect()
}

/// Blocks with a scale of 2⁻⁵ and a minimum of -2⁻², or upper halves of numbers.
fn bytes(format: Format, rows: usize, columns: usize) -> Vec<u8> {
    let floats = values(rows * columns, 7);
    match format {
        Format::Q4_1 => floats
            .chunks(32)
            .flat_map(|block| {
                let nibbles = (0..16).map(|i| (block[i].to_bits() >> 9) as u8);
                [0x00, 0x28, 0x00, 0xb4].into_iter().chain(nibbles).collect::<Vec<_>>()
            })
            .collect(),
        Format::Bf16 => {
            floats.iter().flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes()).collect()
        }
        _ => floats.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn numbers(weight: QuantizedMatrix) -> Vec<f32> {
    let mut all = vec![0.0; weight.rows() * weight.columns()];
    for (row, values) in all.chunks_exact_mut(weight.columns()).enumerate() {
        dequantize_row(weight, row, values);
    }
    all
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let of = |i: usize| values[i % rows * columns + i / rows];
    (0..values.len()).map(of).collect()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance * largest, "{what}: off by {worst} of {largest}");
}

/// All products of a layer with an adapter, against those of its numbers and its factors apart.
#[test]
fn products_are_those_of_the_numbers_and_the_adapter() {
    let whole = |columns: usize| iter::once(0..columns).collect::<Vec<_>>();
    for (format, n, from, to, parts) in [
        (Format::Q4_1, 3, 64, 48, whole(48)),
        (Format::Q4_1, 37, 96, 80, vec![0..32, 48..80]),
        (Format::Bf16, 29, 33, 21, vec![2..9, 9..21]),
        (Format::F32, 130, 70, 90, whole(90)),
    ] {
        let bytes = bytes(format, to, from);
        let matrix = [QuantizedMatrix::new(format, to, from, &bytes)];
        let rank = 3;
        let (inner, width) = (rank * parts.len(), parts.iter().map(Range::len).sum::<usize>());
        let b = values(rank * width, 1);
        let weight = FrozenWeight::new(&matrix).with_adapter(Adapter { b: &b, parts: &parts });
        // The numbers, the factor's block diagonal below them: `[from + inner, to]`.
        let mut all = transposed(&numbers(matrix[0]), from);
        let mut diagonal = vec![0.0; inner * to];
        let mut start = 0;
        for (index, part) in parts.iter().enumerate() {
            for (row, column) in (0..rank).flat_map(|row| part.clone().map(move |c| (row, c))) {
                diagonal[(index * rank + row) * to + column] =
                    b[row * width + start + column - part.start];
            }
            start += part.len();
        }
        all.extend(&diagonal);
        for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
            let what = format!("{format:?} {n} {precision:?}");
            let (x, dy) = (values(n * (from + inner), 2), values(n * to, 3));
            let (mut y, mut expected) = (vec![0.0; n * to], vec![0.0; n * to]);
            frozen_project(precision, n, &x, weight, &mut y);
            project(Precision::F32, n, &x, &all, &mut expected);
            assert_near(&y, &expected, tolerance, &what);

            let (mut dx, mut d_all) = (vec![0.0; x.len()], vec![0.0; all.len()]);
            let mut expected = vec![0.0; x.len()];
            project_backward(Precision::F32, n, &x, &all, &dy, &mut expected, &mut d_all);
            frozen_project_backward(precision, n, weight, &dy, &mut dx);
            assert_near(&dx, &expected, tolerance, &what);

            let (own, vectors) = (values(n * from, 4), values(n * inner, 5));
            let d_inner = values(n * inner, 6);
            let (mut d_a, mut d_b) = (vec![0.0; from * inner], vec![0.0; b.len()]);
            let inputs = [&own[..], &vectors];
            let gradients = [&mut d_a[..], &mut d_b];
            adapter_backward(precision, n, inputs, &parts, [&dy, &d_inner], gradients);
            let (mut through, mut expected) = (vec![0.0; n * from], vec![0.0; d_a.len()]);
            let a = vec![0.0; d_a.len()];
            let f32 = Precision::F32;
            project_backward(f32, n, &own, &a, &d_inner, &mut through, &mut expected);
            assert_near(&d_a, &expected, tolerance, &what);
            let (mut through, mut whole) = (vec![0.0; n * inner], vec![0.0; diagonal.len()]);
            project_backward(f32, n, &vectors, &diagonal, &dy, &mut through, &mut whole);
            let mut start = 0;
            for (index, part) in parts.iter().enumerate() {
                for row in 0..rank {
                    let found = &d_b[row * width + start..][..part.len()];
                    let expected = &whole[(index * rank + row) * to..][part.clone()];
                    assert_near(found, expected, tolerance, &what);
                }
                start += part.len();
            }
        }
    }
}

#[test]
fn the_loss_is_that_of_a_head_of_numbers() {
    let (n, d, vocab_size) = (300, 64, 700);
    let bytes = bytes(Format::Q4_1, vocab_size, d);
    let matrix = [QuantizedMatrix::new(Format::Q4_1, vocab_size, d, &bytes)];
    let (head, hidden) = (numbers(matrix[0]), values(n * d, 8));
    let targets: Vec<i32> = (0..n as i32).map(|i| if i % 5 == 0 { -1 } else { i * 2 }).collect();
    for smoothing in [0.0, 0.1] {
        let [mut found, mut expected] = array::from_fn(|_| vec![0.0; n * d]);
        let mut d_head = vec![0.0; head.len()];
        let weight = FrozenWeight::new(&matrix);
        let (f32, gradient) = (Precision::F32, Some(&mut found[..]));
        let loss = frozen_cross_entropy(f32, &hidden, weight, &targets, smoothing, gradient);
        let of_numbers = linear_cross_entropy_with_gradients(
            f32,
            &hidden,
            &head,
            &targets,
            smoothing,
            &mut expected,
            &mut d_head,
        );
        assert!((loss.objective - of_numbers.objective).abs() < 1e-6 * loss.objective);
        assert_near(&found, &expected, 1e-6, "gradient");
        let alone = frozen_cross_entropy(f32, &hidden, weight, &targets, smoothing, None);
        assert!((alone.nats - of_numbers.nats).abs() < 1e-6 * loss.nats);
    }
}
