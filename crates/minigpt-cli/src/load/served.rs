//! Models to be served: each with its name and what its clients may know, and adapters beside their bases.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use minigpt_data::{ChatTemplate, ModelSource};
use minigpt_model::{AnyGpt, GptRef, SavedModel, WeightsError};
use minigpt_serve::{ModelCard, ServedModel};
use minigpt_text::Pretrained;
use minigpt_train::RunFolder;

use crate::args::{ModelArgs, NamedAdapter, ServeArgs, WeightsArgs};
use crate::load::model::{LoadedModel, fetch, newest_run_in};
use crate::load::sampling::{or_ours, say_not_done};
use crate::terminal::output::say;

/// A model that is served, and what adapters of it need.
struct Base {
    served: ServedModel,
    source: ModelSource,
    /// Of its weights, once an adapter has asked for it.
    fingerprint: OnceCell<String>,
}

/// Loads what the command line names, or the newest run.
pub(crate) fn load(args: &ServeArgs) -> Result<Vec<ServedModel>> {
    let sources = match &args.models[..] {
        [] => vec![newest(&args.runs)?],
        named => named.to_vec(),
    };
    let bases = sources.into_iter().map(|source| Base::load(source, args));
    let bases = bases.collect::<Result<Vec<_>>>()?;
    let adapters = args.adapters.iter().map(|adapter| with_adapter(&bases, adapter, args));
    let adapters = adapters.collect::<Result<Vec<_>>>()?;
    let served: Vec<ServedModel> =
        bases.into_iter().map(|base| base.served).chain(adapters).collect();
    let mut names = BTreeSet::new();
    if let Some(twice) = served.iter().find(|model| !names.insert(&model.card.id)) {
        bail!(
            "two models are called {}: rename a folder or file, or give an adapter another name",
            twice.card.id
        );
    }
    Ok(served)
}

fn newest(runs: &Path) -> Result<ModelSource> {
    newest_run_in(runs).map(ModelSource::Path).with_context(|| {
        let runs = runs.display();
        format!("no run that writes text in {runs}: train one, or name a run, a model folder or a GGUF file")
    })
}

/// The adapter beside its base: the one that it is said to belong to, or the only one that it fits.
fn with_adapter(bases: &[Base], adapter: &NamedAdapter, args: &ServeArgs) -> Result<ServedModel> {
    let (folder, named) = folder_and_base(&adapter.folder);
    let is_asked = |base: &Base| named.is_none_or(|named| base.served.card.id == named);
    if let Some(named) = named.filter(|_| !bases.iter().any(is_asked)) {
        let ids: Vec<&str> = bases.iter().map(|base| base.served.card.id.as_str()).collect();
        bail!(
            "--adapter {}: no model {named} is served: expected {}",
            adapter.name,
            ids.join(" or ")
        );
    }
    let (mut fitting, mut refusals) = (Vec::new(), Vec::new());
    for (place, base) in bases.iter().enumerate().filter(|(_, base)| is_asked(base)) {
        match base.with_adapter(place, &adapter.name, folder, args) {
            Ok(served) => fitting.push(served),
            Err(error) => refusals.push(format!("{}: {error:#}", base.served.card.id)),
        }
    }
    let Some(served) = fitting.pop() else {
        bail!(
            "--adapter {}: no model that is served is its base: {}",
            adapter.name,
            refusals.join("; ")
        );
    };
    let base = served.card.base.clone().unwrap_or_default();
    if let Some(other) = fitting.iter().find_map(|other| other.card.base.as_ref()) {
        bail!(
            "--adapter {0}: it fits {other} and {base}: say which it was trained on, as {0}={1}@{base}",
            adapter.name,
            folder.display()
        );
    }
    say(format_args!("adapter: {}, of {base}", adapter.name));
    Ok(served)
}

