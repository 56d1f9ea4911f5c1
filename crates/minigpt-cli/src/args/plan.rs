//! What `minigpt plan` is told.

use std::time::Duration;

use clap::{ArgGroup, Args};
use minigpt_data::Source;
use minigpt_model::GptConfig;

use super::{TextArgs, one_of, quantity};
use crate::device::{DEVICE_HELP, DeviceChoice};

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("budget").required(true).multiple(true).args(["params", "memory", "time", "model"]),
    after_help = "Prints the `minigpt train` command for the plan. Several budgets hold at once: the model has the
requested parameters, or as many as memory and time allow.

Examples:
  minigpt plan --time 30min                              the embedded novels
  minigpt plan --params 124M --data books/ --tokenizer gpt2
  minigpt plan --model mini-llama --time 2h --data notes.txt
  minigpt plan --memory 8GiB --time 12h --data notes.txt --tokenizer bpe:4096 --json"
)]
pub(crate) struct PlanArgs {
    /// Parameters of the model, such as 124M
    #[arg(long, value_name = "COUNT", value_parser = quantity::count)]
    pub(crate) params: Option<u64>,
    #[arg(long, help = one_of("Plan this shape instead of choosing one", &GptConfig::PRESETS), conflicts_with = "params")]
    pub(crate) model: Option<String>,
    /// Memory that training may take, such as 8GiB
    #[arg(long, value_name = "BYTES", value_parser = quantity::bytes)]
    pub(crate) memory: Option<u64>,
    /// Time that training may take, such as 2h
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pub(crate) time: Option<Duration>,
    /// Preset of all other settings, as for `minigpt train`
    #[arg(long, default_value = "austen")]
    pub(crate) preset: String,
    /// The text, as for `minigpt train` [default: the preset's]
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) data: Option<Source>,
    /// Context length of the model in tokens [default: the model's width, at most 1024 and at most the text's tokens]
    #[arg(long)]
    pub(crate) context: Option<usize>,
    /// About how long to measure this machine's speed
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = quantity::duration)]
    pub(crate) measure: Duration,
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) text: TextArgs,
}
