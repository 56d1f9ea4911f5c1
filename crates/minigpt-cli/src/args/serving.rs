//! What `minigpt serve` is told.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use minigpt_data::ModelSource;
use minigpt_model::CacheType;

use super::generation::{WeightsChoice, cache_type};
use crate::device::{DEVICE_HELP, DeviceChoice};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt serve                                          the newest run, for this machine alone
  minigpt serve SmolLM2-135M-Instruct.Q8_0.gguf runs/austen
  minigpt serve hf:HuggingFaceTB/SmolLM2-135M-Instruct --index minigpt.index
  minigpt serve base.gguf --adapter letters=runs/letters/adapter --adapter poems=poems
  MINIGPT_API_KEY=secret minigpt serve --listen 0.0.0.0:8080 --allow-host den.local

A browser then shows the pages at that address, and programs use OpenAI's API there:
  curl http://127.0.0.1:8080/v1/models
  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\
    -d '{\"model\": \"austen\", \"prompt\": \"It was\", \"max_tokens\": 50}'
/openapi.json describes all addresses, and /metrics counts requests and tokens for Prometheus.

Traffic is not encrypted: use a tunnel or a proxy across a network that you do not trust.

Exit codes: 1 an error, 2 a wrong command line, 130 after Ctrl-C, 143 after SIGTERM, 129 after the
end of the terminal. A stopping server gives unfinished answers ten seconds.")]
pub(crate) struct ServeArgs {
    /// Run folders, models' folders in Hugging Face's layout, their GGUF files or nanoGPT's .pt, or
    /// hf:OWNER/MODEL[/FILE.gguf]; clients name each model by its file or folder, without the ending
    /// [default: the newest run in --runs]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<ModelSource>,
    /// Serve a LoRA adapter in PEFT's layout as a model called NAME. Its base is the served MODEL, or else the only served
    /// model that it fits; on the processor both share the base's weights. May be given several times
    #[arg(long = "adapter", value_name = "NAME=FOLDER[@MODEL]")]
    pub(crate) adapters: Vec<NamedAdapter>,
    /// Address to listen at; port 0 means any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// Secret that clients must know, as `Authorization: Bearer KEY`; required if other machines can reach the address
    #[arg(long, value_name = "KEY", env = "MINIGPT_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// Host name that clients may use for the server, besides localhost and its own address; may be given several times
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allowed_hosts: Vec<String>,
    /// Origin whose pages may call the server from a browser, such as `https://chat.example`; * allows all. May be
    /// given several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allowed_origins: Vec<String>,
    /// Index made by `minigpt index`; passages for questions come from it
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<PathBuf>,
    /// Folder of the runs that the pages show
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Texts that are generated together, in one batch
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) batch: u32,
    /// Texts that may wait for a place in the batch; more are refused with status 429
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=65536))]
    pub(crate) waiting: u32,
    /// Most tokens of a text, even if its request asks for more
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: u32,
    /// Most seconds that a text may take, waiting included
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub(crate) time_limit: u32,
    /// Type of the weights on a processor: auto (as they are stored), f32, f16, bf16, q8_0, q4_0 or q4_1
    #[arg(long, value_name = "TYPE", default_value = "auto")]
    pub(crate) weights: WeightsChoice,
    /// Type of the key-value cache on a processor: f32, f16 or bf16
    #[arg(long, value_name = "TYPE", default_value_t, value_parser = cache_type)]
    pub(crate) cache_type: CacheType,
    #[arg(long, help = DEVICE_HELP, default_value = "auto")]
    pub(crate) device: DeviceChoice,
}

/// An adapter and the name that it is asked by.
#[derive(Clone, Debug)]
pub(crate) struct NamedAdapter {
    pub(crate) name: String,
    /// With the name of its base behind an `@`, where that is given.
    pub(crate) folder: PathBuf,
}

impl FromStr for NamedAdapter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
                Ok(Self { name: name.to_owned(), folder: PathBuf::from(folder) })
            }
            _ => Err("expected NAME=FOLDER or NAME=FOLDER@MODEL, as letters=runs/letters/adapter"
                .to_owned()),
        }
    }
}
