//! `minigpt train`.

mod minutes;

use std::process::ExitCode;
use std::slice;
use std::time::Instant;

use anyhow::{Error, Result, anyhow, ensure};
use minigpt_train::{
    Plan, Preset, RunConfig, RunFolder, RunPlace, TokenData, TrainError, Trainer, shell_word,
};

use crate::args::TrainArgs;
use crate::commands::session::pages::Pages;
use crate::commands::session::report::describe;
use crate::commands::session::{Place, dry_run, environment, launch, with_fitting_prompt};
use crate::commands::{continuing, finetune};
use crate::device::{leave_workers, precision, resolve_all};
use crate::load::{settings, tokens};
use crate::terminal::format::bytes;
use crate::terminal::output::say;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let done = match &args.continuing.run {
        Some(run) => continuing::run(args, run),
        None => train(args),
    };
    done.map_err(with_command)
}

/// An error with the command that helps, where there is one.
fn with_command(error: Error) -> Error {
    let (path, option, rest) = match error.downcast_ref() {
        Some(TrainError::Complete { path, .. } | TrainError::OutOfPatience { path, .. }) => {
            (path, "--continue", " --more-epochs 1")
        }
        Some(TrainError::NotEnded { path, .. }) => (path, "--resume", ""),
        _ => return error,
    };
    let path = shell_word(&path.display().to_string());
    anyhow!("{error}: minigpt train {option} {path}{rest}")
}

fn train(args: &TrainArgs) -> Result<ExitCode> {
    let began = Instant::now();
    let session = &args.session;
    let named =
        args.name.as_deref().map(|name| settings::named_run(&args.runs, name)).transpose()?;
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
    let pages = session.serve.as_deref().map(Pages::at).transpose()?;
    let chosen = match args.devices.as_slice() {
        [] => resolve_all(slice::from_ref(&session.device))?,
        several => resolve_all(several)?,
    };
    say(format_args!("device: {}", chosen.description));
    precision::apply(session.precision, &mut config, &chosen.main);
    let store = match args.minutes {
        Some(minutes) => minutes::choose(args, minutes, began, &chosen.main, &mut config)?,
        None => tokens::prepare(&config.data, args.text.cache.as_deref())?,
    };
    let data = TokenData::from(&store);
    let ids = data.tokenizer.vocab_size();
    config.model.vocab_size = match &args.resume {
        // The trainer says where its tokenizer is another now.
        Some(_) => config.model.vocab_size.max(ids),
        // Whatever a preset supposes.
        None => settings::vocab_size(args)?.unwrap_or(ids),
    };
    let config = match &args.resume {
        Some(_) => config,
        None => {
            let preset = RunConfig::preset(&args.preset)?.sample;
            with_fitting_prompt(config, &preset, &data)?
        }
    };
    let device = &chosen.main;
    if session.dry_run {
        dry_run(args.resume.as_deref(), &config, &data, device, session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&config, &data, device)?;
    describe(&config, &plan);
    let place = match args.resume.clone().or(named) {
        Some(path) => Place::Named(path),
        None => Place::Free(RunPlace::first_free(&args.runs, &args.preset)?),
    };
    let path = place.path();
    let (_, code) = launch(path, &plan, device, session, pages, |interrupter, observer| {
        let devices = chosen.devices.clone();
        let trainer = Trainer { folder: path, data, devices, interrupter, observer };
        let outcome = if args.resume.is_some() {
            say(format_args!("resuming: {}\n", path.display()));
            trainer.resume()
        } else {
            say(format_args!("run: {}\n", path.display()));
            let preset = RunConfig::preset(&args.preset)?;
            let preset = Preset::new(&args.preset, &preset, &config);
            trainer.train(&config, &environment(&chosen.description, Some(preset)))
        };
        leave_workers();
        outcome
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
