use super::floats::{bf16, f16, to_bf16, to_f16};
use super::*;

/// A half by its definition.
fn defined(half: u16) -> f64 {
    let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 31), f64::from(half & 1023) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * f64::from(-14).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * f64::from(exponent - 15).exp2(),
    };
    sign * magnitude
}

#[test]
fn every_half_has_its_value() {
    for half in 0..=u16::MAX {
        let (value, expected) = (f16(half.to_le_bytes()), defined(half));
        if expected.is_nan() {
            assert!(value.is_nan() && f16(to_f16(value)).is_nan(), "{half:#x}");
        } else {
            assert_eq!(f64::from(value), expected, "{half:#x}");
            assert_eq!(value.is_sign_negative(), half >> 15 == 1, "{half:#x}");
            assert_eq!(to_f16(value), half.to_le_bytes(), "{half:#x}");
        }
    }
}

#[test]
fn halves_that_are_read_together_have_the_values_that_they_have_alone() {
    // Not all of a part's size.
    let halves: Vec<[u8; 2]> = (0..u16::MAX).map(u16::to_le_bytes).collect();
    let mut values = vec![0.0; halves.len()];
    TensorType::F16.dequantize(halves.as_flattened(), &mut values);
    for (value, half) in values.into_iter().zip(halves) {
        let alone = f16(half);
        assert!(value == alone || value.is_nan() && alone.is_nan(), "{half:x?}");
    }
}

#[test]
fn a_value_becomes_the_nearest_half_and_between_two_the_even_one() {
    for lower in 0..0x7bff_u16 {
        let (a, b) = (defined(lower), defined(lower + 1));
        let middle = ((a + b) / 2.0) as f32;
        assert_eq!(f64::from(middle), (a + b) / 2.0, "a float can hold it");
        let even = if lower % 2 == 0 { lower } else { lower + 1 };
        for (value, expected) in
            [(middle.next_down(), lower), (middle, even), (middle.next_up(), lower + 1)]
        {
            assert_eq!(to_f16(value), expected.to_le_bytes(), "{value}");
            assert_eq!(to_f16(-value), (expected | 0x8000).to_le_bytes(), "-{value}");
        }
    }
    // 65,504 is the largest; half a step further begins infinity.
    assert_eq!(to_f16(65_519.996), 0x7bff_u16.to_le_bytes());
    for value in [65_520.0, 65_536.0, 1e10, f32::MAX, f32::INFINITY] {
        assert_eq!(to_f16(value), 0x7c00_u16.to_le_bytes());
    }
}

#[test]
fn the_upper_half_of_a_float_is_rounded_to_even() {
    for (bits, expected) in [
        (0x3f80_0000_u32, 0x3f80_u16),
        (0x3f80_8000, 0x3f80),
        (0x3f80_8001, 0x3f81),
        (0x3f81_8000, 0x3f82),
        (0xff7f_ffff, 0xff80),
        (0x0000_8001, 0x0001),
    ] {
        assert_eq!(to_bf16(f32::from_bits(bits)), expected.to_le_bytes(), "{bits:#x}");
        assert_eq!(bf16(expected.to_le_bytes()).to_bits(), u32::from(expected) << 16);
    }
    // Its upper half alone would be infinite.
    assert!(bf16(to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
}

#[test]
fn numbers_are_those_of_ggml_and_their_own() {
    for tensor_type in TensorType::ALL {
        assert_eq!(TensorType::from_number(tensor_type.number()), Some(tensor_type));
        assert_eq!(unread(tensor_type.number()), format!("number {}", tensor_type.number()));
    }
    assert_eq!(TensorType::from_number(23), None);
}

#[test]
#[should_panic(expected = "whole blocks")]
fn a_part_of_a_block_is_a_mistake_of_the_caller() {
    TensorType::Q8_0.dequantize(&[0; 33], &mut [0.0; 32]);
}
