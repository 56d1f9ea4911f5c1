//! What `train` and `finetune` share: a run from its plan to its report.

pub(crate) mod display;
pub(crate) mod pages;
pub(crate) mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use burn::tensor::Device;
use minigpt_train::{
    End, Environment, Interrupter, Observer, Plan, Preset, RunConfig, RunFolder, RunPlace,
    SampleConfig, Summary, TokenData, TrainError,
};

use self::display::{Display, observer, print_event};
use self::pages::Pages;
use self::report::{describe, report};
use crate::allocator::give_back_freed_memory;
use crate::args::SessionArgs;
use crate::device::machine::machine;
use crate::device::memory;
use crate::terminal::ending::before_ending;
use crate::terminal::output::{print, say};
use crate::terminal::screen::Saved;
use crate::terminal::signals::Signals;

/// Exit code of a run that was stopped by a key.
const INTERRUPTED: u8 = 130;

/// Where a run goes: what was named, or a numbered folder, which is given up again where no run
/// comes into it.
pub(crate) enum Place {
    Named(PathBuf),
    Free(RunPlace),
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Free(place) => place.path(),
        }
    }
}

/// Runs what was planned in the folder `path`, shows it, in a browser too where there are `pages`, and reports what
/// it came to.
pub(crate) fn launch(
    path: &Path,
    plan: &Plan,
    device: &Device,
    session: &SessionArgs,
    pages: Option<Pages>,
    run: impl FnOnce(Interrupter, Observer) -> Result<Summary, TrainError>,
) -> Result<(Summary, ExitCode)> {
    memory::check_run(device, plan.memory.total())?;
    let signals = if session.tui { Signals::listen_in_full_screen()? } else { Signals::listen()? };
    let (terminal, folder) = (session.tui.then(Saved::take).flatten(), path.to_owned());
    let ending = before_ending(move || {
        // First, for it takes a while, in which burn's display would draw on a terminal that is given back.
        let kept = what_is_kept(&folder);
        if let Some(terminal) = terminal {
            terminal.give_back();
        }
        say(kept);
    });
    let _pages = pages.map(|pages| pages.serve(path)).transpose()?;
    let interrupter = Interrupter::new();
    let display = Display::new(plan, session, &interrupter)?;
    let watch = signals.watch(display.stopping());
    let observer = observer(display, &signals, &interrupter);
    let outcome = run(interrupter, observer);
    give_back_freed_memory();
    drop((watch, ending));
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
    if matches!(error, TrainError::Device { .. } | TrainError::DeviceMemory { .. }) {
        say(what_is_kept(path));
    }
}

fn what_is_kept(path: &Path) -> String {
    let checkpoints = RunFolder::open(path).map(|run| run.checkpoints());
    let last = checkpoints.and_then(|checkpoints| checkpoints.last(&mut |_| ()));
    match last {
        Ok(Some(manifest)) => format!(
            "kept: the checkpoint of step {}; go on: minigpt train --resume {} --device cpu",
            manifest.step,
            path.display(),
        ),
        Ok(None) => {
            "kept: no checkpoint, the run had not come to one; --save-every takes them sooner"
                .to_owned()
        }
        Err(error) => format!("kept: unknown, no checkpoint could be looked for: {error}"),
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
    tell(config, &plan, session)
}

/// Says what a run would be and cost.
pub(crate) fn tell(config: &RunConfig, plan: &Plan, session: &SessionArgs) -> Result<()> {
    describe(config, plan);
    if session.json {
        print_event("plan", plan)?;
    }
    Ok(())
}

/// The prompt of samples, unless it is ours and says nothing to the tokenizer, as English to one of Russian
/// characters: then the beginning of the text that is held out.
pub(crate) fn with_fitting_prompt(
    mut config: RunConfig,
    ours: &SampleConfig,
    data: &TokenData,
) -> Result<RunConfig> {
    if config.sample.prompt == ours.prompt {
        let prompt = data.prompt_or_beginning(&ours.prompt, config.model.block_size)?;
        if prompt != ours.prompt {
            say(format_args!(
                "samples: continue {prompt:?}, the beginning of what is held out; {:?} does not fit the tokenizer or the context",
                ours.prompt
            ));
        }
        config.sample.prompt = prompt;
    }
    Ok(config)
}

/// What a run says of where and with what it was made, with the recipe that it started from.
pub(crate) fn environment(device: &str, preset: Option<Preset>) -> Environment {
    Environment {
        minigpt: env!("CARGO_PKG_VERSION").to_owned(),
        burn: env!("MINIGPT_BURN_VERSION").to_owned(),
        git_revision: option_env!("MINIGPT_GIT_REVISION").map(str::to_owned),
        device: device.to_owned(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        command: std::env::args().collect(),
        machine: Some(machine()),
        preset,
    }
}
