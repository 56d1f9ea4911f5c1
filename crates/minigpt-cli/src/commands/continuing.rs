//! `minigpt train --continue`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use anyhow::{Result, anyhow, ensure};
use minigpt_train::{
    Continuation, Decay, More, Plan, Preset, Rates, RunConfig, RunFolder, RunPlace, TokenData,
    TrainError, Trainer,
};

use crate::args::{ContinueArgs, TrainArgs};
use crate::commands::finetune::{self, Material};
use crate::commands::session::display::print_event;
use crate::commands::session::pages::Pages;
use crate::commands::session::report::describe;
use crate::commands::session::{Place, environment, launch};
use crate::device::{leave_workers, precision, resolve_all};
use crate::load::{settings, tokens};
use crate::terminal::format::{duration, grouped};
use crate::terminal::output::say;

/// Goes on after the end of the run that is named, by its folder or by that of one of its checkpoints.
pub(crate) fn run(args: &TrainArgs, named: &Path) -> Result<ExitCode> {
    let session = &args.session;
    let (run, from_step) = which(named, args.continuing.from_step)?;
    let runs = run.path().parent().unwrap_or(Path::new("")).to_owned();
    let new = args.name.as_deref().map(|name| settings::named_run(&runs, name)).transpose()?;
    let config = settings::of_continued(run.config()?, &args.recipe)?;
    let begun_from = run.environment().ok().and_then(|environment| environment.preset);
    let is_tuned = config.finetune.is_some();
    ensure!(
        args.devices.is_empty() || !is_tuned,
        "--devices: fine-tuning takes one device: name it by --device"
    );
    let pages = session.serve.as_deref().map(Pages::at).transpose()?;
    let chosen = match args.devices.as_slice() {
        [] => resolve_all(slice::from_ref(&session.device))?,
        several => resolve_all(several)?,
    };
    say(format_args!("device: {}", chosen.description));
    let device = &chosen.main;
    // What it completes is complete in the run's own file.
    let mut read = config.clone();
    precision::apply(None, &mut read, device);
    let cache = args.text.cache.as_deref();
    let Material { data, held_out } = match is_tuned {
        true => finetune::read(&mut read, &run.tokenizer()?, cache)?,
        false => {
            let data = TokenData::from(&tokens::prepare(&read.data, cache)?);
            Material { data, held_out: None }
        }
    };
    let mut damaged = |error| say(format_args!("warning: {error}"));
    let more = more(&args.continuing);
    let continuation = Continuation::new(run, config, &data, more, from_step, &mut damaged)
        .map_err(|error| match error {
            TrainError::TooManySteps { .. } => anyhow!("{}: {error}", as_typed(&args.continuing)),
            error => error.into(),
        })?;
    let config = continuation.config();
    let plan = Plan::of_continued(&continuation, &data, device)?;
    describe(config, &plan);
    say(going_on(&continuation));
    say(format_args!("learning rate: {}", rates(&continuation.rates, continuation.from_step)));
    if session.dry_run {
        if session.json {
            print_event("continuation", &continuation)?;
            print_event("plan", &plan)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let place = match new {
        Some(path) => Place::Named(path),
        None => Place::Free(RunPlace::first_free(&runs, &continuation.base_name())?),
    };
    let path = place.path();
    let (summary, code) = launch(path, &plan, device, session, pages, |interrupter, observer| {
        say(format_args!("run: {}\n", path.display()));
        let devices = chosen.devices.clone();
        let trainer = Trainer { folder: path, data, devices, interrupter, observer };
        let preset = begun_from.and_then(|preset| of_continued(&preset.name, config));
        let outcome = trainer.go_on(&continuation, &environment(&chosen.description, preset));
        leave_workers();
        outcome
    })?;
    if is_tuned {
        let comparison = finetune::Comparison::default();
        finetune::report(path, config, held_out, &summary, &comparison, device, session)?;
    }
    Ok(code)
}

/// What the preset of the first run says otherwise than `config`; nothing where this minigpt does not know it.
fn of_continued(name: &str, config: &RunConfig) -> Option<Preset> {
    let preset = match name {
        finetune::RECIPE => finetune::recipe(config),
        name => RunConfig::preset(name).ok()?,
    };
    Some(Preset::new(name, &preset, config))
}

/// The run, and the step of the checkpoint where one is named.
fn which(named: &Path, from_step: Option<usize>) -> Result<(RunFolder, Option<usize>)> {
    if let Some((run, step)) = RunFolder::of_checkpoint(named) {
        ensure!(
            from_step.is_none_or(|from_step| from_step == step),
            "--from-step {}: {} is already the checkpoint of step {step}: leave the option out",
            from_step.unwrap_or(step),
            named.display()
        );
        return Ok((run, Some(step)));
    }
    // A folder that is named as . or .. has its name elsewhere.
    let path: PathBuf = match named.file_name() {
        Some(_) => named.to_owned(),
        None => fs_err::canonicalize(named)?,
    };
    Ok((RunFolder::open(&path)?, from_step))
}

/// By how much; the command line has one of them.
fn more(args: &ContinueArgs) -> More {
    match args {
        ContinueArgs { more_epochs: Some(passes), .. } => More::Epochs(*passes as usize),
        ContinueArgs { more_minutes: Some(minutes), .. } => More::Minutes(*minutes),
        ContinueArgs { more_steps, .. } => More::Steps(more_steps.unwrap_or(1) as usize),
    }
}

/// The option that says by how much.
fn as_typed(args: &ContinueArgs) -> String {
    match args {
        ContinueArgs { more_epochs: Some(passes), .. } => format!("--more-epochs {passes}"),
        ContinueArgs { more_minutes: Some(minutes), .. } => format!("--more-minutes {minutes}"),
        ContinueArgs { more_steps, .. } => format!("--more-steps {}", more_steps.unwrap_or(1)),
    }
}

/// What is continued, from where, and for how long.
fn going_on(continuation: &Continuation) -> String {
    let Continuation { run, after, from_step, total_steps, seconds, .. } = continuation;
    let from = match from_step < after {
        true => format!(
            "after its {}, from the checkpoint of step {} before its learning rate fell",
            in_steps(*after),
            grouped(*from_step as u64)
        ),
        false => format!("from the checkpoint of step {}", grouped(*from_step as u64)),
    };
    let pace = seconds.map(|seconds| format!(", about {} at its pace", duration(seconds)));
    format!(
        "continuing: {run} {from}: {} up to step {}{}",
        in_steps(total_steps - from_step),
        grouped(*total_steps as u64),
        pace.unwrap_or_default()
    )
}

/// How the learning rate moves after `from_step` steps.
fn rates(rates: &Rates, from_step: usize) -> String {
    let Rates { as_planned, before, peak, warmup_steps, decay, falls_after, last } = rates;
    let begins = match warmup_steps {
        0 => format!("{peak:.2e}"),
        steps if before <= peak => {
            format!("rises from {before:.2e} to {peak:.2e} over {}", in_steps(*steps))
        }
        steps => {
            format!("falls from {before:.2e} to {peak:.2e} over {}", in_steps(*steps))
        }
    };
    let way = match decay {
        Decay::Cosine => "along a cosine",
        _ => "along a line",
    };
    let ends = match falls_after {
        Some(steps) if *steps <= from_step => format!(", falling {way} to {last:.2e}"),
        Some(steps) => {
            format!(", after step {} falling {way} to {last:.2e}", grouped(*steps as u64))
        }
        None => " to the end".to_owned(),
    };
    let planned = if *as_planned { ": as in a run planned so from its start" } else { "" };
    format!("{begins}{ends}{planned}")
}

fn in_steps(steps: usize) -> String {
    format!("{} step{}", grouped(steps as u64), if steps == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
