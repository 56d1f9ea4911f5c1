//! The picture of where the loss of an evaluation comes from.

use std::path::Path;

use minigpt_eval::{ContextLoss, EvalReport, FrequencyLoss};
use minigpt_plot::{FrequencyClass, PlotError, PositionLoss, draw_losses};

/// Draws the loss of an evaluation by position in the context and by token frequency.
///
/// # Errors
/// [`PlotError`].
pub fn draw_loss_sources(path: &Path, title: &str, report: &EvalReport) -> Result<(), PlotError> {
    let position = |at: &ContextLoss| {
        let ContextLoss { seen, tokens, loss, deviation } = *at;
        PositionLoss { seen, tokens, loss, deviation }
    };
    let class = |class: &FrequencyLoss| {
        let FrequencyLoss { from, to, tokens, loss, .. } = *class;
        FrequencyClass { from, to, tokens, loss }
    };
    let positions: Vec<PositionLoss> = report.by_context.iter().map(position).collect();
    let classes: Vec<FrequencyClass> = report.by_frequency.iter().map(class).collect();
    draw_losses(path, title, report.evaluation.loss(), &positions, &classes)
}
