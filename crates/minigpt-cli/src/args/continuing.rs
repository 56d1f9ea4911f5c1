//! What `minigpt train --continue` is told.

use std::path::PathBuf;

use clap::Args;

/// How a run goes on after its end.
#[derive(Args, Debug)]
#[command(next_help_heading = "Continue a run")]
pub(crate) struct ContinueArgs {
    /// Train this complete run further, in a new run folder that starts with its history. Takes only these other options:
    /// --name, --from-step, --learning-rate, --set schedule.decay=..., --eval-every, --save-every,
    /// --max-minutes, --skip-bad-steps
    #[arg(long = "continue", id = "continue", value_name = "RUN", requires = "more", conflicts_with_all = [
        "preset", "data", "valid", "text_field", "lossy", "separator", "lines", "tokenizer", "model", "runs", "epochs",
        "max_steps", "batch_size", "dropout", "config", "prompt", "seed", "precision", "resume", "teacher",
    ])]
    pub(crate) run: Option<PathBuf>,
    /// With --continue: passes over the training text to add
    #[arg(long, value_name = "PASSES", requires = "continue", group = "more", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) more_epochs: Option<u32>,
    /// With --continue: steps to add
    #[arg(long, value_name = "STEPS", requires = "continue", group = "more", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) more_steps: Option<u32>,
    /// With --continue: minutes to add, converted to steps at the run's pace, validations included
    #[arg(long, value_name = "MINUTES", requires = "continue", group = "more", value_parser = minutes)]
    pub(crate) more_minutes: Option<f64>,
    /// With --continue: start from the checkpoint of this step instead of the run's end
    #[arg(long, value_name = "STEP", requires = "continue")]
    pub(crate) from_step: Option<usize>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| *minutes > 0.0 && minutes.is_finite());
    minutes.ok_or_else(|| "expected a number above 0".to_owned())
}
