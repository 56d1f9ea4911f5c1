//! A model, ready to write: from a run, or from a folder of Hugging Face's layout.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use minigpt_data::{Hub, ModelSource, Template, Tokenizer};
use minigpt_model::{CONFIG_FILE, Constraints, Draw, Gpt, Policy, Sampling};
use minigpt_text::Pretrained;
use minigpt_train::{CheckpointManifest, FinetuneTask, RunConfig, RunFolder};

use crate::args::{ModelArgs, SamplingArgs};
use crate::terminal::output::say;
use crate::terminal::progress::ByteProgress;

/// Where `minigpt train` puts runs.
const RUNS: &str = "runs";

/// A model with what belongs to it.
pub(crate) struct TrainedModel {
    pub(crate) origin: Origin,
    pub(crate) model: Gpt,
    pub(crate) tokenizer: Tokenizer,
}

/// Where a model comes from.
pub(crate) enum Origin {
    /// A checkpoint of a run.
    Run { run: RunFolder, manifest: Box<CheckpointManifest> },
    /// A model folder, of this machine or of the hub.
    Pretrained { source: ModelSource },
}

impl TrainedModel {
    /// Loads what `source` names, and says on standard error what and where it is. This is the one
    /// place that tells a run from a model folder.
    pub(crate) fn load(source: &ModelSource, args: &ModelArgs) -> Result<Self> {
        let chosen = args.device.resolve()?;
        let trained = Self::load_onto(source, args.average, &chosen.device)?;
        say(format_args!("device: {}", chosen.description));
        match &args.adapter {
            Some(folder) => trained.with_adapter(folder),
            None => Ok(trained),
        }
    }

    /// The model with an adapter merged into its weights.
    fn with_adapter(self, folder: &Path) -> Result<Self> {
        let model = self.model.with_adapter(folder)?.materialize();
        say(format_args!("adapter: {}", folder.display()));
        Ok(Self { model, ..self })
    }

    /// As [`load`](Self::load), onto a device that was chosen.
    pub(crate) fn load_onto(source: &ModelSource, average: bool, device: &Device) -> Result<Self> {
        let folder = folder(source)?;
        if Pretrained::is_in(&folder) {
            return Self::load_pretrained(source, &folder, average, device);
        }
        Self::load_run(&folder, average, device)
    }

    fn load_run(path: &Path, average: bool, device: &Device) -> Result<Self> {
        ensure!(
            path.join(CONFIG_FILE).is_file(),
            "{} is not a run folder, nor a model's in Hugging Face's layout: expected a config.json in it",
            path.display()
        );
        let run = RunFolder::open(path)?;
        ensure!(
            !is_classifier(&run.config()?),
            "{} is a classifier, which writes nothing: ask it with `minigpt classify`",
            path.display()
        );
        let tokenizer = run.tokenizer()?;
        let mut damaged =
            |error| say(format_args!("warning: {error}; the checkpoint before it is used"));
        let (model, manifest) = if average {
            run.best_average(device, &mut damaged)?
        } else {
            run.best_model(device, &mut damaged)?
        };
        say(format_args!("model: {}, checkpoint of step {}", path.display(), manifest.step));
        let origin = Origin::Run { run, manifest: Box::new(manifest) };
        Ok(Self { origin, model, tokenizer })
    }

    fn load_pretrained(
        source: &ModelSource,
        folder: &Path,
        average: bool,
        device: &Device,
    ) -> Result<Self> {
        ensure!(!average, "--average: {source} is a model folder, which keeps no average");
        let Pretrained { model, tokenizer } = Pretrained::load(folder, device)?;
        let millions = model.config().parameter_counts().total() as f64 / 1e6;
        say(format_args!("model: {source}, {millions:.1}M parameters"));
        let origin = Origin::Pretrained { source: source.clone() };
        Ok(Self { origin, model, tokenizer })
    }

