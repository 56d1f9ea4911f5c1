//! `minigpt train`.

use std::io::Write;
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

use crate::args::{SessionArgs, TrainArgs};
use crate::commands::finetune;
use crate::device::resolve_all;
use crate::format::{bytes, duration, grouped, operations};
use crate::output::{print, say, stdout_is_terminal};
use crate::progress::TrainProgress;
use crate::signals::Signals;
use crate::terminal::let_ctrl_c_through;
use crate::{precision, settings, tokens};

/// Exit code of a run that was stopped by a key.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let session = &args.session;
    let mut config = match &args.resume {
        Some(path) => RunFolder::open(path)?.config()?,
        None => settings::of_train(args)?,
    };
    if let (Some(path), Some(_)) = (&args.resume, &config.finetune) {
        ensure!(
            args.devices.is_empty(),
            "--devices: fine-tuning takes one device: name it by --device"
        );
        return finetune::go_on(path, config, args.text.cache.as_deref(), session);
    }
    let chosen = match args.devices.as_slice() {
        [] => resolve_all(slice::from_ref(&session.device))?,
        several => resolve_all(several)?,
    };
    say(format_args!("device: {}", chosen.description));
    precision::apply(session.precision, &mut config, &chosen.main);
    let data = TokenData::from(&tokens::prepare(&config.data, args.text.cache.as_deref())?);
    let config = with_vocabulary(config, &data);
    let device = &chosen.main;
    if session.dry_run {
        dry_run(args.resume.as_deref(), &config, &data, device, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&config, &data, device)?;
    describe(&config, &plan);
    let path = match (&args.resume, &args.name) {
        (Some(path), _) => path.clone(),
        (None, Some(name)) => args.runs.join(name),
        (None, None) => free_folder(&args.runs, &args.preset),
    };
    let (_, code) = launch(&path, &plan, session, |interrupter, observer| {
        if args.resume.is_some() {
            say(format_args!("resuming: {}\n", path.display()));
            return resume(&path, data, &chosen.devices, interrupter, observer);
        }
        say(format_args!("run: {}\n", path.display()));
        let environment = environment(&chosen.description);
        let devices = &chosen.devices;
        train(&path, &config, &environment, data, devices, interrupter, observer)
    })?;
    if let Some(used) = device.memory_pool_usage() {
        say(format_args!(
            "memory: {} taken on the device, {} expected",
            bytes(used.bytes_reserved),
            bytes(plan.memory.on_device()),
        ));
    }
    Ok(code)
}

