use super::*;
use crate::matrix::{Operand, product as f32_product, product_of_transposed, upper_product};
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
    let sizes = sizes.iter().copied().zip(sizes.iter().rev().copied());
    for (index, (m, n)) in sizes.chain([(300, 113), (113, 300), (330, 330)]).enumerate() {
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
                            Matrix::empty(),
                        );
                    }
                    let c = MatrixMut::new(&mut columns, n, m).transposed();
                    let b = Columns::new(b, Parallelism::Rayon(0));
                    let (part, empty) = (Part::Whole, Matrix::empty());
                    product(a, &b, c, output, part, Parallelism::Rayon(0), empty);
                    assert_eq!(columns, transposed(&expected, m, n), "{m} x {k} x {n}, by columns");
                    assert_eq!(parallel, expected, "{m} x {k} x {n}");
                    assert_eq!(here, expected, "{m} x {k} x {n}");
                }
            }
        }
    }
}

#[test]
fn a_symmetric_product_has_its_upper_part() {
    if !Precision::Bf16.is_native() {
        skipped("products in bf16: this processor has no such instructions");
        return;
    }
    for (n, k) in [(33, 5), (330, 33), (330, 1700)] {
        let a = whole(n * k, n);
        let a = Matrix::new(&a, n, k);
        let (mut expected, mut c) = (vec![0.0; n * n], vec![0.0; n * n]);
        f32_product(a, &Operand::F32(a.transposed()), &mut expected, Output::Replace);
        upper_product(a, &Operand::new(Precision::Bf16, a.transposed()), &mut c);
        for row in 0..n {
            let upper = row * n + row..(row + 1) * n;
            assert_eq!(c[upper.clone()], expected[upper], "row {row} of {n}");
        }
    }
}

#[test]
fn of_a_transposed_matrix_either_operand_may_be_the_wider_one() {
    if !Precision::Bf16.is_native() {
        skipped("products in bf16: this processor has no such instructions");
        return;
    }
    for (m, n, k) in [(5, 300, 33), (300, 5, 33), (170, 171, 900), (40, 40, 1)] {
        let (a, b) = (whole(k * m, 1), whole(k * n, 2));
        let (a, b) = (Matrix::new(&a, k, m), Matrix::new(&b, k, n));
        let (mut expected, mut c) = (vec![0.0; m * n], vec![0.0; m * n]);
        f32_product(a.transposed(), &Operand::F32(b), &mut expected, Output::Replace);
        product_of_transposed(Precision::Bf16, a, b, &mut c);
        assert_eq!(c, expected, "{m} by {n}");
    }
}
