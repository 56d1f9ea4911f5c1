//! A run's model, ready to write.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use minigpt_data::Tokenizer;
use minigpt_model::{Constraints, Draw, Gpt, Policy, Sampling};
use minigpt_train::{Manifest, RunFolder};

use crate::args::{ModelArgs, SamplingArgs};

/// Where `minigpt train` puts runs.
const RUNS: &str = "runs";

/// A model from a run's best checkpoint, with what belongs to it.
pub(crate) struct TrainedModel {
    pub(crate) run: RunFolder,
    pub(crate) model: Gpt,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) manifest: Manifest,
}

impl TrainedModel {
    /// Loads it, and says on standard error what and where it is.
    pub(crate) fn load(path: &Path, args: &ModelArgs) -> Result<Self> {
        let run = RunFolder::open(path)?;
        let tokenizer = run.tokenizer()?;
        let chosen = args.device.resolve()?;
        let mut damaged = |error| eprintln!("warning: {error}; the checkpoint before it is used");
        let (model, manifest) = if args.average {
            run.best_average(&chosen.device, &mut damaged)?
        } else {
            run.best_model(&chosen.device, &mut damaged)?
        };
        eprintln!("device: {}", chosen.description);
        eprintln!("model: {}, checkpoint of step {}", path.display(), manifest.step);
        Ok(Self { run, model, tokenizer, manifest })
    }
}

/// The run folder that was named, or the newest in `runs`.
pub(crate) fn run_or_newest(run: Option<&PathBuf>) -> Result<PathBuf> {
    match run {
        Some(run) => Ok(run.clone()),
        None => newest_run().context("no run in runs/: train one, or name a run folder with --run"),
    }
}

fn newest_run() -> Option<PathBuf> {
    let folders = fs_err::read_dir(RUNS).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let changed = |path: &PathBuf| -> Option<SystemTime> {
        fs_err::metadata(path.join("checkpoints")).ok()?.modified().ok()
    };
    folders.filter(|path| changed(path).is_some()).max_by_key(changed)
}

impl SamplingArgs {
    /// The policy that the options describe.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let constraints = Constraints {
            allowed: self.allow.clone(),
            banned: self.ban.clone(),
            no_repeat_ngram: self.no_repeat_ngram,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
        };
        let sampling = if self.greedy {
            Sampling::Greedy
        } else {
            Sampling::Draw(Draw {
                temperature: self.temperature,
                top_k: Some(self.top_k),
                top_p: Some(self.top_p),
                min_p: self.min_p,
            })
        };
        let policy = Policy { constraints, sampling };
        policy.validate()?;
        Ok(policy)
    }
}
