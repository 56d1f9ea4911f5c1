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
pub(super) const TUNED_MALLOC: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
    ("MALLOC_TOP_PAD_", "268435456"),
];

/// Who computes, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Program {
    pub(crate) form: Form,
    /// Whether matrix products are in bfloat16.
    pub(crate) is_bf16: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Form {
    Minigpt,
    /// Matrices inside the blocks move by Muon.
    MinigptMuon,
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
    /// Floating-point operations, which our training steps alone tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operations_per_step: Option<f64>,
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
    /// Ours and, with a peer, PyTorch in all its forms; in both precisions.
    pub(crate) fn all(has_peer: bool) -> Vec<Self> {
        use Form::{Minigpt, MinigptMuon, PyTorchCompiled, PyTorchEager, PyTorchTunedMalloc};
        let peers = [PyTorchEager, PyTorchTunedMalloc, PyTorchCompiled];
        let ours = [Minigpt, MinigptMuon];
        let forms = ours.into_iter().chain(peers.into_iter().filter(|_| has_peer));
        forms.flat_map(Self::in_both).collect()
    }

    /// Ours and PyTorch in the form that is the fastest at most shapes.
    pub(crate) fn few(has_peer: bool) -> Vec<Self> {
        let peer = Some(Form::PyTorchTunedMalloc).filter(|_| has_peer);
        [Form::Minigpt].into_iter().chain(peer).flat_map(Self::in_both).collect()
    }

    fn in_both(form: Form) -> [Self; 2] {
        [false, true].map(|is_bf16| Self { form, is_bf16 })
    }

    /// Times training steps of a shape; `python` runs the peers.
    pub(crate) fn train(self, shape: &Shape, python: Option<&Path>) -> Result<Figures> {
        let mut command = match (self.form, python) {
            (form, Some(python)) if form.is_peer() => {
                let mut command = Command::new(python);
                command.arg(PEER);
                command
            }
            _ => {
                let mut command = Command::new(PROGRAM);
                command.args(["bench", "--json"]);
                command
            }
        };
        if self.form == Form::MinigptMuon {
            command.arg("--muon");
        }
        if matches!(self.form, Form::PyTorchTunedMalloc | Form::PyTorchCompiled) {
            command.envs(TUNED_MALLOC);
        }
        if self.form == Form::PyTorchCompiled {
            command.arg("--compile");
        }
        command.args(["--precision", if self.is_bf16 { "bf16" } else { "f32" }]);
        figures(command.args(shape.arguments()))
    }
}

impl Form {
    /// True where it is PyTorch's.
    pub(crate) fn is_peer(self) -> bool {
        !matches!(self, Self::Minigpt | Self::MinigptMuon)
    }
}

/// The tutorial's model writing one text.
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
        let form = match self.form {
            Form::Minigpt => "minigpt",
            Form::MinigptMuon => "minigpt, Muon",
            Form::PyTorchEager => "PyTorch",
            Form::PyTorchTunedMalloc => "PyTorch, tuned malloc",
            Form::PyTorchCompiled => "PyTorch, compiled",
        };
        f.pad(&format!("{form}, {}", if self.is_bf16 { "bf16" } else { "f32" }))
    }
}

#[cfg(test)]
mod tests;
