//! What trials cost beside each other.

use crate::config::RunConfig;
use crate::plan::cost::Plan;

/// A validation goes forward alone, which is a third of a step.
const VALIDATION: f64 = 1.0 / 3.0;

/// Floating-point operations of a run from its start to step `until`, or to its end, validations included.
#[must_use]
pub fn work(config: &RunConfig, plan: &Plan, until: Option<usize>) -> f64 {
    let total = plan.length.total_steps.max(1);
    let steps = until.unwrap_or(total).min(total);
    let tokens = (config.training.batch_size * config.model.block_size * total) as f64;
    let validations = steps.div_ceil(plan.length.eval_every.max(1)) as f64;
    let of_steps = plan.operations * steps as f64 / total as f64;
    of_steps + validations * plan.valid_tokens as f64 * plan.operations / tokens * VALIDATION
}
