//! `minigpt train --minutes`: a model and a recipe for this text, this machine and so much time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use burn::tensor::Device;
use minigpt_data::TokenStore;
use minigpt_train::{Budget, Proposal, RunConfig, Workload};

use crate::args::TrainArgs;
use crate::commands::plan::{describe, memory_of, shape, tokenized};
use crate::load::settings;
use crate::terminal::output::say;

/// What a measurement may take, a part of the time and at least some seconds; there are up to three.
const MEASURED: (f64, f64) = (0.005, 1.0);

/// What is left for the samples, pictures and the last checkpoint: seconds, and a part of the time.
const AFTER: (f64, f64) = (2.0, 0.02);

/// The part by which a run may be longer than it was asked to be, when other programs slow it.
const LATE: f64 = 0.05;

/// The shortest time, in minutes: reading, measuring and writing take seconds.
const SHORTEST: f64 = 0.25;

/// Chooses, says what and why, and gives the tokens. `began` is when the command did.
pub(super) fn choose(
    args: &TrainArgs,
    minutes: f64,
    began: Instant,
    device: &Device,
    config: &mut RunConfig,
) -> Result<TokenStore> {
    ensure!(
        minutes.is_finite() && minutes >= SHORTEST,
        "--minutes {minutes}: expected a number of at least {SHORTEST}"
    );
    let store = tokenized(config, &args.text)?;
    let seconds = 60.0 * minutes;
    let (after, part) = AFTER;
    let left = |began: Instant| seconds * (1.0 - part) - after - began.elapsed().as_secs_f64();
    let measured_for = (MEASURED.0 * seconds).max(MEASURED.1);
    let budget = Budget {
        seconds: Some((left(began) - 3.0 * measured_for).max(1.0)),
        memory: memory_of(device),
        ..Budget::default()
    };
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
    let proposal = Proposal::new(budget, &workload, |model| {
        say(format_args!("measuring: {}", shape(model)));
    })?;
    let mut lines = Vec::new();
    describe(&proposal, config, &store, &mut lines)?;
    say(format_args!("\n{}", String::from_utf8_lossy(&lines)));
    let mut chosen = proposal.applied_to(config.clone());
    // Where the machine is slower than it was when it was measured.
    chosen.training.max_minutes = Some((left(began) + LATE * seconds) / 60.0);
    *config = settings::of_chosen(chosen, args)?;
    Ok(store)
}
