//! `minigpt devices`.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::DevicesArgs;
use crate::device::{adapters, cpu_description};

pub(crate) fn run(args: &DevicesArgs) -> Result<ExitCode> {
    let adapters = adapters();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&adapters)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("cpu           {}", cpu_description());
    for adapter in &adapters {
        let kind = format!("{:?}", adapter.kind).to_lowercase();
        let flag = format!("gpu:{}", adapter.number);
        println!("{flag:<13} {} ({kind}, {}, {})", adapter.name, adapter.api, adapter.driver);
    }
    if adapters.is_empty() {
        println!("no graphics adapter found; --device auto takes the cpu");
    }
    Ok(ExitCode::SUCCESS)
}
