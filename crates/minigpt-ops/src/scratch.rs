//! Buffers that outlive the operations using them: memory that was touched once is not asked of the
//! system again, whose zeroed pages cost more than many an operation.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

static IDLE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer for the length of a scope. What it holds at first is left over from others.
pub(crate) struct Scratch {
    buffer: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// The smallest idle buffer of at least `length`, or a new one.
    pub(crate) fn new(length: usize) -> Self {
        if length == 0 {
            return Self { buffer: Vec::new(), length };
        }
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().enumerate().filter(|(_, buffer)| buffer.len() >= length);
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.len()).map(|(place, _)| place);
        let buffer = smallest.map(|place| idle.swap_remove(place));
        drop(idle);
        Self { buffer: buffer.unwrap_or_else(|| vec![0.0; length]), length }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.is_empty() {
            return;
        }
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[..self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.length]
    }
}
