//! Mistakes in bytes, of which the format is not known.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Numbers at which sizes and counts break.
pub(crate) const EXTREMES: [u64; 9] =
    [0, 1, 0x7f, 0xff, 0xffff, i32::MAX as u64, u32::MAX as u64, i64::MAX as u64, u64::MAX];

/// One to three mistakes in a copy of some bytes.
pub(crate) fn damaged(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..random.random_range(1..=3) {
        match random.random_range(0..10) {
            0..4 => damage_in_place(&mut damaged, random),
            4 => damaged.truncate(place(&damaged, random)),
            5 => insert_noise(&mut damaged, random),
            6 | 7 => repeat_run(&mut damaged, random),
            8 => drop(damaged.drain(run(&damaged, random))),
            _ => replace_written_number(&mut damaged, random),
        }
    }
    damaged
}

/// A mistake that leaves the length as it is.
pub(crate) fn damage_in_place(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = random.random_range(0..bytes.len());
    match random.random_range(0..4) {
        0 | 1 => bytes[at] ^= 1 << random.random_range(0..8),
        2 => bytes[at] = random.random(),
        _ => {
            let extreme = EXTREMES[random.random_range(0..EXTREMES.len())].to_le_bytes();
            let length = 1 << random.random_range(0..4);
            let end = bytes.len().min(at + length);
            bytes[at..end].copy_from_slice(&extreme[..end - at]);
        }
    }
}

/// A place in bytes, their end included.
fn place(bytes: &[u8], random: &mut ChaCha8Rng) -> usize {
    random.random_range(0..=bytes.len())
}

/// A run of up to 64 bytes.
fn run(bytes: &[u8], random: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let start = place(bytes, random);
    start..bytes.len().min(start + random.random_range(1..=64))
}

fn insert_noise(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let (at, length) = (place(bytes, random), random.random_range(1..=64));
    let noise: Vec<u8> = (0..length).map(|_| random.random()).collect();
    bytes.splice(at..at, noise);
}

/// Up to four thousand times: a mutant stays below a megabyte.
fn repeat_run(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let run = run(bytes, random);
    let times = 1 << random.random_range(1..=12);
    let repeated = bytes[run.clone()].repeat(times);
    bytes.splice(run, repeated);
}

/// Puts an extreme in the place of a number that is written in digits.
fn replace_written_number(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let starts: Vec<usize> =
        (0..bytes.len()).filter(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1))).collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[random.random_range(0..starts.len())];
    let end = (start..bytes.len()).find(|at| !is_digit(*at)).unwrap_or(bytes.len());
    let sign = if random.random() { "-" } else { "" };
    let extreme = EXTREMES[random.random_range(0..EXTREMES.len())];
    bytes.splice(start..end, format!("{sign}{extreme}").into_bytes());
}

#[cfg(test)]
mod tests;
