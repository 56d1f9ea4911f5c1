//! A model, ready to write: from a run, a folder of Hugging Face's layout, or a GGUF file.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use minigpt_data::{ChatTemplate, Hub, ModelSource, Tokenizer};
use minigpt_model::{
    AdapterError, AnyGpt, CONFIG_FILE, CacheType, Converted, FrozenType, Gpt, GptConfig, GptRef,
    Kernels, PackedGpt, SavedModel, WeightType,
};
use minigpt_text::{GenerationDefaults, Pretrained};
use minigpt_train::{CheckpointManifest, FinetuneTask, RunConfig, RunFolder};

use crate::args::{ModelArgs, WeightsArgs, WeightsChoice};
use crate::device::{Chosen, DeviceChoice, memory};
use crate::terminal::format::bytes;
use crate::terminal::output::say;
use crate::terminal::progress::ByteProgress;

/// Where `minigpt train` puts runs.
const RUNS: &str = "runs";

/// A model with what belongs to it.
pub(crate) struct TrainedModel<M = Gpt> {
    pub(crate) origin: Origin,
    pub(crate) model: M,
    pub(crate) tokenizer: Tokenizer,
    /// How the model was taught to read what it is asked, if it was.
    pub(crate) template: Option<ChatTemplate>,
    /// How its makers have its texts drawn.
    pub(crate) generation: GenerationDefaults,
}

/// A model that writes or is measured.
pub(crate) type LoadedModel = TrainedModel<AnyGpt>;

/// Where a model comes from.
pub(crate) enum Origin {
    /// A checkpoint of a run: the best, or the one of the step that was chosen.
    Run { run: RunFolder, manifest: Box<CheckpointManifest>, chosen: Option<usize> },
    /// A model folder or a file of llama.cpp's or nanoGPT's, of this machine or of the hub.
    Pretrained { source: ModelSource },
}

impl TrainedModel {
    /// Loads what `source` names, and says on standard error what and where it is.
    pub(crate) fn load(source: &ModelSource, args: &ModelArgs) -> Result<Self> {
        let device = args.device.resolve()?;
        Self::load_at(source, &fetch(source)?, args, &device)
    }

    /// The same, of what was fetched and onto a device that was chosen.
    fn load_at(
        source: &ModelSource,
        path: &Path,
        args: &ModelArgs,
        device: &Chosen,
    ) -> Result<Self> {
        let trained = Self::load_path(source, path, args.average, &device.device)?;
        say(format_args!("device: {}", device.description));
        match &args.adapter {
            Some(folder) => trained.with_adapter(folder),
            None => Ok(trained),
        }
    }

    /// The same model, whose weights are packed.
    fn packed(self, weight_type: WeightType, cache_type: CacheType) -> Result<LoadedModel> {
        let name = self.name();
        let Self { origin, model, tokenizer, template, generation } = self;
        let packed = PackedGpt::of(model, weight_type).with_context(|| name)?;
        let model = AnyGpt::Packed(Box::new(packed.with_cache_type(cache_type)));
        Ok(TrainedModel { origin, model, tokenizer, template, generation })
    }

    /// The model with an adapter merged into its weights.
    fn with_adapter(self, folder: &Path) -> Result<Self> {
        let model = self.model.with_adapter(folder)?.materialize();
        say(format_args!("adapter: {}", folder.display()));
        Ok(Self { model, ..self })
    }

    /// As [`load`](Self::load), onto a device that was chosen.
    pub(crate) fn load_onto(source: &ModelSource, average: bool, device: &Device) -> Result<Self> {
        Self::load_path(source, &fetch(source)?, average, device)
    }

    /// The same for an adapter, on the processor: its matrices are kept as files have them.
    pub(crate) fn load_frozen(
        source: &ModelSource,
        average: bool,
        frozen: FrozenType,
        device: &Device,
    ) -> Result<Self> {
        let path = fetch(source)?;
        if !Pretrained::is_at(&path) {
            let Self { origin, model, tokenizer, template, generation } =
                Self::load_run(&path, average, device)?;
            let model = model.freeze(frozen)?;
            say_frozen(&model);
            return Ok(Self { origin, model, tokenizer, template, generation });
        }
        ensure!(!average, "--average: {source} is not a run and keeps no average");
        let saved = SavedModel::open(&path)?;
        let parameters = saved.config().parameter_counts().total();
        let bytes = frozen.weight_type.of_values(parameters);
        memory::check(&source.to_string(), parameters, bytes as u64)?;
        let Pretrained { model, tokenizer, template, generation } =
            Pretrained::frozen(saved, frozen, device)?;
        say(format_args!("model: {source}, {:.1}M parameters", parameters as f64 / 1e6));
        say_frozen(&model);
        let origin = Origin::Pretrained { source: source.clone() };
        Ok(Self { origin, model, tokenizer, template, generation })
    }

