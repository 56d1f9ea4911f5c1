//! Models as a protocol has them read a text.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use minigpt_data::{ModelSource, Source, TokenStore};
use minigpt_eval::{DynamicConfig, DynamicModel, DynamicRule, GradientScales, Protocol, Reader};
use minigpt_model::{AnyGpt, Gpt, WeightType};
use minigpt_train::FinetuneTask;

use crate::args::{WeightsArgs, WeightsChoice};
use crate::load::model::{LoadedModel, TrainedModel};
use crate::load::tokens;
use crate::terminal::progress::CountProgress;

/// Windows of training text that tell the size of gradients.
const WINDOWS: usize = 256;

/// The models, which must know the same tokens; as tensors where their weights shall move.
pub(crate) fn open_all(
    sources: &[&ModelSource],
    args: &WeightsArgs,
    moves: bool,
) -> Result<Vec<LoadedModel>> {
    let open = |source: &&ModelSource| match moves {
        true => open_to_move(source, args),
        false => LoadedModel::open(source, args),
    };
    let models: Vec<LoadedModel> = sources.iter().map(open).collect::<Result<_>>()?;
    let fingerprints = models.iter().map(|model| model.tokenizer.fingerprint());
    let fingerprints: Vec<String> = fingerprints.collect::<Result<_, _>>()?;
    if let Some(other) = fingerprints.iter().position(|found| *found != fingerprints[0]) {
        let ids = |at: usize| models[at].tokenizer.vocab_size();
        anyhow::bail!(
            "--ensemble: {} has another tokenizer ({} ids) than {} ({} ids): expected models of one tokenizer",
            sources[other],
            ids(other),
            sources[0],
            ids(0)
        );
    }
    Ok(models)
}

fn open_to_move(source: &ModelSource, args: &WeightsArgs) -> Result<LoadedModel> {
    let WeightsArgs { model, weights: WeightsChoice(weight_type), .. } = args;
    if let Some(weight_type) = weight_type.filter(|found| *found != WeightType::F32) {
        anyhow::bail!(
            "--weights {weight_type}: dynamic evaluation moves the weights, which are 32-bit floats then: leave --weights out"
        );
    }
    Ok(TrainedModel::load(source, model)?.into_tensors())
}

/// A model as it reads by `protocol`.
pub(crate) fn reader<'a>(
    trained: &'a LoadedModel,
    source: &ModelSource,
    protocol: Protocol,
) -> Result<Reader<'a>> {
    let (Some(config), AnyGpt::Tensors(model)) = (protocol.dynamic, &trained.model) else {
        return Ok((&trained.model).into());
    };
    let DynamicConfig { rule, rate, decay } = config;
    Ok(match rule {
        DynamicRule::Sgd => DynamicModel::by_sgd(model, rate, decay).into(),
        DynamicRule::Rms => {
            let scales = gradient_scales(trained, model, protocol).with_context(|| {
                format!("{source}: its training text tells the size of its gradients; --dynamic-rule sgd needs none")
            })?;
            DynamicModel::by_rms(scales, rate, decay).into()
        }
    })
}

fn gradient_scales(
    trained: &LoadedModel,
    model: &Gpt,
    protocol: Protocol,
) -> Result<GradientScales> {
    let config = trained.run().context("it is of no run")?.config()?;
    let is_text = config.finetune.as_ref().is_none_or(|tuned| tuned.task == FinetuneTask::Lm);
    ensure!(is_text, "the run learnt from examples, which are no text");
    ensure!(config.data.source != Source::Stdin, "the run read standard input, which is gone");
    // `--cache` is another thing here.
    let cache = std::env::var_os("MINIGPT_CACHE").map(PathBuf::from);
    let store: TokenStore = tokens::prepare(&config.data, cache.as_deref())?;
    ensure!(
        store.tokenizer().fingerprint()? == trained.tokenizer.fingerprint()?,
        "the text of the run gives another tokenizer now"
    );
    let mut progress: Option<CountProgress> = None;
    let fixed = Protocol { dynamic: None, cache: None, ..protocol };
    let measured = GradientScales::measure(model, store.train(), fixed, WINDOWS, &mut |done| {
        let new = || CountProgress::new("measuring gradients", WINDOWS, "windows");
        progress.get_or_insert_with(new).show(done);
    });
    Ok(measured?)
}
