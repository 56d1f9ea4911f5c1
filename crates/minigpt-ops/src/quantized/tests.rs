use std::array;

use minigpt_gguf::TensorType;
use proptest::prelude::*;

use super::format::VALUES;
use super::*;

const FORMATS: [Format; 6] =
    [Format::Q8_0, Format::Q4_0, Format::Q4_1, Format::Bf16, Format::F16, Format::F32];

/// Pseudo-random 32 bits, a function of the seed.
fn random(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32
    }
}

/// Values in ±1, of which every tenth block is zero.
fn values(seed: u64, length: usize) -> Vec<f32> {
    let mut random = random(seed);
    let value = |index: usize| {
        let value = random() as f32 / (1u32 << 31) as f32 - 1.0;
        if index / VALUES % 10 == 9 { 0.0 } else { value }
    };
    (0..length).map(value).collect()
}

/// The little-endian half, or bfloat16, of a finite number between 2⁻¹¹ and 2⁻³, or of its negative.
fn small_float(format: Format, bits: u32) -> [u8; 2] {
    let (sign, exponent) = (bits >> 16 & 1, bits >> 17 & 7);
    let bits = match format {
        Format::Bf16 => sign << 15 | (exponent + 127 - 11) << 7 | bits & 0x7f,
        _ => sign << 15 | (exponent + 15 - 11) << 10 | bits & 0x3ff,
    };
    (bits as u16).to_le_bytes()
}

/// Bytes of a matrix with any integers, -128 among them.
fn bytes(format: Format, rows: usize, columns: usize, seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    let (floats, integers, blocks) = match format {
        Format::Q8_0 => (1, 32, columns / VALUES),
        Format::Q4_0 => (1, 16, columns / VALUES),
        Format::Q4_1 => (2, 16, columns / VALUES),
        Format::Bf16 | Format::F16 => (1, 0, columns),
        Format::F32 => {
            return self::values(seed, rows * columns)
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect();
        }
    };
    let mut bytes = Vec::new();
    for _ in 0..rows * blocks {
        (0..floats).for_each(|_| bytes.extend(small_float(format, random())));
        bytes.extend((0..integers).map(|_| random() as u8));
        // The extremes, beside each other, where sums in 16 bits would overflow first.
        if random().is_multiple_of(4) {
            let at = bytes.len() - integers;
            let extreme = [0x80, 0x7f, 0xff, 0x00][random() as usize % 4];
            bytes[at..].fill(extreme);
        }
    }
    bytes
}

fn on_threads<R: Send>(threads: usize, f: impl Fn() -> R + Sync + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(f)
}

fn product(body: Body, x: &[f32], weight: QuantizedMatrix, bias: Option<&[f32]>) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.len() / weight.columns() * weight.rows()];
    linears_on(body, x, &mut [Product { weight, bias, y: &mut y }]);
    y
}

fn dequantized(weight: QuantizedMatrix) -> Vec<Vec<f32>> {
    let row = |row| {
        let mut values = vec![f32::NAN; weight.columns()];
        dequantize_row(weight, row, &mut values);
        values
    };
    (0..weight.rows()).map(row).collect()
}

