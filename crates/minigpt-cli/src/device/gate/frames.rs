//! Frames of WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)), as far as their
//! lengths go.

use std::io::{ErrorKind, Read, Write};

/// What frames may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    /// Bytes of each, at most.
    pub(super) most: u64,
}

/// Bytes of a frame with its header.
struct Frame {
    bytes: Vec<u8>,
    /// Whether it is a message, and no ping, pong or close.
    is_data: bool,
}

/// Passes whole frames on until the reader ends.
pub(super) fn pass_frames(
    from: &mut impl Read,
    to: &mut impl Write,
    frames: Frames,
) -> Result<(), String> {
    while let Some(frame) = read_frame(from, frames)? {
        if to.write_all(&frame.bytes).is_err() {
            break;
        }
    }
    Ok(())
}

/// Passes frames on up to the first with data; false where the reader ends before.
pub(super) fn pass_until_data(
    from: &mut impl Read,
    to: &mut impl Write,
    frames: Frames,
) -> Result<bool, String> {
    while let Some(frame) = read_frame(from, frames)? {
        if to.write_all(&frame.bytes).is_err() {
            break;
        }
        if frame.is_data {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The next frame; `None` at the end, and where the connection breaks.
fn read_frame(from: &mut impl Read, frames: Frames) -> Result<Option<Frame>, String> {
    let mut bytes = vec![0; 2];
    if !fill(from, &mut bytes)? {
        return Ok(None);
    }
    let (first, second) = (bytes[0], bytes[1]);
    let (is_whole, kind) = (first & 0x80 != 0, first & 0x0f);
    // Binary, close, ping and pong: all that burn sends. A message in parts could have any length.
    if !is_whole || !matches!(kind, 0x2 | 0x8..=0xa) {
        return Err(format!("a frame that begins with byte {first:#04x}"));
    }
    let length = match second & 0x7f {
        126 => length_of(from, &mut bytes, 2)?,
        127 => length_of(from, &mut bytes, 8)?,
        length => Some(u64::from(length)),
    };
    let Some(length) = length else { return Ok(None) };
    if length > frames.most {
        return Err(format!("a frame of {length} bytes: expected at most {}", frames.most));
    }
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    let start = bytes.len();
    bytes.resize(start + mask + length as usize, 0);
    let is_complete = fill(from, &mut bytes[start..])?;
    Ok(is_complete.then_some(Frame { bytes, is_data: kind == 0x2 }))
}

/// A length of so many bytes, which are added to `bytes`.
fn length_of(
    from: &mut impl Read,
    bytes: &mut Vec<u8>,
    count: usize,
) -> Result<Option<u64>, String> {
    let mut digits = [0; 8];
    if !fill(from, &mut digits[8 - count..])? {
        return Ok(None);
    }
    bytes.extend(&digits[8 - count..]);
    Ok(Some(u64::from_be_bytes(digits)))
}

/// Fills a buffer; false where the reader ends, orderly or not, before it is full.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<bool, String> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
            Err("no handshake in time".to_owned())
        }
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
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
}
