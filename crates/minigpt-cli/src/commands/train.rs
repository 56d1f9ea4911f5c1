//! `minigpt train`.

use std::io::{IsTerminal, Write};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use minigpt_train::{
    Dashboard, End, Environment, Figures, Interrupter, Observer, Plan, Quantity, RunConfig,
    RunFolder, Summary, TokenData, TrainError, TrainEvent, resume, train,
};
use serde::Serialize;

use crate::args::TrainArgs;
use crate::device::resolve_all;
use crate::format::{bytes, duration, grouped};
use crate::output::{print, say};
use crate::progress::TrainProgress;
use crate::signals::Signals;
use crate::{settings, tokens};

/// Exit code of a run that was stopped by a key.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let config = match &args.resume {
        Some(path) => RunFolder::open(path)?.config()?,
        None => settings::of_train(args)?,
    };
    let chosen = match args.devices.as_slice() {
        [] => resolve_all(slice::from_ref(&args.device))?,
        several => resolve_all(several)?,
    };
    say(format_args!("device: {}", chosen.description));
    let data = TokenData::from(&tokens::prepare(&config.data, args.text.cache.as_deref())?);
    let config = with_vocabulary(config, &data);
    if args.dry_run {
        dry_run(args, &config, &data, &chosen.main)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&config, &data, &chosen.main)?;
    describe(&config, &plan);

    let signals = Signals::listen()?;
    let interrupter = Interrupter::new();
    let observer = observer(&plan, args, &signals, &interrupter)?;
    let (path, outcome) = match &args.resume {
        Some(path) => {
            say(format_args!("resuming: {}\n", path.display()));
            (path.clone(), resume(path, data, &chosen.devices, interrupter, observer))
        }
        None => {
            let path = match &args.name {
                Some(name) => args.runs.join(name),
                None => free_folder(&args.runs, &args.preset),
            };
            say(format_args!("run: {}\n", path.display()));
            let environment = environment(&chosen.description);
            let devices = &chosen.devices;
            let outcome = train(&path, &config, &environment, data, devices, interrupter, observer);
            (path, outcome)
        }
    };
    let summary = outcome.inspect_err(|error| how_to_go_on(&path, error))?;
    if let Some(used) = chosen.main.memory_pool_usage() {
        say(format_args!(
            "memory: {} taken on the device, {} expected",
            bytes(used.bytes_reserved),
            bytes(plan.memory.on_device()),
        ));
    }
    if args.json {
        print_event("summary", &summary)?;
    } else {
        let folder = RunFolder::open(&path)?;
        print(|out| report(&folder, &summary, out))?;
    }
    Ok(match summary.end {
        End::Interrupted => ExitCode::from(signals.exit_code().unwrap_or(INTERRUPTED)),
        _ => ExitCode::SUCCESS,
    })
}

/// Says what is left of a run whose device failed.
fn how_to_go_on(path: &Path, error: &TrainError) {
    if !matches!(error, TrainError::Device { .. } | TrainError::DeviceMemory { .. }) {
        return;
    }
    let checkpoints = RunFolder::open(path).map(|run| run.checkpoints());
    let last = checkpoints.and_then(|checkpoints| checkpoints.last(&mut |_| ()));
    match last {
        Ok(Some(manifest)) => say(format_args!(
            "kept: the checkpoint of step {}; go on: minigpt train --resume {} --device cpu",
            manifest.step,
            path.display(),
        )),
        _ => {
            say("kept: no checkpoint, the run had not come to one; --save-every takes them sooner")
        }
    }
}

/// Says what the run would be and cost, or what is left of the one that would be resumed.
fn dry_run(args: &TrainArgs, config: &RunConfig, data: &TokenData, device: &Device) -> Result<()> {
    let plan = match &args.resume {
        Some(path) => {
            let mut damaged = |error| say(format_args!("warning: {error}"));
            Plan::of_resumed(&RunFolder::open(path)?, data, device, &mut damaged)?
        }
        None => Plan::new(config, data, device)?,
    };
    describe(config, &plan);
    if args.json {
        print_event("plan", &plan)?;
    }
    Ok(())
}

/// The model knows as many ids as the tokenizer has, whatever a preset supposes.
fn with_vocabulary(mut config: RunConfig, data: &TokenData) -> RunConfig {
    config.model.vocab_size = data.tokenizer.vocab_size();
    config
}

/// Says what the run is and what it will cost, before it starts.
fn describe(config: &RunConfig, plan: &Plan) {
    let model = &config.model;
    let counts = &plan.parameters;
    say(format_args!(
        "tokens: {} training, {} validation, vocabulary {}",
        grouped(plan.train_tokens as u64),
        grouped(plan.valid_tokens as u64),
        grouped(model.vocab_size as u64),
    ));
    say(format_args!(
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
    ));
    say(format_args!(
        "length: {} steps of {} windows, {} steps a pass, validation every {}",
        grouped(plan.length.total_steps as u64),
        config.training.batch_size,
        grouped(plan.length.steps_per_pass as u64),
        grouped(plan.length.eval_every as u64),
    ));
    say(format_args!(
        "cost: about {} of memory ({} for weights and optimiser), {:.1} TFLOP of work",
        bytes(plan.memory.total()),
        bytes(plan.memory.state),
        plan.operations / 1e12,
    ));
    if plan.steps_taken > 0 {
        let left = plan.length.total_steps.saturating_sub(plan.steps_taken);
        let taken = grouped(plan.steps_taken as u64);
        say(format_args!("left: {} steps, after {taken} that were taken", grouped(left as u64)));
    } else {
        say(format_args!("expected first loss: {:.3}, ln of the vocabulary", plan.first_loss));
    }
}