fn as_in_gguf(format: Format) -> TensorType {
    match format {
        Format::Q8_0 => TensorType::Q8_0,
        Format::Q4_0 => TensorType::Q4_0,
        Format::Q4_1 => TensorType::Q4_1,
        Format::Bf16 => TensorType::Bf16,
        Format::F16 => TensorType::F16,
        Format::F32 => TensorType::F32,
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    // All NaN are one.
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// Against the product with what the bytes stand for, in `f64`. Rounding to 8 bits changes a value by at most half
/// a step, which is 1/127 of the block's largest; sums in `f32` by a little.
#[track_caller]
fn assert_close(y: &[f32], x: &[f32], weight: QuantizedMatrix, bias: &[f32]) {
    let rows = dequantized(weight);
    for (y, x) in y.chunks(weight.rows()).zip(x.chunks(weight.columns())) {
        for ((y, w), bias) in y.iter().zip(&rows).zip(bias) {
            let (mut exact, mut allowed) = (f64::from(*bias), 1e-6);
            for (x, w) in x.chunks(VALUES).zip(w.chunks(VALUES)) {
                let largest = x.iter().fold(0.0, |max: f32, x| max.max(x.abs()));
                let step = if weight.format().has_blocks() { largest / 127.0 } else { 0.0 };
                for (x, w) in x.iter().zip(w) {
                    let (x, w) = (f64::from(*x), f64::from(*w));
                    exact += x * w;
                    allowed += w.abs() * (f64::from(step) * 0.501 + 2e-6 * x.abs());
                }
            }
            let off = (f64::from(*y) - exact).abs();
            assert!(off <= allowed, "{weight:?}: {y}, not {exact}, off by {off} of {allowed}");
        }
    }
}

fn check(format: Format, n: usize, blocks: usize, m: usize, seed: u64) {
    let k = blocks * VALUES;
    let bytes = bytes(format, m, k, seed);
    let weight = QuantizedMatrix::new(format, m, k, &bytes);
    let (x, bias) = (values(seed + 1, n * k), values(seed + 2, m));
    let y = product(Body::Portable, &x, weight, Some(&bias));
    assert_close(&y, &x, weight, &bias);
    for body in Body::all() {
        let [one, two] = [1, 2].map(|n| on_threads(n, || product(body, &x, weight, Some(&bias))));
        assert_eq!(bits(&one), bits(&y), "{body:?} gives other bits");
        assert_eq!(bits(&two), bits(&y), "two threads give other bits than one");
        for (x, y) in x.chunks(k).zip(y.chunks(m)).take(15) {
            let alone = product(body, x, weight, Some(&bias));
            assert_eq!(bits(&alone), bits(y), "a row alone gives other bits than in a batch");
        }
        let with_zeros = product(body, &x, weight, Some(&vec![0.0; m]));
        assert_eq!(product(body, &x, weight, None), with_zeros);
    }
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn bodies_that_this_processor_lacks_are_named() {
    let lacking = |body: &str| {
        crate::skipped(&format!("{body}: this processor has no such instructions"));
    };
    assert_eq!(Body::all().next(), Some(Body::Portable));
    #[cfg(target_arch = "x86_64")]
    let bodies = [Body::Avx2, Body::Vnni];
    #[cfg(target_arch = "aarch64")]
    let bodies = [Body::Dotprod];
    for body in bodies {
        if !Body::all().any(|available| available == body) {
            lacking(&format!("quantised products with {body:?}"));
        }
    }
    #[cfg(target_arch = "x86_64")]
    if small_floats::Body::best() != small_floats::Body::Avx512 {
        lacking("products with floats of 16 bits with Avx512");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_are_those_with_what_the_bytes_stand_for(
        format in prop::sample::select(FORMATS.to_vec()),
        n in 1..30usize,
        blocks in 1..9usize,
        m in 1..70usize,
        seed: u32,
    ) {
        check(format, n, blocks, m, u64::from(seed));
    }

    /// Of any bytes: scales that are subnormal, infinite or NaN among them.
    #[test]
    fn bytes_stand_for_what_minigpt_gguf_reads(
        format in prop::sample::select(FORMATS.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 3 * 4 * VALUES),
    ) {
        let row_bytes = format.row_bytes(3 * VALUES).unwrap();
        let weight = QuantizedMatrix::new(format, 1, 3 * VALUES, &bytes[..row_bytes]);
        let mut values = [f32::NAN; 3 * VALUES];
        as_in_gguf(format).dequantize(&bytes[..row_bytes], &mut values);
        prop_assert_eq!(bits(&dequantized(weight).concat()), bits(&values));
    }
}

/// The first of 16 bytes holds the integers 1, of value 0, and 2, of value 16; the others hold 8 twice.
#[test]
fn a_row_has_the_values_of_its_bytes() {
    let integers = [&[0x21][..], &[0x88; 15]].concat();
    let (half, quarter) = ([0x00, 0x38], [0x00, 0x34]);
    let row = |format, columns, bytes: &[u8]| {
        dequantized(QuantizedMatrix::new(format, 1, columns, bytes)).concat()
    };
    let mut expected = [0.0; VALUES];
    (expected[0], expected[16]) = (0.5 * (1.0 - 8.0), 0.5 * (2.0 - 8.0));
    assert_eq!(row(Format::Q4_0, VALUES, &[&half[..], &integers].concat()), expected);
    let mut expected = [0.5 * 8.0 + 0.25; VALUES];
    (expected[0], expected[16]) = (0.5 * 1.0 + 0.25, 0.5 * 2.0 + 0.25);
    assert_eq!(row(Format::Q4_1, VALUES, &[&half[..], &quarter, &integers].concat()), expected);
    let signed = [&half[..], &[0x80], &[0x01; 31]].concat();
    let mut expected = [0.5; VALUES];
    expected[0] = 0.5 * -128.0;
    assert_eq!(row(Format::Q8_0, VALUES, &signed), expected);
    assert_eq!(row(Format::Bf16, 1, &[0x20, 0xc0]), [-2.5]);
}

#[test]
fn sizes_that_need_several_chunks_and_tasks() {
    for format in FORMATS {
        check(format, 2 * CHUNK + 14, 3, 2 * STRIPE + 1, 7);
        check(format, 1, 48, 576, 8);
    }
}

#[test]
fn floats_need_no_whole_blocks() {
    for format in [Format::Bf16, Format::F16, Format::F32] {
        let (n, k, m) = (5, 37, 33);
        let bytes = bytes(format, m, k, 3);
        let weight = QuantizedMatrix::new(format, m, k, &bytes);
        let x = values(4, n * k);
        let y = product(Body::best(), &x, weight, None);
        assert_close(&y, &x, weight, &vec![0.0; m]);
    }
}

#[test]
fn what_is_not_finite_is_found_by_its_place() {
    for format in FORMATS {
        let (rows, columns) = (3, 64);
        let mut bytes = bytes(format, rows, columns, 5);
        let find = |bytes: &[u8]| {
            find_not_finite(QuantizedMatrix::new(format, rows, columns, bytes)).map(|(at, _)| at)
        };
        assert_eq!(find(&bytes), None);
        // The float that the second half of the second row begins with, or the scale there.
        let at = bytes.len() / rows + bytes.len() / rows / 2;
        let infinite: &[u8] = match format {
            Format::Bf16 => &[0x80, 0x7f],
            Format::F32 => &[0, 0, 0x80, 0x7f],
            _ => &[0x00, 0x7c],
        };
        bytes[at..at + infinite.len()].copy_from_slice(infinite);
        let found = find(&bytes).unwrap();
        assert!((64 + 32..2 * 64).contains(&found), "{format:?}: {found}");
    }
}

#[test]
fn the_integers_of_a_block_are_added_without_rounding() {
    // All extremes at once, and scales of one: the sums are whole numbers.
    let one = [0x00, 0x3c];
    for (integer, x) in [(-128i8, 1.0f32), (-128, -1.0), (127, 1.0), (127, -1.0), (0, 1.0)] {
        let block = [&one[..], &[integer.cast_unsigned(); VALUES]].concat();
        let weight = QuantizedMatrix::new(Format::Q8_0, 1, VALUES, &block);
        for body in Body::all() {
            let y = product(body, &[127.0 * x; VALUES], weight, None);
            assert_eq!(y, [127.0 * x * f32::from(integer) * VALUES as f32], "{body:?}");
        }
    }
    let block = [&one[..], &one, &[0xff; 16]].concat();
    let weight = QuantizedMatrix::new(Format::Q4_1, 1, VALUES, &block);
    for body in Body::all() {
        assert_eq!(product(body, &[127.0; VALUES], weight, None), [127.0 * 16.0 * 32.0]);
    }
}

#[test]
fn several_products_at_once_are_those_one_by_one() {
    let (n, k) = (3, 4 * VALUES);
    let x = values(1, n * k);
    let bytes = FORMATS.map(|format| bytes(format, 40, k, 2));
    let weights: [_; 5] = array::from_fn(|i| QuantizedMatrix::new(FORMATS[i], 40, k, &bytes[i]));
    let mut ys = [(); 5].map(|()| vec![f32::NAN; n * 40]);
    let products = weights.into_iter().zip(&mut ys);
    let products = products.map(|(weight, y)| Product { weight, bias: None, y });
    linears(&x, &mut products.collect::<Vec<_>>());
    for (weight, y) in weights.into_iter().zip(&ys) {
        assert_eq!(bits(y), bits(&product(Body::best(), &x, weight, None)));
    }
    linears(&x, &mut []);
}

#[test]
fn nothing_to_multiply() {
    let bytes = bytes(Format::Q8_0, 3, VALUES, 1);
    let weight = QuantizedMatrix::new(Format::Q8_0, 3, VALUES, &bytes);
    linear(&[], weight, None, &mut []);
    linear(&[1.0; VALUES], QuantizedMatrix::new(Format::Q4_0, 0, VALUES, &[]), None, &mut []);
    linear(&[], QuantizedMatrix::new(Format::Q4_1, 3, 0, &[]), None, &mut []);
    linear(&[], QuantizedMatrix::new(Format::Bf16, 3, 0, &[]), None, &mut []);
}

#[test]
fn a_value_that_is_not_finite_shows_in_its_row_alone() {
    for format in FORMATS {
        let (k, m) = (3 * VALUES, 20);
        let bytes = bytes(format, m, k, 5);
        let weight = QuantizedMatrix::new(format, m, k, &bytes);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = values(6, 3 * k);
            x[k + 40] = value;
            for body in Body::all() {
                let y = product(body, &x, weight, None);
                let is_finite = |y: &[f32]| y.iter().map(|y| y.is_finite()).collect::<Vec<_>>();
                assert_eq!(is_finite(&y), [vec![true; m], vec![false; m], vec![true; m]].concat());
            }
        }
    }
}

#[test]
fn a_scale_that_is_not_finite_shows_in_its_column_alone() {
    for (format, at) in [(Format::Q8_0, 0), (Format::Q4_0, 0), (Format::Q4_1, 0), (Format::Q4_1, 2)]
    {
        for scale in [[0x00, 0x7c], [0x00, 0xfc], [0x01, 0x7e]] {
            let (k, m) = (2 * VALUES, 20);
            let mut bytes = bytes(format, m, k, 5);
            let row = format.row_bytes(k).unwrap();
            bytes[7 * row + at..][..2].copy_from_slice(&scale);
            let weight = QuantizedMatrix::new(format, m, k, &bytes);
            for body in Body::all() {
                let y = product(body, &values(6, k), weight, None);
                let broken: Vec<_> = (0..m).filter(|&row| !y[row].is_finite()).collect();
                assert_eq!(broken, [7], "{format:?}, {body:?}");
            }
        }
    }
}

#[test]
fn activations_of_any_size_are_rounded_to_their_largest() {
    let one = [&[0x00, 0x3c][..], &[1; VALUES]].concat();
    let weight = QuantizedMatrix::new(Format::Q8_0, 1, VALUES, &one);
    for size in [1e-30f32, 1e-3, 1.0, 1e30] {
        let y = product(Body::best(), &[size; VALUES], weight, None)[0];
        assert!((y / size - 32.0).abs() < 1e-4, "{y} of {size}");
    }
    // Too small for a scale that is a normal number.
    for size in [0.0, 1e-40, f32::MIN_POSITIVE] {
        assert_eq!(product(Body::best(), &[size; VALUES], weight, None), [0.0]);
    }
}

#[test]
#[should_panic(expected = "33 columns are not whole blocks of Q4_0")]
fn columns_that_are_not_whole_blocks_are_refused() {
    let _ = QuantizedMatrix::new(Format::Q4_0, 1, 33, &[]);
}

#[test]
#[should_panic(expected = "bytes of Q8_0 [2, 32]")]
fn bytes_that_are_not_all_rows_are_refused() {
    let _ = QuantizedMatrix::new(Format::Q8_0, 2, 32, &[0; 34]);
}
