//! What `minigpt train` is told of models to learn from.

use std::path::PathBuf;

use clap::Args;
use minigpt_train::TeacherConfig;

/// Models that are learnt from besides the text.
#[derive(Args, Debug)]
#[command(next_help_heading = "Distillation")]
pub(crate) struct TeachingArgs {
    /// Also learn from these runs' predictions: run folders with the same tokenizer, or checkpoints of them, several with
    /// commas, whose probabilities are averaged
    #[arg(long, value_name = "RUN", value_delimiter = ',')]
    pub(crate) teacher: Vec<PathBuf>,
    /// The teachers' share of the objective, 0 to 1; the text has the rest
    #[arg(long, value_name = "SHARE", requires = "teacher", default_value_t = TeacherConfig::WEIGHT)]
    pub(crate) teacher_weight: f64,
    /// The temperature at which student and teachers are compared
    #[arg(long, value_name = "T", requires = "teacher", default_value_t = TeacherConfig::TEMPERATURE)]
    pub(crate) teacher_temperature: f64,
}