/// Runs what was planned in the folder `path`, shows it, and reports what it came to.
pub(crate) fn launch(
    path: &Path,
    plan: &Plan,
    session: &SessionArgs,
    run: impl FnOnce(Interrupter, Observer) -> Result<Summary, TrainError>,
) -> Result<(Summary, ExitCode)> {
    let signals = if session.tui { Signals::listen_in_full_screen()? } else { Signals::listen()? };
    let interrupter = Interrupter::new();
    let display = Display::new(plan, session, &interrupter)?;
    let watch = signals.watch(display.stopping());
    let observer = observer(display, &signals, &interrupter);
    let outcome = run(interrupter, observer);
    drop(watch);
    let summary = outcome.inspect_err(|error| how_to_go_on(path, error))?;
    if session.json {
        print_event("summary", &summary)?;
    } else {
        let folder = RunFolder::open(path)?;
        print(|out| report(&folder, &summary, out))?;
    }
    let code = match summary.end {
        End::Interrupted => ExitCode::from(signals.exit_code().unwrap_or(INTERRUPTED)),
        _ => ExitCode::SUCCESS,
    };
    Ok((summary, code))
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
pub(crate) fn dry_run(
    resumed: Option<&Path>,
    config: &RunConfig,
    data: &TokenData,
    device: &Device,
    session: &SessionArgs,
) -> Result<()> {
    let plan = match resumed {
        Some(path) => {
            let mut damaged = |error| say(format_args!("warning: {error}"));
            Plan::of_resumed(&RunFolder::open(path)?, data, device, &mut damaged)?
        }
        None => Plan::new(config, data, device)?,
    };
    describe(config, &plan);
    if session.json {
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
pub(crate) fn describe(config: &RunConfig, plan: &Plan) {
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
    if plan.trained < counts.total() {
        say(format_args!(
            "adapter: {} parameters trained, {:.2} % of the model's",
            grouped(plan.trained as u64),
            100.0 * plan.trained as f64 / counts.total() as f64,
        ));
    }
    say(format_args!(
        "length: {} steps of {} windows, {} steps a pass, validation every {}",
        grouped(plan.length.total_steps as u64),
        config.training.batch_size,
        grouped(plan.length.steps_per_pass as u64),
        grouped(plan.length.eval_every as u64),
    ));
    say(format_args!(
        "cost: about {} of memory ({} for weights and optimiser), {} of work",
        bytes(plan.memory.total()),
        bytes(plan.memory.state),
        operations(plan.operations),
    ));
    if plan.steps_taken > 0 {
        let left = plan.length.total_steps.saturating_sub(plan.steps_taken);
        let taken = grouped(plan.steps_taken as u64);
        say(format_args!("left: {} steps, after {taken} that were taken", grouped(left as u64)));
    } else if config.finetune.is_none() {
        say(format_args!("expected first loss: {:.3}, ln of the vocabulary", plan.first_loss));
    }
}

/// Shows the events of a run, and passes a signal on to it between two of them.
fn observer(mut display: Display, signals: &Signals, interrupter: &Interrupter) -> Observer {
    let (signals, interrupter) = (signals.clone(), interrupter.clone());
    Box::new(move |event: TrainEvent| {
        display.show(event);
        if signals.exit_code().is_some() && !interrupter.should_stop() {
            interrupter.stop(Some("interrupted"));
        }
    })
}

/// Where the events of a run are shown.
enum Display {
    /// A bar or plain lines on standard error.
    Lines(TrainProgress),
    /// The same, and JSON on standard output.
    Json(TrainProgress),
    /// burn's display.
    FullScreen(Box<Dashboard>),
}

impl Display {
    fn new(plan: &Plan, session: &SessionArgs, interrupter: &Interrupter) -> Result<Self> {
        if session.tui {
            let is_terminal = stdout_is_terminal();
            ensure!(is_terminal, "--tui: standard output is no terminal: leave it out");
            let dashboard = Dashboard::new(plan.length, interrupter.clone());
            let_ctrl_c_through();
            return Ok(Self::FullScreen(Box::new(dashboard)));
        }
        let progress = TrainProgress::new(plan.length);
        Ok(if session.json { Self::Json(progress) } else { Self::Lines(progress) })
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

    /// What tells the user that a signal was heard.
    fn stopping(&self) -> Box<dyn FnOnce() + Send> {
        match self {
            Self::Lines(progress) | Self::Json(progress) => {
                let line = progress.lines();
                Box::new(move || {
                    line("stopping after this step, with a checkpoint; once more leaves at once");
                })
            }
            // It is gone with the step.
            Self::FullScreen(_) => Box::new(|| ()),
        }
    }
}

/// An object with its name as the events of the run have theirs.
pub(crate) fn print_event(event: &'static str, content: &impl Serialize) -> Result<()> {
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
pub(crate) fn free_folder(runs: &Path, preset: &str) -> PathBuf {
    let numbered = (2..).map(|number| runs.join(format!("{preset}-{number}")));
    let mut candidates = std::iter::once(runs.join(preset)).chain(numbered);
    candidates.find(|path| !path.exists()).unwrap_or_else(|| runs.join(preset))
}

pub(crate) fn environment(device: &str) -> Environment {
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
    write_figures("base's", summary.base, out)?;
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
