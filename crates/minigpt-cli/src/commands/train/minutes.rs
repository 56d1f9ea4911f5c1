//! `minigpt train --minutes`: a model and a recipe for this text, this machine and so much time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use burn::tensor::Device;
use minigpt_data::TokenStore;
use minigpt_train::{Budget, Proposal, RunConfig, Workload};
use serde::Serialize;
use serde_json::Value;

use crate::args::TrainArgs;
use crate::commands::plan::{describe, measuring, memory_of, proposed};
use crate::commands::session::display::print_event;
use crate::load::settings;
use crate::terminal::format::duration;
use crate::terminal::output::say;

/// What a measurement may take, a part of the time and at least some seconds; there are up to three for each vocabulary.
const MEASURED: (f64, f64) = (0.005, 1.0);

/// What is left for the samples, pictures and the last checkpoint: seconds, and a part of the time.
const AFTER: (f64, f64) = (2.0, 0.02);

/// The part by which a run may be longer than it was asked to be, when other programs slow it.
const LATE: f64 = 0.05;

/// Seconds of training below which nothing is learnt.
const LEAST: f64 = 3.0;

/// What the time was reckoned with, and nobody else may change.
const CHOSEN: [&str; 10] = [
    "model.n_layer",
    "model.n_head",
    "model.n_embd",
    "model.n_inner",
    "model.block_size",
    "training.batch_size",
    "training.accumulation",
    "training.epochs",
    "training.max_steps",
    "training.max_minutes",
];

/// The shortest time, in minutes: reading, measuring and writing take seconds.
const SHORTEST: f64 = 0.25;

/// The longest, half a year.
const LONGEST: f64 = 262_800.0;

/// Chooses, says what and why, and gives the tokens. `began` is when the command did.
pub(super) fn choose(
    args: &TrainArgs,
    minutes: f64,
    began: Instant,
    device: &Device,
    config: &mut RunConfig,
) -> Result<TokenStore> {
    ensure!(
        (SHORTEST..=LONGEST).contains(&minutes),
        "--minutes {minutes}: expected {SHORTEST} to {LONGEST}"
    );
    let preset = RunConfig::preset(&args.preset)?;
    for setting in &args.recipe.set {
        refuse_chosen(setting.split('=').next().unwrap_or_default().trim())?;
    }
    let seconds = 60.0 * minutes;
    let (after, part) = AFTER;
    let left = || seconds * (1.0 - part) - after - began.elapsed().as_secs_f64();
    let measured_for = (MEASURED.0 * seconds).max(MEASURED.1);
    let (store, proposal) = proposed(config, &args.text, |config, store| {
        let for_training = left() - 3.0 * measured_for;
        ensure!(
            for_training >= LEAST,
            "--minutes {minutes}: reading the text took {} of them, and too little is left: expected more minutes; its \
             tokens are in the cache now, so the same command reaches further",
            duration(began.elapsed().as_secs_f64())
        );
        let memory = memory_of(device);
        let budget = Budget { seconds: Some(for_training), memory, ..Budget::default() };
        let workload = Workload {
            vocab_size: store.tokenizer().vocab_size(),
            train_tokens: store.train().len(),
            valid_tokens: store.valid().len(),
            recipe: config,
            block_size: None,
            model: None,
            device,
            measured_for: Duration::from_secs_f64(measured_for),
        };
        Ok(Proposal::new(budget, &workload, measuring)?)
    })?;
    let mut lines = Vec::new();
    describe(&proposal, config, &store, &mut lines)?;
    say(format_args!("\n{}", String::from_utf8_lossy(&lines)));
    let mut chosen = proposal.applied_to(config.clone());
    // Where the machine is slower than it was when it was measured.
    chosen.training.max_minutes = Some((left() + LATE * seconds).max(1.0) / 60.0);
    let mut before = proposal.applied_to(preset);
    before.data = chosen.data.clone();
    before.training.precision = chosen.training.precision;
    before.training.max_minutes = chosen.training.max_minutes;
    *config = settings::of_chosen(chosen, args)?;
    for (key, value) in changed(&before, config) {
        refuse_chosen(&key)?;
        say(format_args!("your setting: {key} = {value}"));
    }
    if args.session.json {
        print_event("choices", &Choices::new(&proposal, config, &store))?;
    }
    Ok(store)
}

/// The settings, with their values, that are not those of before.
fn changed(before: &RunConfig, config: &RunConfig) -> Vec<(String, Value)> {
    let before = before.settings();
    let settings = config.settings().into_iter();
    settings.filter(|(key, value)| before.get(key) != Some(value)).collect()
}

fn refuse_chosen(key: &str) -> Result<()> {
    ensure!(!CHOSEN.contains(&key), "--minutes chooses {key}: leave one of the two out");
    Ok(())
}

/// The event `choices`: each setting as it was chosen, or as it was given on the command line.
#[derive(Serialize)]
struct Choices {
    tokenizer: String,
    vocab_size: usize,
    n_layer: usize,
    n_head: usize,
    n_embd: usize,
    block_size: usize,
    batch_size: usize,
    accumulation: usize,
    steps: usize,
    passes: f64,
    dropout: f64,
    learning_rate: f64,
    warmup_steps: usize,
    operations_per_second: f64,
    seconds: f64,
}

impl Choices {
    fn new(proposal: &Proposal, config: &RunConfig, store: &TokenStore) -> Self {
        let RunConfig { data, model, training, schedule, .. } = config;
        let &Proposal { steps, passes, operations_per_second, seconds, .. } = proposal;
        Self {
            tokenizer: data.tokenizer.to_string(),
            vocab_size: store.tokenizer().vocab_size(),
            n_layer: model.n_layer,
            n_head: model.n_head,
            n_embd: model.n_embd,
            block_size: model.block_size,
            batch_size: training.batch_size,
            accumulation: training.accumulation,
            steps,
            passes,
            dropout: model.resid_pdrop,
            learning_rate: schedule.learning_rate,
            warmup_steps: schedule.warmup_steps,
            operations_per_second,
            seconds,
        }
    }
}
