use super::*;

const STORAGE: &[u8] = b"(X\x01\0\0\0sctorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x01tQ";

/// The pickle of these opcodes.
fn read_parts(parts: &[&[u8]]) -> Result<Pickle, PickleError> {
    let bytes = [b"\x80\x02", &parts.concat()[..], b"."].concat();
    read(&mut &bytes[..])
}

/// Once, a call with an object of 400,000 parts copied them all, for three bytes of the file.
#[test]
fn what_is_named_again_is_not_copied() {
    let rebuild: &[u8] = b"ctorch._utils\n_rebuild_parameter\nq\0";
    let large = [b"]q\x01(", &b"N".repeat(400_000)[..], b"e\x85q\x02"].concat();
    let calls = b"h\0h\x02R".repeat(100_000);
    let pickle = read_parts(&[rebuild, &large, &calls]).unwrap();
    // The callable, 400,000 times nothing, their list and the arguments.
    assert_eq!(pickle.objects.len(), 400_003);

    // Nor is a storage's name, by the storages and tensors that have it.
    let name = [b"X", &4000_u32.to_le_bytes()[..], &b"k".repeat(4000), b"q\x03"].concat();
    let kind = b"(X\x01\0\0\0sctorch\nFloatStorage\n";
    let storage = [&kind[..], &name, b"NK\x01tq\x04"].concat();
    let pickle = read_parts(&[&storage, &b"h\x04Q".repeat(100_000)]).unwrap();
    assert!(pickle.objects.len() < 100_010);
    let last = &pickle.objects[pickle.root];
    assert!(matches!(last, Object::Storage(Storage { key, .. }) if pickle.text(*key).is_some()));
    let long = [&b"X"[..], &(1_u32 << 20).to_le_bytes()].concat();
    let error = read_parts(&[&long]).unwrap_err();
    let reason = "its pickle claims a text of 1048576 bytes".to_owned();
    assert_eq!(error, PickleError::Damaged(reason));
}

#[test]
fn a_tensor_has_few_dimensions_and_sizes_that_can_be() {
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let of = |offset: &[u8], shape: &[u8], strides: &[u8]| {
        read_parts(&[rebuild, STORAGE, offset, shape, strides, b"tR"])
    };
    assert!(of(b"K\0", b"K\x01\x85", b"K\x01\x85").is_ok());
    let refusal = |result: Result<Pickle, PickleError>| match result.unwrap_err() {
        PickleError::Damaged(reason) | PickleError::Code(reason) => reason,
    };
    let nine = b"(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t";
    assert_eq!(refusal(of(b"K\0", nine, nine)), "it has a tensor of 9 dimensions");
    let negative = b"J\xff\xff\xff\xff\x85";
    assert_eq!(refusal(of(b"K\0", negative, b"K\x01\x85")), "it has a tensor with an invalid size");
    assert_eq!(
        refusal(of(b"N", b"K\x01\x85", b"K\x01\x85")),
        "it has a tensor with an invalid size"
    );
    assert!(refusal(of(b"K\0", b"K\x01\x85", b")")).contains("not as many as its sizes"));
}

#[test]
fn a_long_name_is_cut_in_the_error() {
    let global = [b"c", &b"x".repeat(100_000)[..], b"\nsystem\n"].concat();
    let error = read_parts(&[&global]).unwrap_err();
    assert!(matches!(error, PickleError::Code(name) if name.len() < 300));
}
