//! The `minigpt` command: train small language models, see how they work, and run them.
//!
//! For people at a terminal and for scripts. It stands above all other crates, and none needs it: it only turns words
//! into calls, and what comes back into words.
//!
//! ```text
//! command line ─► args (clap) ─► commands ─► load (runs, models, texts) ─► the libraries
//!                                   │  └───► device (auto, cpu, gpu:N, remote:HOST:PORT)
//!                                   ▼
//!                    terminal: progress, tables, colours, signals ─► standard output and error, exit code
//! ```
//!
//! Reading order: [`args`] (what may be said), [`commands`] (a module for each command), [`load`] (from a name to a
//! model), [`device`], [`terminal`] (the only place that prints), [`outputs`] (where files go), [`cache`].
//!
//! Exit codes: 0 done, 1 an error, 2 a wrong command line; a run that was stopped and saved exits with 130 after
//! Ctrl-C, 143 after SIGTERM.
//! Errors of the libraries name settings and files; here they get the flag that sets them.
//!
//! # Example
//!
//! ```text
//! minigpt train --preset tiny --json | tail -1 | jq .best.loss
//! ```

mod allocator;
mod args;
mod cache;
mod commands;
mod device;
mod load;
mod outputs;
mod terminal;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;

use anyhow::Result;
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use minigpt_files::is_caught;
use minigpt_text::Application;
use minigpt_train::{DEVICE_THREAD, TrainError, is_pool_thread};

use crate::args::{Cli, Command};
use crate::commands::generate;
use crate::device::{WORKER_THREAD, lost_worker};
use crate::terminal::output::{NoReader, say, say_error};

fn main() -> ExitCode {
    keep_loaded_state_on_the_host();
    configure_plain_gpu();
    let command = parse().command;
    report_panics_as_errors();
    match catch_unwind(AssertUnwindSafe(|| run(command))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if error.is::<NoReader>() => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let lost = if is_of_device(&error) { lost_worker() } else { None };
            say_error(&lost.unwrap_or(error));
            ExitCode::FAILURE
        }
        Err(_) => {
            match lost_worker() {
                Some(error) => say_error(&error),
                None => {
                    say("error: minigpt broke: RUST_BACKTRACE=1 before the command shows where")
                }
            }
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for. Of two commands that are options of `train`, the tip names these.
fn parse() -> Cli {
    let complete = |mut error: clap::Error| {
        let given = match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(given)) => given.as_str(),
            _ => "",
        };
        let option = match given {
            "resume" => "train --resume",
            "continue" => "train --continue",
            _ => return error,
        };
        let tip = ContextValue::Strings(vec![option.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, tip);
        error
    };
    Cli::try_parse().unwrap_or_else(|error| complete(error).exit())
}

/// Whether it is what burn says of a device that failed, which tells nothing of a worker that is gone.
fn is_of_device(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<TrainError>(), Some(TrainError::Device { .. }))
}

fn run(command: Option<Command>) -> Result<ExitCode> {
    let Some(command) = command else { return commands::topics::introduce() };
    if command.keeps_freed_memory() {
        allocator::keep_freed_memory();
    }
    match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Finetune(args) => commands::finetune::run(&args),
        Command::Classify(args) => commands::classify::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Complete(args) => generate::run_application(Application::Complete, &args),
        Command::Story(args) => generate::run_application(Application::Story, &args),
        Command::Ask(args) => commands::ask::run(&args),
        Command::Index(args) => commands::index::run(&args),
        Command::Repl(args) => commands::repl::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Attention(args) => commands::attention::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Data(command) => commands::data::run(&command),
        Command::Plot(args) => commands::plot::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Track(args) => commands::track::run(&args),
        Command::Devices(args) => commands::devices::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Worker(args) => commands::worker::run(&args),
        Command::Topics(args) => commands::topics::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Manual(args) => commands::completions::run_manual(&args),
    }
}

/// How the names of libraries' threads begin whose panics whoever waits for them is told of: those on which
/// burn drives GPUs, where it tries some things that fail (whether a kernel is worth tuning, by buffers that
/// may be too large), and those of a worker's connections, which anybody may break.
const REPORTING_THREADS: [&str; 2] = ["DSD-", WORKER_THREAD];

/// burn panics where a device is lost or its memory is full: what computes reports that as an error, and
/// the panic itself is printed only where somebody looks for it.
fn report_panics_as_errors() {
    let print = panic::take_hook();
    let main = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        if is_caught() {
            return;
        }
        let thread = thread::current();
        let name = thread.name().unwrap_or_default();
        let is_library = REPORTING_THREADS.iter().any(|start| name.starts_with(start));
        let is_own = thread.id() == main || is_pool_thread();
        let is_reported = is_own || name == DEVICE_THREAD || is_library;
        if !is_reported || std::env::var_os("RUST_BACKTRACE").is_some() {
            print(info);
        }
    }));
}

/// Where `MINIGPT_PLAIN_GPU` asks for it, burn fuses no operations and cubecl takes no autotune results of earlier
/// processes and tries few kernels; to choose none at all is not offered.
fn configure_plain_gpu() {
    if !device::is_plain_gpu() {
        return;
    }
    for (name, value) in [
        ("BURN_FUSION_MAX_EXPLORATIONS", "0"),
        ("CUBECL_AUTOTUNE_CACHE", "off"),
        ("CUBECL_AUTOTUNE_LEVEL", "minimal"),
    ] {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var(name, value) };
    }
}

/// burn places an optimiser's state, when it is loaded, on its default device before it goes to the
/// one that trains; that default is wgpu's, even on a machine without an adapter, unless this says
/// otherwise.
fn keep_loaded_state_on_the_host() {
    if std::env::var_os("BURN_DEVICE").is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var("BURN_DEVICE", "flex") };
    }
}
