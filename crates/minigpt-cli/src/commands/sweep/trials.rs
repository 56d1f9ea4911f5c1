//! The trials of a sweep, ready to be trained: configurations, tokens, and what each costs.

use std::ops::ControlFlow;

use anyhow::Result;
use minigpt_train::{
    DataConfig, Devices, Leg, Plan, RunConfig, Standing, Sweep, TimedStep, TokenData, time_steps,
    work,
};

use crate::args::SweepArgs;
use crate::commands::session::with_fitting_prompt;
use crate::device::{Chosen, memory};
use crate::load::tokens;
use crate::terminal::output::say;

/// Steps that are timed before any trial has been trained; the first is slower than others.
const TIMED_STEPS: usize = 4;

/// A trial before it is trained.
pub(super) struct Prepared {
    pub(super) config: RunConfig,
    pub(super) data: TokenData,
    pub(super) plan: Plan,
}

/// All trials, in the sweep's order.
pub(super) struct Trials {
    trials: Vec<Prepared>,
    device: Chosen,
    devices: Devices,
    /// Seconds of an operation, as it was measured.
    measured: Option<f64>,
}

impl Trials {
    /// Tokenizes the texts and plans every trial, so that none is refused after others were trained.
    pub(super) fn prepare(sweep: &Sweep, args: &SweepArgs) -> Result<Self> {
        let device = args.device.resolve()?;
        say(format_args!("device: {}", device.description));
        let mut texts: Vec<(DataConfig, TokenData)> = Vec::new();
        let mut settings = Vec::new();
        let prompt = RunConfig::preset(&sweep.file.preset)?.sample;
        for setting in &sweep.settings {
            let mut config = setting.config.clone();
            if let Some(choice) = args.precision {
                config.training.precision = choice.resolve(&device.device);
            }
            let known = texts.iter().position(|(text, _)| *text == config.data);
            let text = match known {
                Some(text) => text,
                None => {
                    let store = tokens::prepare(&config.data, args.cache.as_deref())?;
                    texts.push((config.data.clone(), TokenData::from(&store)));
                    texts.len() - 1
                }
            };
            let data = texts[text].1.clone();
            if !sweep.sets(setting, "model.vocab_size") {
                config.model.vocab_size = data.tokenizer.vocab_size();
            }
            let config = with_fitting_prompt(config, &prompt, &data)?;
            let plan = Plan::new(&config, &data, &device.device)?;
            memory::check_run(&device.device, plan.memory.total())?;
            settings.push((config, data, plan));
        }
        let prepared = |trial: &minigpt_train::Trial| {
            let (mut config, data, plan) = settings[trial.setting].clone();
            config.training.seed = trial.seed;
            Prepared { config, data, plan }
        };
        let trials = sweep.trials().iter().map(prepared).collect();
        let devices = Devices::from(&device.device);
        Ok(Self { trials, devices, device, measured: None })
    }

    pub(super) fn all(&self) -> &[Prepared] {
        &self.trials
    }

    pub(super) fn devices(&self) -> &Devices {
        &self.devices
    }

    pub(super) fn device_name(&self) -> &str {
        &self.device.description
    }

    /// Operations of a leg.
    pub(super) fn work_left(&self, leg: Leg, standing: &Standing) -> f64 {
        let Prepared { config, plan, .. } = &self.trials[leg.trial];
        let done = work(config, plan, Some(standing.steps));
        (work(config, plan, leg.until) - done).max(0.0)
    }

    /// Seconds of an operation: those of the trials so far, or of a few steps that are timed once.
    pub(super) fn pace(&mut self, standings: &[Standing], seconds: &[f64]) -> Result<f64> {
        let done: f64 = self
            .trials
            .iter()
            .zip(standings)
            .map(|(trial, standing)| work(&trial.config, &trial.plan, Some(standing.steps)))
            .sum();
        if done > 0.0 {
            return Ok(seconds.iter().sum::<f64>() / done);
        }
        if let Some(measured) = self.measured {
            return Ok(measured);
        }
        say("measuring some steps");
        let Prepared { config, plan, .. } = &self.trials[0];
        let step = TimedStep {
            batch_size: config.training.batch_size,
            gradient_checkpointing: config.training.gradient_checkpointing,
            precision: config.training.precision,
            optimizer: config.optimizer.kind,
        };
        let mut least = f64::INFINITY;
        time_steps(&config.model, step, TIMED_STEPS, &self.device.device, |took| {
            least = least.min(took);
            ControlFlow::Continue(())
        })?;
        let pace = least * plan.length.total_steps as f64 / plan.operations;
        self.measured = Some(pace);
        Ok(pace)
    }
}