/// Shows the events of a run, and passes a signal on to it between two of them.
fn observer(
    plan: &Plan,
    args: &TrainArgs,
    signals: &Signals,
    interrupter: &Interrupter,
) -> Result<Observer> {
    let mut display = Display::new(plan, args, interrupter)?;
    let (signals, interrupter) = (signals.clone(), interrupter.clone());
    Ok(Box::new(move |event: TrainEvent| {
        display.show(event);
        if signals.exit_code().is_some() && !interrupter.should_stop() {
            display.stopping();
            interrupter.stop(Some("interrupted"));
        }
    }))
}

/// Where the events of a run are shown.
enum Display {
    /// A bar or plain lines on standard error.
    Lines(TrainProgress),
    /// The same, and JSON on standard output.
    Json(TrainProgress),
    /// burn's display, in which keys take the place of Ctrl-C.
    FullScreen(Box<Dashboard>),
}

impl Display {
    fn new(plan: &Plan, args: &TrainArgs, interrupter: &Interrupter) -> Result<Self> {
        if args.tui {
            let is_terminal = std::io::stdout().is_terminal();
            ensure!(is_terminal, "--tui: standard output is no terminal: leave it out");
            return Ok(Self::FullScreen(Box::new(Dashboard::new(
                plan.length,
                interrupter.clone(),
            ))));
        }
        let progress = TrainProgress::new(plan.length);
        Ok(if args.json { Self::Json(progress) } else { Self::Lines(progress) })
    }

    fn show(&mut self, event: TrainEvent) {
        match self {
            Self::Lines(progress) => progress.show(event),
            Self::Json(progress) => {
                // Where it cannot be written, the run's own files have it still.
                let _ = print_line(&event);
                progress.show(event);
            }
            Self::FullScreen(dashboard) => {
                let shown = std::panic::catch_unwind(AssertUnwindSafe(|| dashboard.show(&event)));
                if shown.is_err() {
                    // The user chose to leave at once, which burn's display does by a panic.
                    std::process::exit(INTERRUPTED.into());
                }
            }
        }
    }

    fn stopping(&self) {
        match self {
            Self::Lines(progress) | Self::Json(progress) => {
                progress
                    .line("stopping after this step, with a checkpoint; once more leaves at once");
            }
            // It is gone with the step.
            Self::FullScreen(_) => (),
        }
    }
}

/// An object with its name as the events of the run have theirs.
fn print_event(event: &'static str, content: &impl Serialize) -> Result<()> {
    #[derive(Serialize)]
    struct Named<'a, T> {
        event: &'static str,
        #[serde(flatten)]
        content: &'a T,
    }
    print_line(&Named { event, content })
}

/// A line of JSON on standard output.
fn print_line(line: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string(line)?;
    print(|out| writeln!(out, "{json}"))
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

fn report(folder: &RunFolder, summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    let end = match summary.end {
        End::Complete => "done",
        End::OutOfTime => "out of time",
        End::Patience => "no better validation for a while: ended",
        End::Interrupted => "interrupted",
    };
    let (steps, took) = (grouped(summary.steps as u64), duration(summary.seconds));
    writeln!(out, "\n{end} after {steps} steps in {took}")?;
    write_figures("last", summary.last, out)?;
    if summary.best != summary.last {
        write_figures("best", summary.best, out)?;
    }
    write_figures("averaged weights' last", summary.average, out)?;
    for (index, sample) in summary.samples.iter().enumerate() {
        writeln!(out, "\nsample {}:\n  {}", index + 1, sample.replace('\n', "\n  "))?;
    }
    let path = folder.path().display();
    writeln!(out, "\nloss curves: {}", folder.plot_path(Quantity::Loss).display())?;
    if matches!(summary.end, End::Interrupted | End::OutOfTime) {
        writeln!(out, "go on: minigpt train --resume {path}")?;
    }
    writeln!(out, "next: minigpt generate {path} --prompt \"...\"")
}

fn write_figures(
    name: &str,
    figures: Option<Figures>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let Some(figures) = figures else { return Ok(()) };
    writeln!(
        out,
        "{name} validation (step {}): loss {:.4}, token perplexity {:.2}, word perplexity {:.1}, {:.3} bits per byte",
        figures.step,
        figures.loss,
        figures.token_perplexity,
        figures.word_perplexity,
        figures.bits_per_byte,
    )
}
