//! `minigpt train`.

use std::io::IsTerminal;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_train::{
    Dashboard, End, Environment, Figures, Interrupter, Observer, Plan, Quantity, RunConfig,
    RunFolder, Summary, TokenData, TrainEvent, resume, train,
};
use serde::Serialize;

use crate::args::TrainArgs;
use crate::format::{bytes, duration, grouped};
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
    let chosen = args.device.resolve()?;
    eprintln!("device: {}", chosen.description);
    let data = TokenData::from(&tokens::prepare(&config.data, args.text.cache.as_deref())?);
    let config = with_vocabulary(config, &data);
    let plan = Plan::new(&config, &data)?;
    describe(&config, &plan);
    if args.dry_run {
        if args.json {
            print_event("plan", &plan);
        }
        return Ok(ExitCode::SUCCESS);
    }

    let signals = Signals::listen()?;
    let interrupter = Interrupter::new();
    let observer = observer(&plan, args, &signals, &interrupter)?;
    let (path, summary) = match &args.resume {
        Some(path) => {
            eprintln!("resuming: {}\n", path.display());
            (path.clone(), resume(path, data, &chosen.device, interrupter, observer)?)
        }
        None => {
            let path = match &args.name {
                Some(name) => args.runs.join(name),
                None => free_folder(&args.runs, &args.preset),
            };
            eprintln!("run: {}\n", path.display());
            let environment = environment(&chosen.description);
            let device = &chosen.device;
            let summary = train(&path, &config, &environment, data, device, interrupter, observer)?;
            (path, summary)
        }
    };
    if args.json {
        print_event("summary", &summary);
    } else {
        report(&RunFolder::open(&path)?, &summary);
    }
    Ok(match summary.end {
        End::Interrupted => ExitCode::from(signals.exit_code().unwrap_or(INTERRUPTED)),
        _ => ExitCode::SUCCESS,
    })
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
    eprintln!(
        "tokens: {} training, {} validation, vocabulary {}",
        grouped(plan.train_tokens as u64),
        grouped(plan.valid_tokens as u64),
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
        grouped(plan.length.total_steps as u64),
        config.training.batch_size,
        grouped(plan.length.steps_per_pass as u64),
        grouped(plan.length.eval_every as u64),
    );
    eprintln!(
        "cost: about {} of memory ({} for weights and optimiser), {:.1} TFLOP of work",
        bytes(plan.memory.total()),
        bytes(plan.memory.state),
        plan.operations / 1e12,
    );
    eprintln!("expected first loss: {:.3}, ln of the vocabulary", plan.first_loss);
}

/// Shows the events of a run, and passes a signal on to it between two of them.
fn observer(
    plan: &Plan,
    args: &TrainArgs,
    signals: &Signals,
    interrupter: &Interrupter,
) -> Result<Observer> {
    if args.tui {
        return full_screen(plan, interrupter);
    }
    let mut progress = TrainProgress::new(plan.length);
    let (signals, interrupter, json) = (signals.clone(), interrupter.clone(), args.json);
    Ok(Box::new(move |event: TrainEvent| {
        if json {
            print_line(&event);
        }
        progress.show(event);
        if signals.exit_code().is_some() && !interrupter.should_stop() {
            progress.line("stopping after this step, with a checkpoint; once more leaves at once");
            interrupter.stop(Some("interrupted"));
        }
    }))
}

/// burn's display, in which keys take the place of signals.
fn full_screen(plan: &Plan, interrupter: &Interrupter) -> Result<Observer> {
    ensure!(std::io::stdout().is_terminal(), "--tui: standard output is no terminal: leave it out");
    let mut dashboard = Dashboard::new(plan.length, interrupter.clone());
    Ok(Box::new(move |event: TrainEvent| {
        let shown = std::panic::catch_unwind(AssertUnwindSafe(|| dashboard.show(&event)));
        if shown.is_err() {
            // The user chose to leave at once, which burn's display does by a panic.
            std::process::exit(INTERRUPTED.into());
        }
    }))
}

/// An object with its name as the events of the run have theirs.
fn print_event(event: &'static str, content: &impl Serialize) {
    #[derive(Serialize)]
    struct Named<'a, T> {
        event: &'static str,
        #[serde(flatten)]
        content: &'a T,
    }
    print_line(&Named { event, content });
}

/// A line of JSON on standard output. A reader that went away does not end a run.
fn print_line(line: &impl Serialize) {
    let mut out = std::io::stdout().lock();
    let _ = serde_json::to_writer(&mut out, line);
    let _ = std::io::Write::write_all(&mut out, b"\n");
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

fn report(folder: &RunFolder, summary: &Summary) {
    let end = match summary.end {
        End::Complete => "done",
        End::OutOfTime => "out of time",
        End::Patience => "no better validation for a while: ended",
        End::Interrupted => "interrupted",
    };
    let (steps, took) = (grouped(summary.steps as u64), duration(summary.seconds));
    println!("\n{end} after {steps} steps in {took}");
    print_figures("last", summary.last);
    if summary.best != summary.last {
        print_figures("best", summary.best);
    }
    print_figures("averaged weights' last", summary.average);
    for (index, sample) in summary.samples.iter().enumerate() {
        println!("\nsample {}:\n  {}", index + 1, sample.replace('\n', "\n  "));
    }
    let path = folder.path().display();
    println!("\nloss curves: {}", folder.plot_path(Quantity::Loss).display());
    if matches!(summary.end, End::Interrupted | End::OutOfTime) {
        println!("go on: minigpt train --resume {path}");
    }
    println!("next: minigpt generate {path} --prompt \"...\"");
}

fn print_figures(name: &str, figures: Option<Figures>) {
    let Some(figures) = figures else { return };
    println!(
        "{name} validation (step {}): loss {:.4}, token perplexity {:.2}, word perplexity {:.1}, {:.3} bits per byte",
        figures.step,
        figures.loss,
        figures.token_perplexity,
        figures.word_perplexity,
        figures.bits_per_byte,
    );
}
