//! Memory of results that are gone, kept for the next ones of the same size: a training step needs the same
//! sizes again and again, and memory fresh from the system costs a page fault every four kilobytes.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::slice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{AllocationProperty, Bytes};
use burn_std::{AccessError, AccessPolicy, AllocationController};

/// Smaller ones are the allocator's.
const SMALLEST: usize = 1 << 14;

/// Lengths that are remembered without a piece.
const LENGTHS: usize = 256;

static KEPT: Mutex<Kept> = Mutex::new(Kept::new());

/// What is free, by its length, and how much is not.
struct Kept {
    by_len: BTreeMap<usize, Free>,
    /// Numbers in all that are free.
    free: usize,
    /// Numbers that tensors have, and the most that they had at one time.
    lent: usize,
    most: usize,
    /// Pieces that were taken so far.
    taken: u64,
}

/// Free pieces of one length.
#[derive(Default)]
struct Free {
    pieces: Vec<Vec<f32>>,
    /// When one was taken last, of all that were.
    used: u64,
}

impl Kept {
    const fn new() -> Self {
        Self { by_len: BTreeMap::new(), free: 0, lent: 0, most: 0, taken: 0 }
    }

    fn take(&mut self, len: usize) -> Option<Vec<f32>> {
        self.taken += 1;
        let free = self.by_len.entry(len).or_default();
        free.used = self.taken;
        match free.pieces.pop() {
            Some(piece) => {
                self.free -= len;
                Some(piece)
            }
            None => {
                self.make_room(len);
                None
            }
        }
    }

    /// Gives free memory back, what was not used for longest first, until no more is held with a new piece of `len`
    /// than an eighth more than was in use at one time. The eighth is for sizes that are not needed at the same
    /// time: without it each step of a training gives back what the next one asks for again, and zeroes it.
    fn make_room(&mut self, len: usize) {
        self.most = self.most.max(self.lent + len);
        let limit = self.most + self.most / 8;
        while self.free > 0 && self.free + self.lent + len > limit {
            let with_pieces = self.by_len.values_mut().filter(|free| !free.pieces.is_empty());
            let Some(piece) =
                with_pieces.min_by_key(|free| free.used).and_then(|free| free.pieces.pop())
            else {
                return;
            };
            self.free -= piece.len();
        }
        // Lengths that came once, as those of prompts, are forgotten too.
        if self.by_len.len() > LENGTHS {
            self.by_len.retain(|_, free| !free.pieces.is_empty());
        }
    }

    fn lend(&mut self, len: usize) {
        self.lent += len;
        self.most = self.most.max(self.lent);
    }

    fn give_back(&mut self, piece: Vec<f32>) {
        self.lent -= piece.len();
        self.free += piece.len();
        self.by_len.entry(piece.len()).or_default().pieces.push(piece);
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives up what is free, after a training: its sizes do not come again.
pub(in crate::ops) fn release_free_memory() {
    let mut kept = kept();
    let lent = kept.lent;
    *kept = Kept { lent, ..Kept::new() };
}

/// Memory for a result. What it holds is left from an earlier one.
pub(super) fn buffer(len: usize) -> Vec<f32> {
    let found = if len < SMALLEST { None } else { kept().take(len) };
    found.unwrap_or_else(|| vec![0.0; len])
}

/// The values as a tensor's memory, which is kept when the tensor is gone.
pub(super) fn bytes(values: Vec<f32>) -> Bytes {
    if values.len() < SMALLEST {
        return Bytes::from_elems(values);
    }
    kept().lend(values.len());
    let len = size_of_val(values.as_slice());
    // SAFETY: all of the controller's memory are initialised numbers.
    unsafe { Bytes::from_controller(Box::new(Lent(values)), len) }
}

/// Memory that a tensor has.
struct Lent(Vec<f32>);

impl Drop for Lent {
    fn drop(&mut self) {
        kept().give_back(std::mem::take(&mut self.0));
    }
}

impl AllocationController for Lent {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(
        &mut self,
        _policy: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let len = size_of_val(self.0.as_slice());
        // SAFETY: the bytes of the numbers, borrowed as they are. The caller promises to write initialised
        // bytes alone, and any four of them are a number.
        Ok(unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let len = size_of_val(self.0.as_slice());
        // SAFETY: the bytes of the numbers, borrowed as they are.
        Ok(unsafe { slice::from_raw_parts(self.0.as_ptr().cast(), len) })
    }
}