    /// This is the one place that tells a run from a model folder, but for what is packed as it is stored.
    fn load_path(
        source: &ModelSource,
        path: &Path,
        average: bool,
        device: &Device,
    ) -> Result<Self> {
        if Pretrained::is_at(path) {
            return Self::load_pretrained(source, path, average, device);
        }
        Self::load_run(path, average, device)
    }

    fn load_run(path: &Path, average: bool, device: &Device) -> Result<Self> {
        let (run, chosen) = match RunFolder::of_checkpoint(path) {
            Some((run, step)) => (run, Some(step)),
            None => (open_run(path)?, None),
        };
        let config = run.config()?;
        ensure!(
            !is_classifier(&config),
            "{} is a classifier, which writes nothing: ask it with `minigpt classify`",
            path.display()
        );
        check_memory(&path.display().to_string(), &config.model, device)?;
        let tokenizer = run.tokenizer()?;
        let mut damaged =
            |error| say(format_args!("warning: {error}; the checkpoint before it is used"));
        let (model, manifest) = match chosen {
            Some(step) if average => run.average_of_step(step, device)?,
            Some(step) => run.model_of_step(step, device)?,
            None if average => run.best_average(device, &mut damaged)?,
            None => run.best_model(device, &mut damaged)?,
        };
        say(format_args!("model: {}, checkpoint of step {}", run.path().display(), manifest.step));
        let template = config.finetune.and_then(|finetune| finetune.template);
        let generation = GenerationDefaults::in_folder(run.path())?;
        let origin = Origin::Run { run, manifest: Box::new(manifest), chosen };
        Ok(Self { origin, model, tokenizer, template, generation })
    }

    fn load_pretrained(
        source: &ModelSource,
        path: &Path,
        average: bool,
        device: &Device,
    ) -> Result<Self> {
        ensure!(!average, "--average: {source} is not a run and keeps no average");
        let saved = SavedModel::open(path)?;
        check_memory(&source.to_string(), saved.config(), device)?;
        let Pretrained { model, tokenizer, template, generation } =
            Pretrained::of_saved(saved, device)?;
        let millions = model.config().parameter_counts().total() as f64 / 1e6;
        say(format_args!("model: {source}, {millions:.1}M parameters"));
        let origin = Origin::Pretrained { source: source.clone() };
        Ok(Self { origin, model, tokenizer, template, generation })
    }
}

