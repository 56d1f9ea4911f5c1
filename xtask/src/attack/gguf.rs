//! GGUF files with mistakes, mostly in what stands before the tensors' values.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::damage::{EXTREMES, damage_in_place, damaged};

const MAGIC: &[u8] = b"GGUF";

/// Where tensors' values may begin, unless the file says otherwise.
const ALIGNMENT: usize = 32;

/// A file, cut where its entries are ([the format](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    version: u32,
    /// Each a key and its value.
    pairs: Vec<Vec<u8>>,
    /// Each a name and what the tensor is.
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
}

/// Whether bytes begin as a GGUF file of today does.
pub(crate) fn has_header(bytes: &[u8]) -> bool {
    let version = bytes.get(4..8).unwrap_or_default();
    bytes.starts_with(MAGIC) && (version == [2, 0, 0, 0] || version == [3, 0, 0, 0])
}

/// A file with a mistake in its entries, in their counts, or in its values.
pub(crate) fn mutated_gguf(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Some(mut parts) = parts(bytes) else { return damaged(bytes, random) };
    match random.random_range(0..10) {
        0 => damaged(bytes, random),
        1 => {
            damage_in_place(&mut parts.data, random);
            joined(&parts, counts(&parts))
        }
        2 => {
            let mut claimed = counts(&parts);
            claimed[random.random_range(0..2)] = EXTREMES[random.random_range(0..EXTREMES.len())];
            joined(&parts, claimed)
        }
        3..6 => {
            mutate(&mut parts.tensors, random);
            joined(&parts, counts(&parts))
        }
        _ => {
            mutate(&mut parts.pairs, random);
            joined(&parts, counts(&parts))
        }
    }
}

/// One to three entries that are left out, repeated, exchanged, or that say something else.
fn mutate(entries: &mut Vec<Vec<u8>>, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..=3) {
        if entries.is_empty() {
            return;
        }
        let [at, other] = [0; 2].map(|_| random.random_range(0..entries.len()));
        match random.random_range(0..10) {
            0 => drop(entries.remove(at)),
            1 => entries.insert(at, entries[other].clone()),
            2 => {
                // The name of one, and what another is.
                let name = entries[at][..name_end(&entries[at])].to_vec();
                entries[at] = [&name, &entries[other][name_end(&entries[other])..]].concat();
            }
            3 => {
                let end = name_end(&entries[at]);
                damage_in_place(&mut entries[at][8..end], random);
            }
            4 => entries[at] = damaged(&entries[at], random),
            _ => {
                // A type, a count, a size, a text or a number: long arrays would take most of the mistakes.
                let start = name_end(&entries[at]);
                let end = entries[at].len().min(start + 48);
                damage_in_place(&mut entries[at][start..end], random);
            }
        }
    }
}

/// The end of an entry's name.
fn name_end(entry: &[u8]) -> usize {
    let length = entry.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    usize::try_from(length).map_or(0, |length| length.saturating_add(8)).min(entry.len())
}

fn counts(parts: &Parts) -> [u64; 2] {
    [parts.tensors.len() as u64, parts.pairs.len() as u64]
}

fn joined(parts: &Parts, [tensors, pairs]: [u64; 2]) -> Vec<u8> {
    let head = [MAGIC, &parts.version.to_le_bytes(), &tensors.to_le_bytes(), &pairs.to_le_bytes()];
    let mut bytes = [head.concat(), parts.pairs.concat(), parts.tensors.concat()].concat();
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes.extend(&parts.data);
    bytes
}

/// The parts of a file that is right; `None` of any other.
fn parts(bytes: &[u8]) -> Option<Parts> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let version = u32::from_le_bytes(*rest.first_chunk()?);
    rest = &rest[4..];
    let [tensors, pairs] = [take_number(&mut rest)?, take_number(&mut rest)?];
    let pairs = (0..pairs).map(|_| take_entry(&mut rest, pass_value)).collect::<Option<_>>()?;
    let tensors =
        (0..tensors).map(|_| take_entry(&mut rest, pass_tensor)).collect::<Option<_>>()?;
    let start = (bytes.len() - rest.len()).next_multiple_of(ALIGNMENT);
    Some(Parts { version, pairs, tensors, data: bytes.get(start..)?.to_vec() })
}

/// A name and what `pass` goes over.
fn take_entry(rest: &mut &[u8], pass: fn(&mut &[u8]) -> Option<()>) -> Option<Vec<u8>> {
    let whole = *rest;
    pass_text(rest)?;
    pass(rest)?;
    Some(whole[..whole.len() - rest.len()].to_vec())
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u64::from_le_bytes(*number)).ok()
}

fn take_kind(rest: &mut &[u8]) -> Option<u32> {
    let (kind, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*kind))
}

fn pass_bytes(rest: &mut &[u8], length: usize) -> Option<()> {
    *rest = rest.get(length..)?;
    Some(())
}

fn pass_text(rest: &mut &[u8]) -> Option<()> {
    let length = take_number(rest)?;
    pass_bytes(rest, length)
}

fn pass_value(rest: &mut &[u8]) -> Option<()> {
    let kind = take_kind(rest)?;
    pass_value_of(rest, kind)
}

fn pass_value_of(rest: &mut &[u8], kind: u32) -> Option<()> {
    match kind {
        0 | 1 | 7 => pass_bytes(rest, 1),
        2 | 3 => pass_bytes(rest, 2),
        4..=6 => pass_bytes(rest, 4),
        10..=12 => pass_bytes(rest, 8),
        8 => pass_text(rest),
        9 => {
            let (kind, count) = (take_kind(rest)?, take_number(rest)?);
            (0..count).try_for_each(|_| pass_value_of(rest, kind))
        }
        _ => None,
    }
}

/// Dimensions, their sizes, a type and an offset.
fn pass_tensor(rest: &mut &[u8]) -> Option<()> {
    let dimensions = take_kind(rest)? as usize;
    pass_bytes(rest, dimensions.checked_mul(8)?.checked_add(12)?)
}

#[cfg(test)]
mod tests;