    /// What to call it: the run's name, or the last part of the folder's or the repository's.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            Origin::Run { run, .. } => run.name(),
            Origin::Pretrained { source: ModelSource::Folder(path) } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                name.to_string_lossy().into_owned()
            }
            Origin::Pretrained { source: ModelSource::Hub(model) } => {
                model.repo.rsplit('/').next().unwrap_or_default().to_owned()
            }
        }
    }

    /// The run that it comes from.
    pub(crate) fn run(&self) -> Option<&RunFolder> {
        match &self.origin {
            Origin::Run { run, .. } => Some(run),
            Origin::Pretrained { .. } => None,
        }
    }

    /// How the model was taught to be asked, where it was tuned to answer.
    pub(crate) fn template(&self) -> Result<Option<Template>> {
        let config = self.run().map(RunFolder::config).transpose()?;
        Ok(config.and_then(|config| config.finetune?.template))
    }

    /// Where files of that name about the model go: into its run, and for others' models, whose
    /// folders are left as they are, here.
    pub(crate) fn folder_for(&self, name: &str) -> PathBuf {
        self.run().map_or_else(|| PathBuf::from(name), |run| run.path().join(name))
    }

    /// The step of the run's checkpoint.
    pub(crate) fn checkpoint_step(&self) -> Option<usize> {
        match &self.origin {
            Origin::Run { manifest, .. } => Some(manifest.step),
            Origin::Pretrained { .. } => None,
        }
    }
}

/// The folder that `source` names, downloaded where it is on the hub.
fn folder(source: &ModelSource) -> Result<PathBuf> {
    let mut progress = ByteProgress::new();
    if let ModelSource::Hub(model) = source {
        progress.line(&format!("looking up {model} on the hub"));
    }
    Ok(source.folder(&Hub::from_env(), &mut |download| {
        let what = format!("downloading {}", download.file);
        progress.show(&what, download.done_bytes, Some(download.total_bytes));
    })?)
}

/// The model that was named, or the newest run in `runs`.
pub(crate) fn named_or_newest(source: Option<&ModelSource>) -> Result<ModelSource> {
    match source {
        Some(source) => Ok(source.clone()),
        None => newest_run().map(ModelSource::Folder).context(
            "no run that writes text in runs/: train one, or name a run or model folder with --run",
        ),
    }
}

/// The run in `runs` that saved last, of those that write text.
pub(crate) fn newest_run() -> Option<PathBuf> {
    let folders = fs_err::read_dir(RUNS).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let changed = |path: &PathBuf| -> Option<SystemTime> {
        fs_err::metadata(path.join("checkpoints")).ok()?.modified().ok()
    };
    let mut runs: Vec<_> = folders.filter_map(|path| Some((changed(&path)?, path))).collect();
    runs.sort();
    // A run that cannot be read is not passed over: whoever loads it hears why.
    let writes = |path: &PathBuf| {
        let config = RunFolder::open(path).and_then(|run| run.config());
        !config.is_ok_and(|config| is_classifier(&config))
    };
    runs.into_iter().rev().map(|(_, path)| path).find(writes)
}

fn is_classifier(config: &RunConfig) -> bool {
    config.finetune.as_ref().is_some_and(|finetune| finetune.task == FinetuneTask::Classify)
}

impl SamplingArgs {
    /// Checks what is said of single tokens against the model's own tokenizer.
    pub(crate) fn check(&self, tokenizer: &Tokenizer) -> Result<()> {
        let ids = tokenizer.vocab_size();
        let known = |option: &str, given: &[u32]| -> Result<()> {
            match given.iter().find(|id| **id as usize >= ids) {
                Some(id) => bail!("{option} {id}: expected ids of the tokenizer, 0 to {}", ids - 1),
                None => Ok(()),
            }
        };
        known("--allow", self.allow.as_deref().unwrap_or_default())?;
        known("--ban", &self.ban)
    }

    /// The policy that the options describe; a temperature of 0 is the most probable token, and a top-k of 0
    /// is none, as in llama.cpp and transformers.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let constraints = Constraints {
            allowed: self.allow.clone(),
            banned: self.ban.clone(),
            no_repeat_ngram: self.no_repeat_ngram,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
        };
        let sampling = if self.greedy || self.temperature == 0.0 {
            Sampling::Greedy
        } else {
            Sampling::Draw(Draw {
                temperature: self.temperature,
                top_k: Some(self.top_k).filter(|most| *most > 0),
                top_p: Some(self.top_p),
                min_p: self.min_p,
            })
        };
        let policy = Policy { constraints, sampling };
        policy.validate()?;
        Ok(policy)
    }
}