impl LoadedModel {
    /// As [`TrainedModel::load`], with weights as they are stored or as was asked for: packed on the processor, as
    /// tensors on a GPU, where they are 32-bit floats.
    pub(crate) fn open(source: &ModelSource, args: &WeightsArgs) -> Result<Self> {
        let WeightsArgs { model: args, weights: WeightsChoice(weight_type), cache_type } = args;
        let device = args.device.resolve()?;
        if Kernels::of(&device.device) != Kernels::Cpu {
            if let Some(weight_type) = weight_type.filter(|found| *found != WeightType::F32) {
                bail!(
                    "--weights {weight_type}: only this machine's processor keeps weights so, and the device is {}: \
                     leave --weights out, or take --device cpu",
                    device.description
                );
            }
            ensure!(
                *cache_type == CacheType::F32,
                "--cache-type {cache_type}: only this machine's processor keeps keys and values so, and the device is \
                 {}: leave --cache-type out, or take --device cpu",
                device.description
            );
            let trained = TrainedModel::load_at(source, &fetch(source)?, args, &device)?;
            return Ok(trained.into_tensors());
        }
        let path = fetch(source)?;
        if !Pretrained::is_at(&path) {
            let trained = TrainedModel::load_at(source, &path, args, &device)?;
            say_widened(trained.model.config(), *weight_type);
            return trained.packed(weight_type.unwrap_or(WeightType::F32), *cache_type);
        }
        ensure!(!args.average, "--average: {source} is not a run and keeps no average");
        let saved = SavedModel::open(&path)?;
        say_widened(saved.config(), *weight_type);
        let parameters = saved.config().parameter_counts().total();
        memory::check(&source.to_string(), parameters, saved.packed_bytes(*weight_type)?)?;
        saved.converted(*weight_type).iter().for_each(say_converted);
        let Pretrained { model, tokenizer, template, generation } =
            Pretrained::packed(saved, *weight_type)?;
        let origin = Origin::Pretrained { source: source.clone() };
        let (millions, stored) = (parameters as f64 / 1e6, bytes(model.weight_bytes() as u64));
        say(format_args!("model: {source}, {millions:.1}M parameters, {stored} of weights"));
        say(format_args!("device: {}", device.description));
        let model = match &args.adapter {
            Some(folder) => match beside(&model, folder, &path) {
                // Only into weights of its own is that merged.
                Err(AdapterError::PackedEmbedding { .. } | AdapterError::PackedChange { .. }) => {
                    let trained = TrainedModel::load_at(source, &path, args, &device)?;
                    return trained.packed(weight_type.unwrap_or(WeightType::F32), *cache_type);
                }
                adapted => adapted?,
            },
            None => model,
        };
        let model = AnyGpt::Packed(Box::new(model.with_cache_type(*cache_type)));
        Ok(Self { origin, model, tokenizer, template, generation })
    }

    /// What `source` names, on the processor.
    pub(crate) fn of_weights(
        source: &ModelSource,
        weights: WeightsChoice,
        cache_type: CacheType,
    ) -> Result<Self> {
        let model = ModelArgs { average: false, adapter: None, device: DeviceChoice::Cpu };
        Self::open(source, &WeightsArgs { model, weights, cache_type })
    }

    /// The model's shape.
    pub(crate) fn config(&self) -> &GptConfig {
        GptRef::from(&self.model).config()
    }
}

impl TrainedModel {
    /// The same, to be read or moved as tensors.
    pub(crate) fn into_tensors(self) -> LoadedModel {
        self.map(|model| AnyGpt::Tensors(Box::new(model)))
    }
}

impl<M> TrainedModel<M> {
    /// What is made of the model in its place.
    fn map<N>(self, make: impl FnOnce(M) -> N) -> TrainedModel<N> {
        let Self { origin, model, tokenizer, template, generation } = self;
        TrainedModel { origin, model: make(model), tokenizer, template, generation }
    }

    /// What to call it: the run's name (`NAME-step-250` of a checkpoint that was chosen), or the last part of the
    /// folder's, the file's or the repository's.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            Origin::Run { run, chosen: Some(step), .. } => format!("{}-step-{step}", run.name()),
            Origin::Run { run, .. } => run.name(),
            Origin::Pretrained { source: ModelSource::Path(path) } => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                name.trim_end_matches(".gguf").to_owned()
            }
            Origin::Pretrained { source: ModelSource::Hub(model) } => {
                let name = model.file.as_deref().unwrap_or(&model.repo);
                let name = name.rsplit('/').next().unwrap_or_default();
                name.trim_end_matches(".gguf").to_owned()
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

    /// The template in a model's own language, by which its answers are shown without what was asked.
    pub(crate) fn is_chat_model(&self) -> bool {
        self.template.as_ref().is_some_and(|template| template.named().is_none())
    }

    /// Where files of that name about the model go: into its run, there apart for a checkpoint that was chosen, and for
    /// others' models, whose folders are left as they are, here.
    pub(crate) fn folder_for(&self, name: &str) -> PathBuf {
        match &self.origin {
            Origin::Run { run, chosen: Some(step), .. } => {
                run.path().join(name).join(format!("step-{step}"))
            }
            Origin::Run { run, .. } => run.path().join(name),
            Origin::Pretrained { .. } => PathBuf::from(name),
        }
    }

    /// Whether it is of a checkpoint that was chosen, and not the best of its run.
    pub(crate) fn is_of_chosen_step(&self) -> bool {
        matches!(self.origin, Origin::Run { chosen: Some(_), .. })
    }

    /// The step of the run's checkpoint.
    pub(crate) fn checkpoint_step(&self) -> Option<usize> {
        match &self.origin {
            Origin::Run { manifest, .. } => Some(manifest.step),
            Origin::Pretrained { .. } => None,
        }
    }
}

