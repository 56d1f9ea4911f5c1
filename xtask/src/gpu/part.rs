//! One thing that is measured, and the command that measures it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::limited::Ended;
use crate::bench::launches;
use crate::bench::shapes::Shape;

/// Beside this program in an archive, and in the source folder.
pub(super) const PEER: &str = "pytorch.py";
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers");

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Part {
    /// The device's name, driver and limits: the first part, not among [`super::plan::parts()`].
    Devices,
    /// Whether it computes what the processor does: a process of this number, from 1.
    Parity(usize),
    /// Training steps.
    Step(Step),
    /// The same in PyTorch.
    Peer(Step),
    /// Kernels that a step launches; of a smaller model with --quick.
    Launches { is_quick: bool },
    /// One text, token by token.
    Decode(Shape),
}

/// A training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) shape: Shape,
    /// Whether matrix products are in 16 bits: f16 here, bf16 in PyTorch. They take a card the same time.
    pub(super) is_16_bits: bool,
    /// False with `MINIGPT_PLAIN_GPU`, which fuses no operations.
    pub(super) is_fused: bool,
}

/// Where and by what it is measured.
pub(super) struct Setting<'a> {
    pub(super) program: &'a Path,
    pub(super) device: &'a str,
    pub(super) peer: Option<&'a Path>,
    /// A folder for what commands print.
    pub(super) scratch: &'a Path,
}

/// One block of a narrow model, for a driver on the processor.
const SMALLER: [&str; 6] = ["--layers", "1", "--heads", "4", "--width", "64"];

/// Steps until kernels are chosen and two are alike.
const STEPS: [&str; 2] = ["--steps", "6"];

impl Part {
    /// How long it may take where all have five minutes: several times what a card should need, with the kernels that
    /// each process compiles and tries out.
    pub(super) fn seconds(&self) -> u64 {
        match self {
            Self::Devices => 10,
            Self::Parity(_) => 60,
            Self::Step(step) | Self::Peer(step) if step.shape.is_large() => 40,
            Self::Step(_) | Self::Peer(_) | Self::Decode(_) | Self::Launches { .. } => 25,
        }
    }

    /// The command that measures it.
    pub(super) fn command(&self, setting: &Setting<'_>) -> Result<Command> {
        if let Self::Peer(step) = self {
            let mut command = Command::new(setting.peer.context("no --peer was given")?);
            command.arg(peer_script()?).args(["--device", "cuda", "--precision"]);
            command.arg(if step.is_16_bits { "bf16" } else { "f32" }).args(step.shape.arguments());
            return Ok(command);
        }
        let mut command = Command::new(setting.program);
        command.env_remove("RUST_BACKTRACE").env_remove(PLAIN);
        let bench = |command: &mut Command| {
            command.args(["bench", "--json", "--device", setting.device]);
        };
        match self {
            Self::Peer(_) | Self::Devices => {
                command.args(["devices", "--json"]);
            }
            Self::Parity(_) => {
                command.args(["devices", "--json", "--check", setting.device]);
            }
            Self::Step(step) => {
                bench(&mut command);
                command.args(["--precision", if step.is_16_bits { "f16" } else { "f32" }]);
                command.args(step.shape.arguments());
                if !step.is_fused {
                    command.env(PLAIN, "1");
                }
            }
            Self::Launches { is_quick } => {
                launches::configure(&setting.scratch.join(LAUNCHES))?;
                bench(&mut command);
                command.args(launches::SHAPE).args(STEPS);
                command.args(SMALLER.iter().filter(|_| *is_quick));
                command.current_dir(setting.scratch.join(LAUNCHES));
            }
            Self::Decode(shape) => {
                bench(&mut command);
                command.arg("--decode").args(shape.arguments());
            }
        }
        Ok(command)
    }

    /// What the command found, and why it failed nevertheless.
    pub(super) fn found(&self, ended: &Ended, scratch: &Path) -> Result<(Value, Option<String>)> {
        if let Self::Parity(_) = self
            && ended.status.is_some()
            && let Some(found) = json_of(&ended.printed)
        {
            let wrong = wrong(&found);
            // The program's own verdict counts; that it has none of a difference is a failure too.
            let is_right = ended.is_success() && wrong.is_none();
            let failed = (!is_right).then(|| wrong.unwrap_or_else(|| ended.reason()));
            return Ok((found, failed));
        }
        if !ended.is_success() {
            bail!("{}", ended.reason());
        }
        if let Self::Launches { .. } = self {
            let kernels = launches::of_the_last_step(&scratch.join(LAUNCHES))?;
            let launches: usize = kernels.iter().map(|(_, count)| count).sum();
            return Ok((json!({ "launches_per_step": launches, "kernels": kernels }), None));
        }
        let found = json_of(&ended.printed).context("it printed no JSON")?;
        if !matches!(self, Self::Devices) {
            ensure!(found["seconds_per_step"].is_number(), "it printed no seconds_per_step");
        }
        Ok((found, None))
    }
}

/// What turns fusion off.
const PLAIN: &str = "MINIGPT_PLAIN_GPU";

/// The folder in which the runtime logs launches.
const LAUNCHES: &str = "launches";

/// The first difference that rounding does not explain. A NaN is null in JSON.
fn wrong(found: &Value) -> Option<String> {
    let Some(differences) = found.as_array().filter(|list| !list.is_empty()) else {
        return Some("it printed no differences".to_owned());
    };
    differences.iter().find_map(|difference| {
        let what = difference["what"].as_str().unwrap_or("something");
        let tolerance = difference["tolerance"].as_f64().unwrap_or(0.0);
        match difference["difference"].as_f64() {
            Some(found) if found <= tolerance => None,
            Some(found) => Some(format!("{what}: off by {found:.1e}, at most {tolerance:.0e}")),
            None => Some(format!("{what}: NaN")),
        }
    })
}

/// All that was printed, or else the last line: Python's libraries print too.
fn json_of(printed: &str) -> Option<Value> {
    let last = || serde_json::from_str(printed.lines().last()?).ok();
    serde_json::from_str(printed).ok().or_else(last)
}

/// PyTorch's script, beside this program or in the source folder.
pub(super) fn peer_script() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let beside = program.with_file_name(PEER);
    let places = [beside, Path::new(PEERS).join(PEER)];
    let found = places.into_iter().find(|place| place.exists());
    found.with_context(|| format!("{PEER} is not beside {}", program.display()))
}

/// A command with what it is told by the environment, as one types it.
pub(super) fn shown(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set = set.map(|(name, value)| format!("{}={} ", name.display(), value.display()));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    set.collect::<String>() + &words.join(" ")
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Devices => f.pad("device"),
            Self::Parity(process) => f.pad(&format!("parity, process {process}")),
            Self::Step(step) => f.pad(&step.to_string()),
            Self::Peer(step) => f.pad(&format!("{step}, PyTorch")),
            Self::Launches { .. } => f.pad("launches of a step, 4,096 ids"),
            Self::Decode(shape) => f.pad(&format!("decoding, {}", shape.name())),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = if self.is_16_bits { "16 bits" } else { "f32" };
        let fusion = if self.is_fused { "" } else { ", no fusion" };
        write!(f, "step, {}, {precision}{fusion}", self.shape.name())
    }
}

#[cfg(test)]
mod tests;
