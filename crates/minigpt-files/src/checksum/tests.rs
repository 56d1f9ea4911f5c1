use super::*;

#[test]
fn checksums_are_those_of_sha256sum() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256("abc"), abc);
    assert_eq!(sha256_reader(&b"abc"[..]).unwrap(), abc);
    let mut pieces = Checksum::default();
    ["a", "", "bc"].into_iter().for_each(|piece| pieces.update(piece));
    assert_eq!(pieces.finish(), abc);
}
