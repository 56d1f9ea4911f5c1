use minigpt_gguf::TensorType;

use super::*;

#[test]
fn halves_have_their_values() {
    let cases = [
        (0x0000, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x7bff, 65504.0),
        (0x0001, 2f32.powi(-24)),
        (0x03ff, 1023.0 * 2f32.powi(-24)),
        (0x7c00, f32::INFINITY),
        (0xfc00, f32::NEG_INFINITY),
    ];
    for (bits, value) in cases {
        assert_eq!(f16(u16::to_le_bytes(bits)), value);
    }
    assert!(f16([0x01, 0x7e]).is_nan());
}

/// Each half, and what lies between it and the next: a quarter, the middle, which goes to the even one, three quarters.
#[test]
fn values_are_rounded_to_the_nearest_half() {
    for (of, round, largest) in [
        (TensorType::F16, to_f16 as fn(f32) -> u16, 65504.0f32),
        (TensorType::Bf16, to_bf16 as fn(f32) -> u16, f32::from_bits(0x7f7f_0000)),
    ] {
        let widen = if of == TensorType::F16 { f16 } else { bf16 };
        for half in (0..=u16::MAX).filter(|half| widen(half.to_le_bytes()).is_finite()) {
            let value = widen(half.to_le_bytes());
            assert_eq!(round(value), half, "{value}");
            let next = widen((half + 1).to_le_bytes());
            if !next.is_finite() {
                continue;
            }
            for part in [0.25, 0.5, 0.75f64] {
                let between = f64::from(value) * (1.0 - part) + f64::from(next) * part;
                let mut bytes = Vec::new();
                of.quantize(&[between as f32], &mut bytes).unwrap();
                assert_eq!(round(between as f32).to_le_bytes(), bytes[..], "{between}");
            }
        }
        for beyond in [largest * 1.001, f32::MAX, f32::INFINITY] {
            assert_eq!(widen(round(beyond).to_le_bytes()), largest);
            assert_eq!(widen(round(-beyond).to_le_bytes()), -largest);
        }
        assert!(widen(round(f32::NAN).to_le_bytes()).is_nan());
    }
}
