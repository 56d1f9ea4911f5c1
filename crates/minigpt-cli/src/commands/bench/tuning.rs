//! How fast a model of a file is tuned: all its weights, or an adapter beside them.

use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use minigpt_data::ModelSource;
use minigpt_model::LoraConfig;
use minigpt_train::time_tuning;

use super::{Report, WARM_UP, Watch, timed_step};
use crate::args::{BenchArgs, WeightsChoice};
use crate::load::frozen;
use crate::load::model::TrainedModel;

/// Rows of a step, and tokens of a row.
const BATCH: usize = 4;
const CONTEXT: usize = 256;

pub(super) fn run(args: &BenchArgs, source: &ModelSource) -> Result<Report> {
    let device = args.device.resolve()?.device;
    let lora = args.lora.map(|rank| LoraConfig {
        targets: args.lora_targets.clone().unwrap_or_else(|| vec!["all-linear".to_owned()]),
        ..LoraConfig::new(rank)
    });
    let step = timed_step(args, args.batch.unwrap_or(BATCH), &device);
    let tuned = device.clone().autodiff();
    let model = match &lora {
        Some(lora) => {
            let weights = args.weights.unwrap_or(WeightsChoice(None));
            frozen::load(source, false, lora, weights, step.precision, &tuned)?.model
        }
        None => TrainedModel::load_onto(source, false, &tuned)?.model,
    };
    let context = args.context.unwrap_or(CONTEXT);
    let longest = model.block_size();
    ensure!(
        (1..=longest).contains(&context),
        "--context {context}: expected 1 to {longest}, the context of {source}"
    );
    let all = model.config().parameter_counts().total();
    let parameters = lora.as_ref().map_or(all, |lora| lora.parameters(model.config()));
    let steps = args.steps.unwrap_or(6) + WARM_UP;
    let mut watch = Watch::default();
    time_tuning(model, lora.as_ref(), step, context, steps, |seconds| {
        watch.step(seconds);
        ControlFlow::Continue(())
    })?;
    Ok(Report::new(parameters, &watch, step.batch_size * context))
}
