use super::*;
use crate::matrix::{Operand, product as f32_product};
use crate::skipped;

/// Numbers that bfloat16 has, small enough for sums without rounding.
fn whole(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed) % 17) as f32 - 8.0).collect()
}

/// Columns one after the other, of `m` rows.
fn transposed(values: &[f32], m: usize, n: usize) -> Vec<f32> {
    (0..m * n).map(|i| values[i % m * n + i / m]).collect()
}

#[test]
fn whole_numbers_multiply_as_in_f32() {
    if !Precision::Bf16.is_native() {
        skipped("products in bf16: this processor has no such instructions");
        return;
    }
    let sizes = [1, 2, 5, 14, 15, 31, 32, 33, 64, 113, 300];
    for (index, (&m, &n)) in sizes.iter().zip(sizes.iter().rev()).enumerate() {
        for k in [1, 2, 3, 31, 32, 33, 257, 800, 1700] {
            let (a, b) = (whole(m * k, index), whole(k * n, k));
            let row_major = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            let columns = (Matrix::new(&a, k, m).transposed(), Matrix::new(&b, n, k).transposed());
            for (a, b) in [row_major, columns] {
                for output in [Output::Replace, Output::Add] {
                    let mut expected = whole(m * n, 3);
                    let (mut parallel, mut here) = (expected.clone(), expected.clone());
                    let mut columns = transposed(&expected, m, n);
                    f32_product(a, &Operand::F32(b), &mut expected, output);
                    for (parallelism, c) in
                        [(Parallelism::Rayon(0), &mut parallel), (Parallelism::None, &mut here)]
                    {
                        product(
                            a,
                            &Columns::new(b, parallelism),
                            MatrixMut::new(c, m, n),
                            output,
                            Part::Whole,
                            parallelism,
                            Matrix::none(),
                        );
                    }
                    let c = MatrixMut::new(&mut columns, n, m).transposed();
                    let b = Columns::new(b, Parallelism::Rayon(0));
                    let (whole, none) = (Part::Whole, Matrix::none());
                    product(a, &b, c, output, whole, Parallelism::Rayon(0), none);
                    assert_eq!(columns, transposed(&expected, m, n), "{m} x {k} x {n}, by columns");
                    assert_eq!(parallel, expected, "{m} x {k} x {n}");
                    assert_eq!(here, expected, "{m} x {k} x {n}");
                }
            }
        }
    }
}
