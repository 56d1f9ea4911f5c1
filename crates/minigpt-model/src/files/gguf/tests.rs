use super::*;

#[test]
fn a_matrix_is_transposed() {
    let bytes = |values: [f32; 6]| values.map(f32::to_le_bytes).concat();
    let matrix = bytes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(transposed(&matrix, [2, 3]), bytes([1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
}
