//! `minigpt sweep`.

mod report;
mod trials;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use minigpt_files::{Limit, read_text};
use minigpt_train::{
    Interrupter, Leg, Preset, RunConfig, RunFolder, Standing, Summary, Sweep, SweepFile,
    SweepRecord, TrainError, TrainEvent, Trainer, draw_sweep, has_picture, write_json,
};

use self::trials::Trials;
use crate::args::SweepArgs;
use crate::commands::session::environment;
use crate::device::leave_workers;
use crate::load::settings;
use crate::terminal::format::duration;
use crate::terminal::output::say;
use crate::terminal::progress::TrainProgress;
use crate::terminal::signals::Signals;

/// A sweep's file has some lines for each setting.
const FILE: Limit = Limit::new(1 << 20, "a sweep");

/// A sweep under way.
struct Session<'a> {
    args: &'a SweepArgs,
    sweep: Sweep,
    folder: PathBuf,
    trials: Trials,
    standings: Vec<Standing>,
    /// That each trial has trained.
    seconds: Vec<f64>,
    failed: BTreeMap<String, String>,
}

/// Why no trial follows.
enum Stop {
    Done,
    Budget,
    Signal(u8),
}

pub(crate) fn run(args: &SweepArgs) -> Result<ExitCode> {
    let mut session = Session::begin(args)?;
    let estimate = session.seconds_left()?;
    report::describe(&session.sweep, &session.folder, estimate, session.trials_done());
    if args.dry_run {
        report::dry_run(&session.sweep, estimate, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let signals = Signals::listen()?;
    let stop = session.train(&signals)?;
    leave_workers();
    let record = session.write()?;
    let picture = session.draw(&record)?;
    report::results(&session, &record, picture.as_deref(), &stop)?;
    Ok(match stop {
        Stop::Signal(code) => ExitCode::from(code),
        Stop::Done | Stop::Budget => ExitCode::SUCCESS,
    })
}

impl<'a> Session<'a> {
    /// Checks all trials, tokenizes their texts, and finds which of their runs exist already.
    fn begin(args: &'a SweepArgs) -> Result<Self> {
        let named = || args.file.display().to_string();
        let text = read_text(&args.file, FILE)?;
        let sweep = SweepFile::parse(&text).and_then(Sweep::new).with_context(named)?;
        let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
        let folder =
            settings::named_run(&args.runs, args.name.as_deref().unwrap_or(stem.as_ref()))?;
        let is_run = RunFolder::open(&folder).is_ok();
        ensure!(!is_run, "{} is a run: choose another --name for the sweep", folder.display());
        let trials = Trials::prepare(&sweep, args)?;
        let failed = SweepRecord::failures(&folder)?;
        let (mut standings, mut seconds) = (Vec::new(), Vec::new());
        for (trial, prepared) in sweep.trials().iter().zip(trials.all()) {
            let name = sweep.folder_name(*trial);
            let (standing, took) = Standing::of_run(&folder.join(&name), &prepared.config)?;
            standings.push(Standing { has_failed: failed.contains_key(&name), ..standing });
            seconds.push(took);
        }
        Ok(Self { args, sweep, folder, trials, standings, seconds, failed })
    }

    fn trials_done(&self) -> usize {
        self.standings.iter().filter(|standing| standing.has_ended || standing.has_failed).count()
    }

    /// Seconds of a leg, at the pace of the trials so far or of some steps that are measured now.
    fn seconds_of(&mut self, leg: Leg) -> Result<f64> {
        let pace = self.trials.pace(&self.standings, &self.seconds)?;
        Ok(self.trials.work_left(leg, &self.standings[leg.trial]) * pace)
    }

    /// Seconds of all that is left.
    fn seconds_left(&mut self) -> Result<f64> {
        let pace = self.trials.pace(&self.standings, &self.seconds)?;
        let mut reached = self.standings.clone();
        let mut work = 0.0;
        for leg in self.sweep.legs_left(&self.standings) {
            let total = self.trials.all()[leg.trial].plan.length.total_steps;
            work += self.trials.work_left(leg, &reached[leg.trial]);
            reached[leg.trial].steps = leg.until.unwrap_or(total);
        }
        Ok(work * pace)
    }

    /// Trains leg after leg.
    fn train(&mut self, signals: &Signals) -> Result<Stop> {
        let trials = self.sweep.trials();
        let mut is_first = true;
        while let Some(leg) = self.sweep.next_leg(&self.standings) {
            let (needed, left) = (self.seconds_of(leg)?, self.seconds_left()?);
            let budget = self.sweep.file.budget_minutes.map(|minutes| minutes * 60.0);
            let spent: f64 = self.seconds.iter().sum();
            if budget.is_some_and(|budget| spent >= budget || !is_first && spent + needed > budget)
            {
                return Ok(Stop::Budget);
            }
            is_first = false;
            let trial = trials[leg.trial];
            let name = self.sweep.folder_name(trial);
            let until = leg.until.map(|step| format!(" up to step {step}")).unwrap_or_default();
            say(format_args!(
                "\ntrial {} of {}: {}, seed {}{until}; about {} left of the sweep",
                leg.trial + 1,
                trials.len(),
                self.sweep.settings[trial.setting].in_words(),
                trial.seed,
                duration(budget.map_or(left, |budget| left.min(budget - spent))),
            ));
            match self.leg(leg, &name, signals) {
                Err(
                    error @ (TrainError::NonFinite { .. } | TrainError::NonFiniteValidation { .. }),
                ) => {
                    say(format_args!("warning: {name} ends here: {error}"));
                    self.failed.insert(name.clone(), error.to_string());
                }
                outcome => drop(outcome?),
            }
            let prepared = &self.trials.all()[leg.trial];
            let (standing, took) = Standing::of_run(&self.folder.join(&name), &prepared.config)?;
            let has_failed = self.failed.contains_key(&name);
            self.standings[leg.trial] = Standing { has_failed, ..standing };
            self.seconds[leg.trial] = took;
            self.write()?;
            if let Some(code) = signals.exit_code() {
                return Ok(Stop::Signal(code));
            }
        }
        Ok(Stop::Done)
    }

    /// Trains one trial up to a rung or to its end.
    fn leg(&self, leg: Leg, name: &str, signals: &Signals) -> Result<Summary, TrainError> {
        let prepared = &self.trials.all()[leg.trial];
        let path = self.folder.join(name);
        let interrupter = Interrupter::new();
        let mut progress = TrainProgress::new(prepared.plan.length);
        let lines = progress.lines();
        let _watch = signals.watch(move || {
            lines("stopping after this step, with a checkpoint; once more leaves at once");
        });
        let (stopping, signals) = (interrupter.clone(), signals.clone());
        let observer = Box::new(move |event: TrainEvent| {
            let is_rung = match &event {
                TrainEvent::Validated { row, .. } => leg.until.is_some_and(|step| row.step >= step),
                _ => false,
            };
            // Its folder has them.
            if !matches!(event, TrainEvent::Sample { .. }) {
                progress.show(event);
            }
            if (is_rung || signals.exit_code().is_some()) && !stopping.should_stop() {
                stopping.stop(Some("the sweep stops it"));
            }
        });
        let (data, devices) = (prepared.data.clone(), self.trials.devices().clone());
        let trainer = Trainer { folder: &path, data, devices, interrupter, observer };
        match RunFolder::open(&path) {
            Ok(_) => trainer.resume(),
            Err(_) => {
                let preset = RunConfig::preset(&self.sweep.file.preset)?;
                let preset = Preset::new(&self.sweep.file.preset, &preset, &prepared.config);
                let environment = environment(self.trials.device_name(), Some(preset));
                trainer.train(&prepared.config, &environment)
            }
        }
    }

    /// Writes `sweep.json`.
    fn write(&self) -> Result<SweepRecord> {
        let record = self.sweep.record(&self.standings, &self.seconds, self.failed.clone());
        fs_err::create_dir_all(&self.folder)?;
        write_json(&self.folder.join(SweepRecord::FILE), &record)?;
        Ok(record)
    }

    /// Draws `sweep.png`, where there is something to draw.
    fn draw(&self, record: &SweepRecord) -> Result<Option<PathBuf>> {
        if !has_picture(record) {
            return Ok(None);
        }
        let path = self.folder.join("sweep.png");
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        draw_sweep(record, &name, &path)?;
        Ok(Some(path))
    }
}
