//! `minigpt finetune`.

mod compared;
mod material;
mod outcome;
mod shown;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use burn::tensor::Device;
use minigpt_data::{ModelSource, Tokenizer, TokenizerSpec};
use minigpt_train::{
    Plan, Preset, RunConfig, RunFolder, RunPlace, SampleConfig, TokenData, Trainer,
};

pub(super) use self::compared::Comparison;
pub(super) use self::material::{Material, read};
pub(super) use self::outcome::report;

use self::shown::show_examples;

use crate::args::{FinetuneArgs, SessionArgs, WeightsChoice};
use crate::cache::cache_folder;
use crate::commands::session::pages::Pages;
use crate::commands::session::report::describe;
use crate::commands::session::{Place, dry_run, environment, launch, tell, with_fitting_prompt};
use crate::device::precision::{self, PrecisionChoice};
use crate::load::model::TrainedModel;
use crate::load::sampling::say_not_done;
use crate::load::{frozen, settings};
use crate::terminal::format::counted;
use crate::terminal::output::say;

pub(crate) fn run(args: &FinetuneArgs) -> Result<ExitCode> {
    let session = &args.session;
    let named =
        args.name.as_deref().map(|name| settings::named_run(&args.runs, name)).transpose()?;
    let pages = session.serve.as_deref().map(Pages::at).transpose()?;
    let chosen = session.device.resolve()?;
    say(format_args!("device: {}", chosen.description));
    let device = &chosen.device;
    let base = load_base(args, device)?;
    let spec = tokenizer_spec(&args.base, &base.tokenizer, args.cache.as_deref())?;
    let template = settings::template(args, base.template.clone(), &base.tokenizer)?;
    let mut config = settings::of_finetune(args, base.model.config(), template, spec)?;
    let comparison = Comparison::read(args)?;
    say_not_done(&base.generation);
    precision::apply(precision_of(args), &mut config, device);
    let Material { data, held_out } = read(&mut config, &base.tokenizer, args.cache.as_deref())?;
    if let Some(number) = args.show {
        show_examples(&config, &data, held_out.as_ref(), number)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = with_fitting_prompt(config, &SampleConfig::default(), &data)?;
    let config = with_fitting_warmup(config, &data, device)?;
    let plan = beside(Plan::new(&config, &data, device)?, base.model.kept_bytes(), &config);
    if session.dry_run {
        tell(&config, &plan, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    describe(&config, &plan);
    let place = match named {
        Some(path) => Place::Named(path),
        None => Place::Free(RunPlace::first_free(&args.runs, args.task().name())?),
    };
    let path = place.path();
    let (summary, code) = launch(path, &plan, device, session, pages, |interrupter, observer| {
        say(format_args!("run: {}\n", path.display()));
        let recipe = recipe(&config);
        let environment =
            environment(&chosen.description, Some(Preset::new(RECIPE, &recipe, &config)));
        let trainer = Trainer { folder: path, data, devices: device.into(), interrupter, observer };
        if args.fresh {
            return trainer.train(&config, &environment);
        }
        trainer.finetune(&config, &environment, base.model, &base.generation)
    })?;
    report(path, &config, held_out, &summary, &comparison, device, session)?;
    Ok(code)
}

/// The plan beside frozen weights of so many bytes, where there are some.
fn beside(plan: Plan, frozen: Option<u64>, config: &RunConfig) -> Plan {
    match frozen {
        Some(frozen) => plan.beside_frozen(frozen, config),
        None => plan,
    }
}

/// The recipe's warm-up, but no longer than a tenth of a run that would otherwise be over before it. One that was
/// asked for stays.
fn with_fitting_warmup(
    mut config: RunConfig,
    data: &TokenData,
    device: &Device,
) -> Result<RunConfig> {
    let steps = Plan::new(&config, data, device)?.length.total_steps;
    let warmup = config.schedule.warmup_steps;
    if warmup == recipe(&config).schedule.warmup_steps && warmup >= steps {
        config.schedule.warmup_steps = (steps / 10).max(1);
        say(format_args!(
            "warm-up: shortened from {warmup} to {}: the whole run has only {}",
            counted(config.schedule.warmup_steps, "step"),
            counted(steps, "step"),
        ));
    }
    Ok(config)
}

/// The model that is tuned, on a device that differentiates; beside an adapter its weights are frozen.
fn load_base(args: &FinetuneArgs, device: &Device) -> Result<TrainedModel> {
    say(format_args!("loading {}", args.base));
    let tuned = device.clone().autodiff();
    let Some(lora) = settings::lora(args) else {
        return TrainedModel::load_onto(&args.base, args.average, &tuned);
    };
    let precision = precision_of(args).map(|choice| choice.resolve(device));
    let weights = args.weights.unwrap_or(WeightsChoice(None));
    let precision = precision.unwrap_or_default();
    frozen::load(&args.base, args.average, &lora, weights, precision, &tuned)
}

/// What products are in: as is asked for, or by a recipe in 16 bits, where the device has them.
fn precision_of(args: &FinetuneArgs) -> Option<PrecisionChoice> {
    args.session.precision.or(args.recipe_name.map(|_| PrecisionChoice::Auto))
}

/// The name under which the recipe is recorded.
pub(super) const RECIPE: &str = "finetune";

/// What the settings of a run that tunes a model start from.
pub(super) fn recipe(config: &RunConfig) -> RunConfig {
    let RunConfig { model, data, finetune, .. } = config.clone();
    match finetune {
        Some(finetune) => RunConfig::finetuning(model, data, finetune),
        None => config.clone(),
    }
}

/// Continues the run of a tuned model in the folder `path`.
pub(crate) fn go_on(
    path: &Path,
    mut config: RunConfig,
    cache: Option<&Path>,
    session: &SessionArgs,
) -> Result<ExitCode> {
    let pages = session.serve.as_deref().map(Pages::at).transpose()?;
    let chosen = session.device.resolve()?;
    say(format_args!("device: {}", chosen.description));
    let device = &chosen.device;
    let run = RunFolder::open(path)?;
    let tokenizer = run.tokenizer()?;
    precision::apply(None, &mut config, device);
    let Material { data, held_out } = read(&mut config, &tokenizer, cache)?;
    if session.dry_run {
        dry_run(Some(path), &config, &data, device, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = beside(Plan::new(&config, &data, device)?, run.frozen_bytes()?, &config);
    describe(&config, &plan);
    let (summary, code) = launch(path, &plan, device, session, pages, |interrupter, observer| {
        say(format_args!("resuming: {}\n", path.display()));
        let devices = device.into();
        Trainer { folder: path, data, devices, interrupter, observer }.resume()
    })?;
    let comparison = Comparison::default();
    report(path, &config, held_out, &summary, &comparison, device, session)?;
    Ok(code)
}

/// The base's tokenizer as a setting: its file, or a copy in the cache where it has no single one.
fn tokenizer_spec(
    base: &ModelSource,
    tokenizer: &Tokenizer,
    cache: Option<&Path>,
) -> Result<TokenizerSpec> {
    let of_folder = |folder: &PathBuf| folder.join("tokenizer.json");
    let own = match base {
        ModelSource::Path(path) => Some(of_folder(path)).filter(|path| path.is_file()),
        ModelSource::Hub(_) => None,
    };
    let path = match own {
        Some(path) => path,
        None => {
            let folder = cache_folder(cache)?.join("tokenizers");
            fs_err::create_dir_all(&folder)?;
            let path = folder.join(format!("{}.json", tokenizer.fingerprint()?));
            tokenizer.save(&path)?;
            path
        }
    };
    Ok(TokenizerSpec::File { path })
}
