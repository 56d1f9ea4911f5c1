//! [`unpack`](super::unpack) on AVX-512: four bytes of each of 16 rows come side by side as a matrix is transposed.

use std::arch::x86_64::*;

use super::{Block, ROWS};
use crate::quantized::format::{Format, Q4_0, Q4_1, Q8_0, QuantizedMatrix};

/// True where a matrix has all rows of a panel from `first` on.
pub(in crate::quantized) fn can_unpack(weight: QuantizedMatrix, first: usize) -> bool {
    weight.rows() - first >= ROWS
}

/// Rows `first..` of a matrix for which [`can_unpack`] says so.
#[target_feature(enable = "avx512f")]
pub(in crate::quantized) fn unpack(weight: QuantizedMatrix, first: usize, panel: &mut [Block]) {
    let bytes = weight.some_rows(first, ROWS);
    match weight.format() {
        Format::Q8_0 => q8_0(bytes, panel),
        Format::Q4_0 => q4::<Q4_0>(bytes, panel),
        Format::Q4_1 => q4::<Q4_1>(bytes, panel),
        Format::Bf16 | Format::F16 | Format::F32 => unreachable!("floats have no blocks"),
    }
}

#[target_feature(enable = "avx512f")]
fn q8_0(bytes: &[u8], panel: &mut [Block]) {
    let row_bytes = panel.len() * Q8_0;
    assert_eq!(bytes.len(), ROWS * row_bytes, "a panel of other rows");
    for (index, block) in panel.iter_mut().enumerate() {
        // SAFETY: within the block `index` of each row, which the bytes have.
        unsafe {
            let start = bytes.as_ptr().add(index * Q8_0);
            prefetch::<Q8_0>(bytes, index);
            let fours = [transpose(start.add(2), row_bytes), transpose(start.add(18), row_bytes)];
            for (lanes, four) in block.integers.iter_mut().zip(fours.as_flattened()) {
                store(_mm512_xor_si512(*four, _mm512_set1_epi8(-128)), lanes); // + 128
            }
            let [scales, _] = halves(start, row_bytes);
            store_floats(scales, &mut block.scales);
        }
    }
}

/// `Q4_0` or `Q4_1`, as the number of bytes says.
#[target_feature(enable = "avx512f")]
fn q4<const BYTES: usize>(bytes: &[u8], panel: &mut [Block]) {
    let row_bytes = panel.len() * BYTES;
    assert_eq!(bytes.len(), ROWS * row_bytes, "a panel of other rows");
    let mask = _mm512_set1_epi8(15);
    for (index, block) in panel.iter_mut().enumerate() {
        // SAFETY: within the block `index` of each row, which the bytes have.
        unsafe {
            let start = bytes.as_ptr().add(index * BYTES);
            prefetch::<BYTES>(bytes, index);
            let fours = transpose(start.add(BYTES - 16), row_bytes);
            let (lower, upper) = block.integers.split_at_mut(4);
            for (&four, (lower, upper)) in fours.iter().zip(lower.iter_mut().zip(upper)) {
                let nibbles = [four, _mm512_srli_epi32::<4>(four)];
                for (nibbles, lanes) in nibbles.into_iter().zip([lower, upper]) {
                    let nibbles = _mm512_and_si512(nibbles, mask);
                    if BYTES == Q4_0 {
                        store(_mm512_add_epi32(nibbles, _mm512_set1_epi8(120)), lanes); // − 8 + 128
                    } else {
                        store(nibbles, lanes);
                    }
                }
            }
            let [scales, minimums] = halves(start, row_bytes);
            store_floats(scales, &mut block.scales);
            if BYTES == Q4_1 {
                store_floats(minimums, &mut block.minimums);
            }
        }
    }
}

/// Asks for a part of the next panel, as long as block `index` of all rows: rows lie too far apart for the processor
/// to see where this leads.
#[target_feature(enable = "avx512f")]
#[inline]
fn prefetch<const BYTES: usize>(bytes: &[u8], index: usize) {
    let next = bytes.as_ptr_range().end.wrapping_add(index * ROWS * BYTES);
    for line in (0..ROWS * BYTES).step_by(64) {
        _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(line).cast());
    }
}

/// Of 16 bytes of each row: the first four of all rows, the second, third and last.
///
/// # Safety
///
/// There must be 16 bytes at `start` and each of the next 15 multiples of `row_bytes` from there.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn transpose(start: *const u8, row_bytes: usize) -> [__m512i; 4] {
    // SAFETY: the caller says so.
    let row = |row: usize| unsafe { _mm_loadu_si128(start.add(row * row_bytes).cast()) };
    // In each quarter of a register, one of four adjacent rows.
    let of = |first| quarters([row(first), row(first + 4), row(first + 8), row(first + 12)]);
    let [a, b, c, d] = [of(0), of(1), of(2), of(3)];
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ab_upper, cd_upper) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ab_upper, cd_upper),
        _mm512_unpackhi_epi64(ab_upper, cd_upper),
    ]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn quarters([a, b, c, d]: [__m128i; 4]) -> __m512i {
    let ab = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(ab, c), d)
}

/// Of each row the half at `start`, and that after it.
///
/// # Safety
///
/// There must be four bytes at `start` and each of the next 15 multiples of `row_bytes` from there.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn halves(start: *const u8, row_bytes: usize) -> [__m512; 2] {
    // Not by a gather, which takes twice as long as all the rest where processors are told to keep others from
    // reading what it leaves behind.
    // SAFETY: the caller says so.
    let pair = |row: usize| unsafe { start.add(row * row_bytes).cast::<i32>().read_unaligned() };
    let of = |first| _mm_setr_epi32(pair(first), pair(first + 1), pair(first + 2), pair(first + 3));
    let pairs = quarters([of(0), of(4), of(8), of(12)]);
    let float = |half| _mm512_cvtph_ps(_mm512_cvtepi32_epi16(half));
    [float(pairs), float(_mm512_srli_epi32::<16>(pairs))]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(register: __m512i, lanes: &mut [u32; ROWS]) {
    // SAFETY: as long as a register.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), register) };
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_floats(register: __m512, lanes: &mut [f32; ROWS]) {
    // SAFETY: as long as a register.
    unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), register) };
}
