//! `minigpt devices`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

use crate::args::DevicesArgs;
use crate::device::{Adapter, WHY_NONE, adapters, best, cpu_description};
use crate::format::bytes;
use crate::output::print;

pub(crate) fn run(args: &DevicesArgs) -> Result<ExitCode> {
    let adapters = adapters();
    if args.json {
        let json = serde_json::to_string_pretty(&adapters)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| list(&adapters, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(adapters: &[Adapter], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "cpu           {}", cpu_description())?;
    for adapter in adapters {
        let kind = format!("{:?}", adapter.kind).to_lowercase();
        let flag = format!("gpu:{}", adapter.number);
        writeln!(
            out,
            "{flag:<13} {} ({kind}, {}, {}; {}; buffers up to {})",
            adapter.name,
            adapter.api,
            adapter.driver,
            adapter.types.join(", "),
            bytes(adapter.max_buffer),
        )?;
    }
    match best(adapters) {
        Some(adapter) => writeln!(out, "--device auto takes gpu:{}", adapter.number),
        None if adapters.is_empty() => {
            writeln!(out, "{WHY_NONE}; --device auto takes the cpu")
        }
        None => writeln!(out, "no GPU but in software; --device auto takes the cpu"),
    }
}
