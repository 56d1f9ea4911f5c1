//! Ctrl-C and SIGTERM: the first one is a wish, the second one an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Notices the signals that ask a program to end.
#[derive(Clone)]
pub(crate) struct Signals {
    /// The number of the last one, 0 before.
    caught: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on: a first signal is noted, a second one leaves at once with the exit code
    /// that a shell gives for it.
    pub(crate) fn listen() -> Result<Self> {
        let (caught, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown is armed by the one before.
            flag::register_conditional_shutdown(signal, 128 + signal, again.clone())
                .and_then(|_| flag::register(signal, again.clone()))
                .and_then(|_| flag::register_usize(signal, caught.clone(), signal as usize))
                .context("cannot listen for Ctrl-C")?;
        }
        Ok(Self { caught })
    }

    /// The exit code of the signal that came: 130 for Ctrl-C, 143 for SIGTERM.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        match self.caught.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}
