//! `minigpt finetune`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use burn::tensor::Device;
use minigpt_data::{ModelSource, Tokenizer, TokenizerSpec, similar_labels};
use minigpt_eval::{TaskFigures, WrittenAnswer, confusion, rouge_l_of_answers, write_answers};
use minigpt_plot::draw_confusion;
use minigpt_train::{
    End, ExampleData, FinetuneTask, HeldOut, Plan, Preset, RunConfig, RunFolder, RunPlace,
    SampleConfig, Summary, TokenData, Trainer, write_json,
};

use crate::args::{FinetuneArgs, SessionArgs, WeightsChoice};
use crate::cache::cache_folder;
use crate::commands::session::display::print_event;
use crate::commands::session::pages::Pages;
use crate::commands::session::report::describe;
use crate::commands::session::{Place, dry_run, environment, launch, with_fitting_prompt};
use crate::device::precision;
use crate::load::model::TrainedModel;
use crate::load::sampling::say_not_done;
use crate::load::{frozen, settings, tokens};
use crate::terminal::format::grouped;
use crate::terminal::output::{print, say};
use crate::terminal::progress::CountProgress;

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
    let mut config = settings::of_finetune(args, base.model.config(), base.template.clone(), spec)?;
    say_not_done(&base.generation);
    precision::apply(session.precision, &mut config, device);
    let Material { data, held_out } = read(&mut config, &base.tokenizer, args.cache.as_deref())?;
    let config = with_fitting_prompt(config, &SampleConfig::default(), &data)?;
    if session.dry_run {
        dry_run(None, &config, &data, device, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&config, &data, device)?;
    describe(&config, &plan);
    let place = match named {
        Some(path) => Place::Named(path),
        None => Place::Free(RunPlace::first_free(&args.runs, args.task.name())?),
    };
    let path = place.path();
    let (summary, code) = launch(path, &plan, session, pages, |interrupter, observer| {
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
    report(path, &config, held_out, &summary, device, session)?;
    Ok(code)
}

/// The model that is tuned, on a device that differentiates; beside an adapter its weights are frozen.
fn load_base(args: &FinetuneArgs, device: &Device) -> Result<TrainedModel> {
    let tuned = device.clone().autodiff();
    let Some(lora) = settings::lora(args) else {
        return TrainedModel::load_onto(&args.base, args.average, &tuned);
    };
    let precision = args.session.precision.map(|choice| choice.resolve(device));
    let weights = args.weights.unwrap_or(WeightsChoice(None));
    let precision = precision.unwrap_or_default();
    frozen::load(&args.base, args.average, &lora, weights, precision, &tuned)
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
    let tokenizer = RunFolder::open(path)?.tokenizer()?;
    precision::apply(None, &mut config, device);
    let Material { data, held_out } = read(&mut config, &tokenizer, cache)?;
    if session.dry_run {
        dry_run(Some(path), &config, &data, device, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&config, &data, device)?;
    describe(&config, &plan);
    let (summary, code) = launch(path, &plan, session, pages, |interrupter, observer| {
        say(format_args!("resuming: {}\n", path.display()));
        let devices = device.into();
        Trainer { folder: path, data, devices, interrupter, observer }.resume()
    })?;
    report(path, &config, held_out, &summary, device, session)?;
    Ok(code)
}

/// What a run learns from, and the held-out examples, where it learns from some.
pub(super) struct Material {
    pub(super) data: TokenData,
    pub(super) held_out: Option<HeldOut>,
}

/// Reads what `config` asks for, and completes it by what examples tell.
pub(super) fn read(
    config: &mut RunConfig,
    tokenizer: &Tokenizer,
    cache: Option<&Path>,
) -> Result<Material> {
    let task = config.finetune.as_ref().map(|finetune| finetune.task);
    if task == Some(FinetuneTask::Lm) {
        let data = TokenData::from(&tokens::prepare(&config.data, cache)?);
        return Ok(Material { data, held_out: None });
    }
    let examples = ExampleData::read(config, tokenizer)?;
    let [learnt, kept_out] = examples.kept().map(|number| grouped(number as u64));
    say(format_args!(
        "data: {}, read now: {learnt} examples to learn, {kept_out} held out, {} longer than the context left out",
        config.data.source,
        grouped(examples.left_out as u64),
    ));
    let labels = config.finetune.as_ref().map(|finetune| &finetune.labels[..]).unwrap_or_default();
    for [one, other] in similar_labels(labels) {
        say(format_args!(
            "warning: the labels {one:?} and {other:?} are two: write them alike if they mean one"
        ));
    }
    Ok(Material { data: examples.tokens, held_out: Some(examples.held_out) })
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

/// Answers that are written to be looked at, and summaries that are written to be measured.
const ANSWERS: usize = 8;
const SUMMARIES: usize = 100;
/// Answers that are shown.
const SHOWN: usize = 3;

/// Measures the best model on what was held out, unless the run was interrupted.
pub(super) fn report(
    path: &Path,
    config: &RunConfig,
    held_out: Option<HeldOut>,
    summary: &Summary,
    device: &Device,
    session: &SessionArgs,
) -> Result<()> {
    if summary.end == End::Interrupted {
        return Ok(());
    }
    let run = RunFolder::open(path)?;
    let mut damaged =
        |error| say(format_args!("warning: {error}; the checkpoint before it is used"));
    if let Some(adapter) = run.write_adapter(device, &mut damaged)? {
        say(format_args!("adapter: {}", adapter.display()));
    }
    let Some(held_out) = held_out else { return Ok(()) };
    let tokenizer = run.tokenizer()?;
    let folder = path.join("evaluation");
    fs_err::create_dir_all(&folder)?;
    let task = config.finetune.as_ref().map_or(FinetuneTask::Lm, |finetune| finetune.task);
    let figures = match held_out {
        HeldOut::Dialogues(dialogues) => {
            let (model, _) = run.best_model(device, &mut damaged)?;
            let is_summary = task == FinetuneTask::Summarize;
            let most = dialogues.len().min(if is_summary { SUMMARIES } else { ANSWERS });
            let mut progress = CountProgress::new("answering", most, "examples");
            let template = config.finetune.as_ref().and_then(|finetune| finetune.template.as_ref());
            let template = template.context("a task with answers has a template")?;
            let mut show = |done| progress.show(done);
            let answers = write_answers(&model, &tokenizer, template, &dialogues, most, &mut show)?;
            let rouge_l = is_summary.then(|| rouge_l_of_answers(&answers));
            let perplexity =
                |figures: Option<minigpt_train::ValidationFigures>| Some(figures?.token_perplexity);
            let (base_perplexity, perplexity) =
                (perplexity(summary.base), perplexity(summary.best));
            TaskFigures::Answers { base_perplexity, perplexity, rouge_l, answers }
        }
        HeldOut::Labelled(texts) => {
            let (classifier, _) = run.best_classifier(device, &mut damaged)?;
            let mut progress = CountProgress::new("classifying", texts.len(), "texts");
            let batch_size = config.training.batch_size;
            let confusion = confusion(&classifier, &tokenizer, &texts, batch_size, &mut |done| {
                progress.show(done);
            })?;
            let picture = folder.join("confusion.png");
            let title = format!("{}: {} held out", run.name(), config.data.source);
            let figures = confusion.to_string();
            draw_confusion(&picture, &title, &figures, &confusion.labels, &confusion.counts)?;
            let (accuracy, macro_f1) = (confusion.accuracy(), confusion.macro_f1());
            TaskFigures::Labels {
                accuracy,
                macro_f1,
                majority: confusion.majority(),
                confusion,
                picture,
            }
        }
    };
    // For `minigpt report` too.
    write_json(&folder.join(format!("{task}.json")), &figures)?;
    if session.json {
        return print_event("task", &figures);
    }
    print(|out| show(&figures, out))
}

fn show(figures: &TaskFigures, out: &mut impl Write) -> std::io::Result<()> {
    match figures {
        TaskFigures::Answers { base_perplexity, perplexity, rouge_l, answers } => {
            if let (Some(before), Some(after)) = (base_perplexity, perplexity) {
                writeln!(
                    out,
                    "\nheld-out answers: perplexity {before:.2} before, {after:.2} after"
                )?;
            }
            if let Some(rouge_l) = rouge_l {
                writeln!(out, "ROUGE-L of {} summaries: {rouge_l:.2} %", answers.len())?;
            }
            for WrittenAnswer { prompt, expected, written, .. } in
                &answers[..SHOWN.min(answers.len())]
            {
                let indented = |text: &str| text.trim_end().replace('\n', "\n  ");
                writeln!(out, "\n  {}", indented(prompt))?;
                writeln!(
                    out,
                    "  expected: {}\n  written:  {}",
                    indented(expected),
                    indented(written)
                )?;
            }
            Ok(())
        }
        TaskFigures::Labels { accuracy, macro_f1, majority, confusion, picture } => {
            writeln!(
                out,
                "\nheld-out texts: accuracy {accuracy:.4}, macro-F1 {macro_f1:.4} on {} (the most frequent label alone: {majority:.4})",
                confusion.texts()
            )?;
            writeln!(out, "confusion matrix: {}", picture.display())
        }
    }
}
