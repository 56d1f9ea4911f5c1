//! llama.cpp, timed with the same file.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use minigpt_data::ModelSource;
use minigpt_model::{PackedGpt, PretrainedKind};
use serde::de::DeserializeOwned;

use crate::args::{BenchArgs, WeightsChoice};
use crate::terminal::output::say;

/// Runs llama.cpp.
const LLAMA_CPP: &str = include_str!("llama_cpp.py");

/// A Python that has llama.cpp, and the file that it reads.
pub(super) struct Peer<'a> {
    python: &'a Path,
    file: &'a Path,
}

impl<'a> Peer<'a> {
    /// Where one was asked for.
    pub(super) fn of(args: &'a BenchArgs, source: &'a ModelSource) -> Result<Option<Self>> {
        let Some(python) = &args.peer else { return Ok(None) };
        ensure!(
            args.weights.is_none_or(|weights| weights == WeightsChoice(None)),
            "--peer: llama.cpp has weights as they are stored: leave --weights out"
        );
        match source {
            ModelSource::Path(file) if PretrainedKind::of(file) == PretrainedKind::Gguf => {
                Ok(Some(Self { python, file }))
            }
            _ => bail!("--peer: {source} is no GGUF file of this machine: expected one"),
        }
    }

    /// What the script finds of it.
    pub(super) fn time<T: DeserializeOwned>(
        &self,
        what: &str,
        threads: usize,
        model: &PackedGpt,
        numbers: &[usize],
    ) -> Result<T> {
        let shown = self.python.display();
        say(format_args!("llama.cpp: {shown}"));
        let mut command = Command::new(self.python);
        command.args(["-c", LLAMA_CPP, what]).arg(self.file);
        command.args([threads, model.tokenizer_size()].map(|number| number.to_string()));
        command.args(numbers.iter().map(usize::to_string));
        let output = command.output().with_context(|| format!("--peer {shown}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        ensure!(
            output.status.success(),
            "--peer {shown}: {last}; expected a Python that has xllamacpp"
        );
        let line = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(line.lines().last().unwrap_or_default())
            .with_context(|| format!("--peer {shown} printed {line:?}"))
    }
}
