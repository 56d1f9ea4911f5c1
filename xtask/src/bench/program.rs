//! The programs that are measured: ours, and PyTorch in the forms that its users know.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::shapes::Shape;
use super::{PROGRAM, quietly};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/pytorch.py");

/// Keeps freed memory in the process, which is PyTorch's best setting of glibc's allocator.
const TUNED_MALLOC: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
    ("MALLOC_TOP_PAD_", "268435456"),
];

/// Who computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Program {
    Minigpt,
    PyTorchEager,
    PyTorchTunedMalloc,
    PyTorchCompiled,
}

/// What a program tells of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) seconds_per_step: f64,
    pub(crate) tokens_per_second: f64,
    pub(crate) peak_memory: Option<f64>,
    pub(crate) page_faults_per_step: Option<f64>,
}

impl Figures {
    /// Takes over another turn where it was faster; memory is that of the leaner turn.
    pub(crate) fn improve(&mut self, other: Self) {
        let memory = [self.peak_memory, other.peak_memory].into_iter().flatten().reduce(f64::min);
        if other.seconds_per_step < self.seconds_per_step {
            *self = other;
        }
        self.peak_memory = memory;
    }
}

impl Program {
    /// Ours first.
    pub(crate) fn all(peer: Option<&Path>) -> Vec<Self> {
        match peer {
            None => vec![Self::Minigpt],
            Some(_) => vec![
                Self::Minigpt,
                Self::PyTorchEager,
                Self::PyTorchTunedMalloc,
                Self::PyTorchCompiled,
            ],
        }
    }

    /// Times training steps of a shape; `python` runs the peers.
    pub(crate) fn train(self, shape: &Shape, python: Option<&Path>) -> Result<Figures> {
        let mut command = match (self, python) {
            (Self::Minigpt, _) | (_, None) => {
                let mut command = Command::new(PROGRAM);
                command.args(["bench", "--json"]);
                command
            }
            (_, Some(python)) => {
                let mut command = Command::new(python);
                command.arg(PEER);
                command
            }
        };
        if matches!(self, Self::PyTorchTunedMalloc | Self::PyTorchCompiled) {
            command.envs(TUNED_MALLOC);
        }
        if self == Self::PyTorchCompiled {
            command.arg("--compile");
        }
        figures(command.args(shape.arguments()))
    }
}

/// The article's model writing one text.
pub(crate) fn decode() -> Result<Figures> {
    figures(Command::new(PROGRAM).args(["bench", "--json", "--decode"]))
}

pub(crate) fn figures(command: &mut Command) -> Result<Figures> {
    let output = quietly(command)?;
    let line = output.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{command:?} printed {line:?}"))
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Minigpt => "minigpt",
            Self::PyTorchEager => "PyTorch",
            Self::PyTorchTunedMalloc => "PyTorch, tuned malloc",
            Self::PyTorchCompiled => "PyTorch, compiled",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_turn_counts() {
        let figures = |seconds_per_step, memory| Figures {
            seconds_per_step,
            tokens_per_second: 1.0 / seconds_per_step,
            peak_memory: Some(memory),
            page_faults_per_step: None,
        };
        let mut best = figures(2.0, 100.0);
        best.improve(figures(1.0, 120.0));
        assert_eq!((best.seconds_per_step, best.peak_memory), (1.0, Some(100.0)));
        best.improve(figures(3.0, 90.0));
        assert_eq!((best.seconds_per_step, best.peak_memory), (1.0, Some(90.0)));
    }
}
