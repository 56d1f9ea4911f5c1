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

static KEPT: Mutex<Kept> = Mutex::new(Kept { by_len: BTreeMap::new() });

/// What is free, by its length.
struct Kept {
    by_len: BTreeMap<usize, Vec<Vec<f32>>>,
}

impl Kept {
    fn take(&mut self, len: usize) -> Option<Vec<f32>> {
        let found = self.by_len.get_mut(&len).and_then(Vec::pop);
        if found.is_none() {
            self.forget(len);
        }
        found
    }

    /// Gives free memory of other sizes back for a new piece of `len`, largest first: so no more is held
    /// than was in use at one time.
    fn forget(&mut self, len: usize) {
        let mut forgotten = 0;
        while forgotten < len {
            let Some(mut largest) = self.by_len.last_entry() else { return };
            match largest.get_mut().pop() {
                Some(free) => forgotten += free.len(),
                None => drop(largest.remove()),
            }
        }
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
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
    let len = size_of_val(values.as_slice());
    // SAFETY: all of the controller's memory are initialised numbers.
    unsafe { Bytes::from_controller(Box::new(Lent(values)), len) }
}

/// Memory that a tensor has.
struct Lent(Vec<f32>);

impl Drop for Lent {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        kept().by_len.entry(values.len()).or_default().push(values);
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