/// An adapter's folder, and the name of its base where it is given as `FOLDER@MODEL`. A folder's name may have an `@`.
fn folder_and_base(given: &Path) -> (&Path, Option<&str>) {
    let divided = given.to_str().filter(|_| !given.exists()).and_then(|text| text.rsplit_once('@'));
    match divided {
        Some((folder, base)) if !folder.is_empty() && !base.is_empty() => {
            (Path::new(folder), Some(base))
        }
        _ => (given, None),
    }
}

impl Base {
    fn load(source: ModelSource, args: &ServeArgs) -> Result<Self> {
        say(format_args!("loading {source}"));
        let loaded = LoadedModel::open(&source, &weights_args(args, None))?;
        say_not_done(&loaded.generation);
        let created = created(&fetch(&source)?);
        let id = loaded.name();
        let LoadedModel { model, tokenizer, template, generation, .. } = loaded;
        let config = GptRef::from(&model).config().clone();
        let weights = match &model {
            AnyGpt::Packed(packed) => packed.weight_type().to_string(),
            AnyGpt::Tensors(_) => "f32".to_owned(),
        };
        let generation = or_ours(generation);
        let card =
            ModelCard { id, tokenizer, template, generation, config, weights, created, base: None };
        let served = ServedModel { card, model, base: None };
        Ok(Self { served, source, fingerprint: OnceCell::new() })
    }

    /// The model with an adapter, as one more. `place` is this one's among those that are served.
    fn with_adapter(
        &self,
        place: usize,
        name: &str,
        folder: &Path,
        args: &ServeArgs,
    ) -> Result<ServedModel> {
        let (model, base) = match &self.served.model {
            AnyGpt::Packed(packed) => {
                let packed = packed.with_adapter(folder, &|| self.fingerprint())?;
                (AnyGpt::Packed(Box::new(packed)), Some(place))
            }
            // A GPU has a model of its own for each, into which it is merged.
            AnyGpt::Tensors(_) => {
                let args = weights_args(args, Some(folder.to_owned()));
                (LoadedModel::open(&self.source, &args)?.model, None)
            }
        };
        let card = &self.served.card;
        let card = ModelCard {
            id: name.to_owned(),
            tokenizer: card.tokenizer.clone(),
            template: template_beside(folder).or_else(|| card.template.clone()),
            generation: card.generation.clone(),
            config: card.config.clone(),
            weights: card.weights.clone(),
            created: created(folder),
            base: Some(card.id.clone()),
        };
        Ok(ServedModel { card, model, base })
    }

    /// The SHA-256 of its weights, by which adapters name their base.
    fn fingerprint(&self) -> Result<String, WeightsError> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known.clone());
        }
        let failed = |reason: String| {
            let path = PathBuf::from(self.source.to_string());
            WeightsError::Config { path, reason }
        };
        let path = fetch(&self.source).map_err(|error| failed(format!("{error:#}")))?;
        let found = if Pretrained::is_at(&path) {
            SavedModel::open(&path)?.fingerprint()?
        } else {
            let loaded = match RunFolder::of_checkpoint(&path) {
                Some((run, step)) => run.model_of_step(step, &Device::flex()),
                None => RunFolder::open(&path)
                    .and_then(|run| run.best_model(&Device::flex(), &mut |_| ())),
            };
            loaded.map_err(|error| failed(error.to_string()))?.0.fingerprint()?
        };
        Ok(self.fingerprint.get_or_init(|| found).clone())
    }
}

fn weights_args(args: &ServeArgs, adapter: Option<PathBuf>) -> WeightsArgs {
    let model = ModelArgs { average: false, adapter, device: args.device.clone() };
    WeightsArgs { model, weights: args.weights, cache_type: args.cache_type }
}

/// How the run of an adapter was taught to be asked, where the adapter lies in one.
fn template_beside(folder: &Path) -> Option<ChatTemplate> {
    let run = RunFolder::open(folder.parent()?).ok()?;
    run.config().ok()?.finetune?.template
}

/// When a model's folder or file was changed.
fn created(path: &Path) -> SystemTime {
    let changed = fs_err::metadata(path).and_then(|found| found.modified());
    changed.unwrap_or(SystemTime::UNIX_EPOCH)
}
