//! `minigpt train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use minigpt_data::Source;
use minigpt_model::GptConfig;
use minigpt_train::{
    DataConfig, Environment, Interrupter, Length, MemoryEstimate, Observer, RunConfig, RunFolder,
    Summary, TokenData, resume, train,
};

use crate::INTERRUPTED;
use crate::args::{TextArgs, TrainArgs};
use crate::format::{bytes, duration, grouped};
use crate::progress::TrainProgress;
use crate::tokens;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let (path, summary) = match &args.resume {
        Some(path) => (path.clone(), resume_run(args, path)?),
        None => start_run(args)?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        report(&RunFolder::open(&path)?, &summary);
    }
    Ok(if summary.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn start_run(args: &TrainArgs) -> Result<(PathBuf, Summary)> {
    let mut config = configuration(args)?;
    config.validate()?;
    let chosen = args.device.resolve()?;
    eprintln!("device: {}", chosen.description);
    let data = TokenData::from(&tokens::prepare(&config.data, args.text.cache.as_deref())?);
    config.model.vocab_size = data.tokenizer.vocab_size();
    let progress = describe(&config, &data)?;
    let path = match &args.name {
        Some(name) => args.runs.join(name),
        None => free_folder(&args.runs, &args.preset),
    };
    eprintln!("run: {}\n", path.display());
    let environment = environment(&chosen.description);
    let interrupter = stop_on_signal()?;
    let summary = train(&path, &config, &environment, data, &chosen.device, interrupter, progress)?;
    Ok((path, summary))
}

fn resume_run(args: &TrainArgs, path: &Path) -> Result<Summary> {
    let run = RunFolder::open(path)?;
    let config = run.config()?;
    let chosen = args.device.resolve()?;
    eprintln!("device: {}", chosen.description);
    let data = TokenData::from(&tokens::prepare(&config.data, args.text.cache.as_deref())?);
    let progress = describe(&config, &data)?;
    eprintln!("resuming: {}\n", path.display());
    Ok(resume(path, data, &chosen.device, stop_on_signal()?, progress)?)
}

/// The preset with what the command line changes.
fn configuration(args: &TrainArgs) -> Result<RunConfig> {
    let mut config = RunConfig::preset(&args.preset)?;
    if let Some(name) = &args.model {
        config.model = GptConfig::preset(name, config.model.vocab_size)?;
    }
    configure_data(&mut config.data, args.data.as_ref(), &args.text);
    set(&mut config.training.epochs, &args.epochs);
    set(&mut config.training.batch_size, &args.batch_size);
    set(&mut config.training.seed, &args.seed);
    set(&mut config.schedule.learning_rate, &args.learning_rate);
    set(&mut config.model.dropout, &args.dropout);
    set(&mut config.sample.prompt, &args.prompt);
    // Passes asked for here outrank the steps of a preset.
    let preset_steps = config.training.max_steps.filter(|_| args.epochs.is_none());
    config.training.max_steps = args.max_steps.or(preset_steps);
    config.training.eval_every = args.eval_every.or(config.training.eval_every);
    Ok(config)
}

/// What the command line says of the text and how it is read.
pub(crate) fn configure_data(config: &mut DataConfig, source: Option<&Source>, args: &TextArgs) {
    if let Some(source) = source {
        source.clone_into(&mut config.source);
        // What a preset's records are says nothing about others.
        config.lines = false;
    }
    set(&mut config.text_field, &args.text_field);
    set(&mut config.tokenizer, &args.tokenizer);
    config.lossy |= args.lossy;
    config.lines |= args.lines;
    config.valid = args.valid.clone().or(config.valid.take());
}

fn set<T: Clone>(setting: &mut T, argument: &Option<T>) {
    if let Some(value) = argument {
        setting.clone_from(value);
    }
}

/// Says what the run is and what it will cost, before it starts; what it returns shows the rest.
fn describe(config: &RunConfig, data: &TokenData) -> Result<Observer> {
    let length = Length::new(config, data)?;
    let model = &config.model;
    let counts = model.parameter_counts();
    let memory = MemoryEstimate::new(model, config.training.batch_size);
    eprintln!(
        "tokens: {} training, {} validation, vocabulary {}",
        grouped(data.train.len() as u64),
        grouped(data.valid.len() as u64),
        grouped(model.vocab_size as u64),
    );
    eprintln!(
        "model: {} layers, {} wide, {} heads, context {}: {} parameters ({} embeddings, {} attention, {} perceptrons, {} norms)",
        model.n_layer,
        model.n_embd,
        model.n_head,
        model.block_size,
        grouped(counts.total() as u64),
        grouped((counts.wte + counts.wpe) as u64),
        grouped(counts.attention as u64),
        grouped(counts.mlp as u64),
        grouped(counts.layer_norms as u64),
    );
    eprintln!(
        "length: {} steps of {} windows, {} steps a pass, validation every {}",
        grouped(length.total_steps as u64),
        config.training.batch_size,
        grouped(length.steps_per_pass as u64),
        grouped(length.eval_every as u64),
    );
    eprintln!(
        "memory: about {} ({} for weights and optimiser); expected first loss {:.3}, ln of the vocabulary",
        bytes(memory.total()),
        bytes(memory.state),
        (model.vocab_size as f64).ln(),
    );
    let mut progress = TrainProgress::new(length);
    Ok(Box::new(move |event| progress.show(event)))
}

/// `runs/<preset>`, or the first free of `runs/<preset>-2`, `-3`, ….
fn free_folder(runs: &Path, preset: &str) -> PathBuf {
    let numbered = (2..).map(|number| runs.join(format!("{preset}-{number}")));
    let mut candidates = std::iter::once(runs.join(preset)).chain(numbered);
    candidates.find(|path| !path.exists()).unwrap_or_else(|| runs.join(preset))
}

fn environment(device: &str) -> Environment {
    Environment {
        minigpt: env!("CARGO_PKG_VERSION").to_owned(),
        burn: env!("MINIGPT_BURN_VERSION").to_owned(),
        git_revision: option_env!("MINIGPT_GIT_REVISION").map(str::to_owned),
        device: device.to_owned(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        command: std::env::args().collect(),
    }
}

/// The first Ctrl-C ends the run after its step and a checkpoint, the second at once.
fn stop_on_signal() -> Result<Interrupter> {
    let interrupter = Interrupter::new();
    let handle = interrupter.clone();
    ctrlc::set_handler(move || {
        if handle.should_stop() {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("\nstopping after this step, with a validation and a checkpoint; Ctrl-C again leaves at once");
        handle.stop(Some("interrupted"));
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(interrupter)
}

fn report(folder: &RunFolder, summary: &Summary) {
    let end = if summary.interrupted { "interrupted" } else { "done" };
    println!(
        "\n{end} after {} steps in {}",
        grouped(summary.steps as u64),
        duration(summary.seconds)
    );
    let figures = |name: &str, step: usize, figures: &minigpt_train::Figures| {
        println!(
            "{name} validation (step {step}): loss {:.4}, token perplexity {:.2}, word perplexity {:.1}, {:.3} bits per byte",
            figures.loss, figures.token_perplexity, figures.word_perplexity, figures.bits_per_byte,
        );
    };
    figures("last", summary.steps, &summary.last);
    if summary.best_step != summary.steps {
        figures("best", summary.best_step, &summary.best);
    }
    for (index, sample) in summary.samples.iter().enumerate() {
        println!("\nsample {}:\n  {}", index + 1, sample.replace('\n', "\n  "));
    }
    println!("\nloss curves: {}", folder.plot_path().display());
    if summary.interrupted {
        println!("go on: minigpt train --resume {}", folder.path().display());
    }
    println!("next: minigpt generate {} --prompt \"...\"", folder.path().display());
}
