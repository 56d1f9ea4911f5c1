use super::*;

#[test]
fn a_mean_has_length_one() {
    let mut sums = vec![0.0; 2];
    add(&[3.0, 0.0, 3.0, 8.0], &mut sums);
    assert_eq!(normalised(sums), [0.6, 0.8]);
    assert_eq!(normalised(vec![0.0, 0.0]), [0.0, 0.0]);
}

#[test]
fn vectors_are_told_as_clients_of_openai_unpack_them() {
    // numpy: base64.b64encode(numpy.array([1.0, -2.5], dtype="<f4"))
    assert_eq!(in_base64(&[1.0, -2.5]), "AACAPwAAIMA=");
}
