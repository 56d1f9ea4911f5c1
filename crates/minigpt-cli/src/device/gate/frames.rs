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
mod tests;
