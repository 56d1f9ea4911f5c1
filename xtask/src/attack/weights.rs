//! Files of weights: safetensors, and PyTorch's archives with their pickles.

use flate2::Crc;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::damage::{damage_in_place, damaged};
use super::json;

/// A safetensors file with a mistake in its header, whose length stays right, or in its numbers.
pub(crate) fn mutated_safetensors(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Some((header, data)) = safetensors(bytes) else { return damaged(bytes, random) };
    match random.random_range(0..8) {
        0 => damaged(bytes, random),
        1 => {
            let mut data = data.to_vec();
            let special = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0];
            for _ in 0..random.random_range(1..100) {
                let at = random.random_range(0..data.len() / 4) * 4;
                let value = special[random.random_range(0..special.len())];
                data[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            with_header(header, &data)
        }
        2 => with_header(header, &damaged(data, random)),
        _ => with_header(&json::mutated(header, random).unwrap_or_default(), data),
    }
}

/// The header and the numbers of a safetensors file.
pub(crate) fn safetensors(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

fn with_header(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// An archive of torch.save's with a mistake in its pickle, or in what else it has.
pub(crate) fn mutated_archive(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Some(mut files) = unzip(bytes) else { return damaged(bytes, random) };
    match random.random_range(0..8) {
        0 => damaged(bytes, random),
        1 => {
            // The list of files, which is at the end.
            let mut bytes = bytes.to_vec();
            let start = bytes.windows(4).position(|window| window == ENTRY).unwrap_or_default();
            damage_in_place(&mut bytes[start..], random);
            bytes
        }
        2 => {
            let chosen = random.random_range(0..files.len());
            files[chosen].1 = damaged(&files[chosen].1, random);
            zip(&files)
        }
        _ => {
            let pickle = files.iter_mut().find(|(name, _)| name.ends_with("data.pkl"));
            if let Some((_, pickle)) = pickle {
                *pickle = mutated_pickle(pickle, random);
            }
            zip(&files)
        }
    }
}

/// A pickle with opcodes that are repeated, left out, exchanged, or that say something else.
pub(crate) fn mutated_pickle(pickle: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut opcodes = opcodes(pickle);
    for _ in 0..random.random_range(1..=3) {
        let (at, other) =
            (random.random_range(0..opcodes.len()), random.random_range(0..opcodes.len()));
        match random.random_range(0..8) {
            0 => drop(opcodes.remove(at)),
            1 => opcodes.swap(at, other),
            2 => opcodes.insert(at, opcodes[other].clone()),
            3 => {
                let run = opcodes[at..opcodes.len().min(at + 12)].to_vec();
                let times = 1 << random.random_range(1..10);
                opcodes.splice(at..at, std::iter::repeat_n(run, times).flatten());
            }
            4 => opcodes.insert(at, vec![b'h', random.random_range(0..40)]),
            5 => {
                let known: [&[u8]; 7] = [b"(", b"}", b"]", b")", b"R", b"\x85", b"N"];
                opcodes.insert(at, known[random.random_range(0..known.len())].to_vec());
            }
            _ => {
                let opcode = &mut opcodes[at];
                if opcode.len() > 1 {
                    damage_in_place(&mut opcode[1..], random);
                }
            }
        }
        if opcodes.is_empty() {
            break;
        }
    }
    opcodes.concat()
}

/// The opcodes of a pickle of protocol 2, each with its argument; what is not known is one byte.
fn opcodes(pickle: &[u8]) -> Vec<Vec<u8>> {
    let mut opcodes = Vec::new();
    let mut rest = pickle;
    while let Some(opcode) = rest.first() {
        let lines = |number: usize| {
            let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            ends.map(|(at, _)| at + 1).nth(number - 1).unwrap_or(rest.len())
        };
        let counted = |width: usize| {
            let bytes = rest.get(1..=width).unwrap_or_default().iter().rev();
            1 + width + bytes.fold(0, |length, byte| length << 8 | usize::from(*byte))
        };
        let length = match opcode {
            b'K' | b'q' | b'h' | 0x80 => 2,
            b'M' => 3,
            b'J' | b'r' | b'j' => 5,
            b'X' => counted(4),
            0x8a => counted(1),
            b'c' => lines(2),
            _ => 1,
        };
        let (opcode, after) = rest.split_at(length.min(rest.len()));
        opcodes.push(opcode.to_vec());
        rest = after;
    }
    opcodes
}

/// What begins an entry of an archive's list.
const ENTRY: &[u8] = b"PK\x01\x02";

/// The files of an archive in which none is packed, in the order of its list.
pub(crate) fn unzip(archive: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let number = |at: usize, length: usize| {
        let bytes = archive.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let end = archive.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let (count, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut files = Vec::new();
    for _ in 0..count {
        if archive.get(at..at + 4)? != ENTRY {
            return None;
        }
        let (length, local) = (number(at + 20, 4)?, number(at + 42, 4)?);
        let lengths = [number(at + 28, 2)?, number(at + 30, 2)?, number(at + 32, 2)?];
        let name = archive.get(at + 46..at + 46 + lengths[0])?;
        let start = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
        let content = archive.get(start..start.checked_add(length)?)?;
        files.push((String::from_utf8_lossy(name).into_owned(), content.to_vec()));
        at += 46 + lengths.iter().sum::<usize>();
    }
    Some(files)
}

/// An archive of files as they are, with right lengths and checksums.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut list) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let length = content.len() as u32;
        // Version 20, no flags, stored, no date.
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc.sum(), length, length, name.len() as u32] {
            about.extend(number.to_le_bytes());
        }
        let local = (archive.len() as u32).to_le_bytes();
        archive.extend([&b"PK\x03\x04"[..], &about, name.as_bytes(), content].concat());
        let more = [0; 10];
        list.extend([ENTRY, &[20, 0], &about, &more, &local, name.as_bytes()].concat());
    }
    let (start, count) = (archive.len() as u32, files.len() as u16);
    archive.extend(&list);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    archive.extend([(list.len() as u32).to_le_bytes(), start.to_le_bytes()].concat());
    archive.extend([0, 0]);
    archive
}

#[cfg(test)]
mod tests;
