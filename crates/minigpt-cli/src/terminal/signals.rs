//! Ctrl-C, SIGTERM and SIGHUP: the first one is a wish, a second Ctrl-C or SIGTERM an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::terminal::screen::Saved;

/// Time between two looks for a signal.
const INTERVAL: Duration = Duration::from_millis(50);

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
        Self::leaving(None)
    }

    /// As [`listen`](Self::listen), for a program that takes the whole terminal over: it is given back before
    /// a second signal leaves at once.
    pub(crate) fn listen_in_full_screen() -> Result<Self> {
        Self::leaving(Saved::take())
    }

    fn leaving(terminal: Option<Saved>) -> Result<Self> {
        let (caught, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            if let Some(terminal) = terminal {
                let again = again.clone();
                let give_back = move || {
                    if again.load(Ordering::Relaxed) {
                        terminal.give_back();
                    }
                };
                // SAFETY: it makes two calls of the system that are allowed in a signal handler.
                unsafe { low_level::register(signal, give_back) }
                    .context("cannot listen for Ctrl-C")?;
            }
            // In this order: the shutdown is armed by the one before.
            flag::register_conditional_shutdown(signal, 128 + signal, again.clone())
                .and_then(|_| flag::register(signal, again.clone()))
                .and_then(|_| flag::register_usize(signal, caught.clone(), signal as usize))
                .context("cannot listen for Ctrl-C")?;
        }
        listen_for_hangup(&caught)?;
        Ok(Self { caught })
    }

    /// The exit code of the signal that came: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        match self.caught.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }

    /// Calls `answer` when a signal comes, on a thread of its own: the user hears at once, whatever else
    /// waits.
    pub(crate) fn watch(&self, answer: impl FnOnce() + Send + 'static) -> Watch {
        let has_ended = Arc::new(AtomicBool::new(false));
        let (signals, ended) = (self.clone(), has_ended.clone());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if signals.exit_code().is_some() {
                    return answer();
                }
                thread::sleep(INTERVAL);
            }
        });
        Watch { has_ended }
    }
}

/// Watches until it is dropped.
pub(crate) struct Watch {
    has_ended: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }
}

/// Notes that the terminal went away, unless whoever started the program had it ignore that, as `nohup`
/// does. It may come twice, from the system and from a shell: a second one ends nothing.
#[cfg(unix)]
fn listen_for_hangup(caught: &Arc<AtomicUsize>) -> Result<()> {
    use signal_hook::consts::SIGHUP;

    if is_ignored(SIGHUP) {
        return Ok(());
    }
    flag::register_usize(SIGHUP, caught.clone(), SIGHUP as usize)
        .map(|_| ())
        .context("cannot listen for SIGHUP")
}

#[cfg(not(unix))]
fn listen_for_hangup(_: &Arc<AtomicUsize>) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: an action of zeros is a valid one, and without a new action the call only writes the old one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}
