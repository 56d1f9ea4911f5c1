//! The kinds of files that are attacked.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::damage::{damage_in_place, damaged};
use super::gguf::{self, mutated_gguf};
use super::json;
use super::packed::Packing;
use super::toml::{self, mutated_toml};
use super::weights::{mutated_archive, mutated_pickle, mutated_safetensors, safetensors, unzip};

/// How a file is made wrong, and how much of it is still right then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Json,
    JsonLines,
    Toml,
    Safetensors,
    /// An archive of torch.save's.
    Archive,
    Gguf,
    /// Pickles alone, as torch.save wrote them before its archives.
    Pickles,
    /// A packed text; what is attacked is given as the text.
    Packed(Packing),
    Parquet,
    /// What has a beginning and an end by which it is known.
    Binary,
}

/// Bytes at both ends of a [`Kind::Binary`] by which it is known.
const ENDS: usize = 8;

impl Kind {
    /// The bytes of the file that is right.
    pub(crate) fn whole(self, seed: &[u8]) -> Vec<u8> {
        match self {
            Self::Packed(packing) => packing.pack(seed),
            _ => seed.to_vec(),
        }
    }

    /// The bytes of a file with mistakes.
    pub(crate) fn mutated(self, seed: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
        match self {
            Self::Text => damaged(seed, random),
            Self::Json if random.random_range(0..5) == 0 => damaged(seed, random),
            Self::Json => json::mutated(seed, random).unwrap_or_else(|| damaged(seed, random)),
            Self::JsonLines => mutated_line(seed, random),
            Self::Toml => mutated_toml(seed, random),
            Self::Safetensors => mutated_safetensors(seed, random),
            Self::Archive => mutated_archive(seed, random),
            Self::Gguf => mutated_gguf(seed, random),
            Self::Pickles if random.random_range(0..5) == 0 => damaged(seed, random),
            Self::Pickles => {
                // The magic number stays.
                let (start, rest) = seed.split_at(seed.len().min(MAGIC.len()));
                [start.to_vec(), mutated_pickle(rest, random)].concat()
            }
            Self::Packed(packing) => packing.mutated(seed, random),
            Self::Parquet | Self::Binary if random.random_range(0..5) == 0 => damaged(seed, random),
            Self::Parquet | Self::Binary => {
                let mut bytes = seed.to_vec();
                let inner = inside(&bytes);
                for _ in 0..random.random_range(1..=4) {
                    damage_in_place(&mut bytes[inner.clone()], random);
                }
                bytes
            }
        }
    }

    /// Whether bytes begin, and where that is the format's way end, as a file of the kind does. This is the
    /// attack's own look: a program that refuses such a file has looked further.
    pub(crate) fn has_header(self, bytes: &[u8], seed: &[u8]) -> bool {
        let is_json = |bytes| serde_json::from_slice::<Value>(bytes).is_ok();
        match self {
            Self::Text => std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0),
            Self::Json => is_json(bytes),
            Self::JsonLines => {
                let mut lines = bytes.split(|byte| *byte == b'\n');
                lines.all(|line| line.trim_ascii().is_empty() || is_json(line))
            }
            Self::Toml => toml::has_header(bytes),
            Self::Safetensors => safetensors(bytes).is_some_and(|(header, _)| is_json(header)),
            Self::Archive => unzip(bytes)
                .is_some_and(|files| files.iter().any(|(name, _)| name.ends_with("data.pkl"))),
            Self::Gguf => gguf::has_header(bytes),
            Self::Pickles => bytes.starts_with(MAGIC),
            Self::Packed(packing) => packing.has_header(bytes),
            Self::Parquet => {
                let Some((rest, b"PAR1")) = bytes.split_last_chunk() else { return false };
                let footer = rest.last_chunk().map(|length| u32::from_le_bytes(*length));
                let has_place = footer.is_some_and(|length| length as usize + 8 <= rest.len());
                has_place && bytes.starts_with(b"PAR1")
            }
            Self::Binary => {
                let [own, right] = [bytes, seed].map(|bytes| {
                    let ends = bytes.len().min(ENDS);
                    [&bytes[..ends], &bytes[bytes.len() - ends..]]
                });
                own == right
            }
        }
    }
}

/// What begins pickles that stand alone.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// All of bytes but their ends.
fn inside(bytes: &[u8]) -> Range<usize> {
    if bytes.len() <= 2 * ENDS { 0..bytes.len() } else { ENDS..bytes.len() - ENDS }
}

/// Lines of JSON of which one has a mistake.
fn mutated_line(seed: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    if random.random_range(0..5) == 0 {
        return damaged(seed, random);
    }
    let mut lines: Vec<Vec<u8>> = seed.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let chosen = random.random_range(0..lines.len());
    if let Some(line) = json::mutated(&lines[chosen], random) {
        lines[chosen] = line;
    } else {
        let other = lines[random.random_range(0..lines.len())].clone();
        lines.insert(chosen, other);
    }
    lines.join(&b'\n')
}

#[cfg(test)]
mod tests;
