use super::*;

const FRAMES: Frames = Frames { most: 300 };

/// A masked frame of a client's.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn passed(bytes: &[u8]) -> (Vec<u8>, Result<(), String>) {
    let mut to = Vec::new();
    let outcome = pass_frames(&mut &*bytes, &mut to, FRAMES);
    (to, outcome)
}

#[test]
fn small_frames_pass_as_they_are() {
    let bytes = [frame(0x82, b"fetch"), frame(0x89, b""), frame(0x82, &[7; 300])].concat();
    assert_eq!(passed(&bytes), (bytes.clone(), Ok(())));
    // What is cut off is no frame.
    assert_eq!(passed(&bytes[..bytes.len() - 1]).0.len(), bytes.len() - 308);
}

#[test]
fn a_frame_of_any_other_kind_or_length_does_not() {
    let small = frame(0x82, b"fetch");
    let announced = [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0];
    for (bad, reason) in [
        (frame(0x82, &[7; 301]), "a frame of 301 bytes: expected at most 300"),
        (announced.to_vec(), "a frame of 4294967296 bytes"),
        (frame(0x02, b"part"), "begins with byte 0x02"),
        (frame(0x80, b"rest"), "begins with byte 0x80"),
        (frame(0x81, b"text"), "begins with byte 0x81"),
    ] {
        let (to, outcome) = passed(&[small.clone(), bad].concat());
        let error = outcome.unwrap_err();
        assert!(to == small && error.contains(reason), "{error}");
    }
}

#[test]
fn a_handshake_ends_with_the_first_data() {
    let bytes = [frame(0x89, b""), frame(0x82, b"init"), frame(0x82, b"task")].concat();
    let (mut from, mut to) = (&bytes[..], Vec::new());
    assert_eq!(pass_until_data(&mut from, &mut to, FRAMES), Ok(true));
    assert_eq!((to.len(), from), (bytes.len() - 10, &frame(0x82, b"task")[..]));
    assert_eq!(pass_until_data(&mut &b""[..], &mut to, FRAMES), Ok(false));
}