/// The model at `path` with an adapter beside its weights, which stay as they are.
fn beside(model: &PackedGpt, folder: &Path, path: &Path) -> Result<PackedGpt, AdapterError> {
    let adapted = model.with_adapter(folder, &|| SavedModel::open(path)?.fingerprint())?;
    say(format_args!("adapter: {}", folder.display()));
    Ok(adapted)
}

fn open_run(path: &Path) -> Result<RunFolder> {
    ensure!(
        path.exists(),
        "{} does not exist: expected a run folder, a model's in Hugging Face's layout, or a GGUF file",
        path.display()
    );
    ensure!(
        path.join(CONFIG_FILE).is_file(),
        "{} is not a run folder, nor a model's in Hugging Face's layout or a GGUF file: expected a config.json in it, or \
         a checkpoint's folder as RUN/checkpoints/step-000250",
        path.display()
    );
    Ok(RunFolder::open(path)?)
}

/// An error where the weights do not fit the memory that is free; that of GPUs is not told.
fn check_memory(name: &str, config: &GptConfig, device: &Device) -> Result<()> {
    match Kernels::of(device) {
        Kernels::Cpu => {
            let parameters = config.parameter_counts().total();
            memory::check(name, parameters, (parameters * size_of::<f32>()) as u64)
        }
        Kernels::Gpu | Kernels::Plain => Ok(()),
    }
}

/// Says what the weights are kept as that an adapter is trained beside.
fn say_frozen(model: &Gpt) {
    if let Some((size, weight_type)) = model.frozen_bytes() {
        say(format_args!("frozen weights: {}, {weight_type}", bytes(size as u64)));
    }
}

/// Warns of matrices that cannot have the type that was asked for.
pub(crate) fn say_widened(config: &GptConfig, weight_type: Option<WeightType>) {
    let Some(weight_type) = weight_type else { return };
    let block = weight_type.block_values();
    let widths = [config.n_embd, config.n_head * config.head_size(), config.n_inner];
    if let Some(width) = widths.into_iter().find(|width| !width.is_multiple_of(block)) {
        say(format_args!(
            "warning: {weight_type} has blocks of {block} numbers, and rows of {width} are not whole blocks: such \
             matrices have 16 bits"
        ));
    }
}

/// Says what becomes of matrices that do not stay as they are stored, and what that costs.
fn say_converted(converted: &Converted) {
    let Converted { matrices, stored_types, stored_bytes, weight_type, bytes: kept } = converted;
    say(format_args!(
        "weights: {matrices} matrices of {} ({} in the file) are kept as {weight_type} ({} in memory)",
        stored_types.join(", "),
        bytes(*stored_bytes),
        bytes(*kept)
    ));
}

/// The folder or file that `source` names, downloaded where it is on the hub.
pub(crate) fn fetch(source: &ModelSource) -> Result<PathBuf> {
    let mut progress = ByteProgress::new();
    if let ModelSource::Hub(model) = source {
        progress.line(&format!("looking up {model} on the hub"));
    }
    Ok(source.fetch(&Hub::from_env(), &mut |download| {
        let what = format!("downloading {}", download.file);
        progress.show(&what, download.done_bytes, Some(download.total_bytes));
    })?)
}

/// The model that was named, or the newest run in `runs`.
pub(crate) fn named_or_newest(source: Option<&ModelSource>) -> Result<ModelSource> {
    match source {
        Some(source) => Ok(source.clone()),
        None => newest_run().map(ModelSource::Path).context(
            "no run that writes text in runs/: train one, or name a run, a model folder or a GGUF file with --run",
        ),
    }
}

/// The run in `runs` that saved last, of those that write text.
pub(crate) fn newest_run() -> Option<PathBuf> {
    newest_run_in(Path::new(RUNS))
}

/// The same of another folder.
pub(crate) fn newest_run_in(runs: &Path) -> Option<PathBuf> {
    let folders = fs_err::read_dir(runs).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
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
