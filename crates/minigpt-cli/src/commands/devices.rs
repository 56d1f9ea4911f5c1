//! `minigpt devices`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{DeviceTrace, Difference};
use serde::Serialize;

use crate::args::DevicesArgs;
use crate::device::{Adapter, DeviceChoice, WHY_NONE, adapters, best, cpu_description};
use crate::terminal::format::bytes;
use crate::terminal::output::{print, say};
use crate::terminal::table;

pub(crate) fn run(args: &DevicesArgs) -> Result<ExitCode> {
    if let Some(choice) = &args.check {
        return check(choice, args.json);
    }
    let adapters = adapters();
    if args.json {
        let json = serde_json::to_string_pretty(&listed(&adapters))?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| list(&adapters, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A device as `--json` lists it.
#[derive(Serialize)]
struct Listed<'a> {
    /// What `--device` calls it.
    device: String,
    /// Its name, where it is no adapter, which has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    adapter: Option<&'a Adapter>,
}

/// The processor, and the adapters in the order of their numbers.
fn listed(adapters: &[Adapter]) -> Vec<Listed<'_>> {
    let cpu = Listed { device: "cpu".to_owned(), name: Some(cpu_description()), adapter: None };
    let adapters = adapters.iter().map(|adapter| Listed {
        device: format!("gpu:{}", adapter.number),
        name: None,
        adapter: Some(adapter),
    });
    std::iter::once(cpu).chain(adapters).collect()
}

/// Compares a device with the processor.
fn check(choice: &DeviceChoice, is_json: bool) -> Result<ExitCode> {
    let chosen = choice.resolve()?;
    say(format_args!("device: {}", chosen.description));
    let found = DeviceTrace::of(&chosen.device, &mut |what| {
        say(format_args!("on the device: {what}"));
    })?;
    let expected = DeviceTrace::of(&DeviceChoice::Cpu.resolve()?.device, &mut |what| {
        say(format_args!("on the processor: {what}"));
    })?;
    let differences = found.differences(&expected);
    let is_right = differences.iter().all(Difference::is_within);
    print(|out| {
        if is_json {
            serde_json::to_writer_pretty(&mut *out, &differences)?;
            return writeln!(out);
        }
        write!(out, "{}", in_words(&differences))?;
        match is_right {
            true => writeln!(out, "the device computes what the processor does"),
            false => writeln!(
                out,
                "the device computes something else: try MINIGPT_PLAIN_GPU=1, another driver, or --device cpu"
            ),
        }
    })?;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(differences: &[Difference]) -> String {
    let mut rows = vec![["", "difference", "at most", ""].map(str::to_owned).to_vec()];
    for difference in differences {
        let verdict = if difference.is_within() { "" } else { "WRONG" };
        rows.push(vec![
            difference.what.clone(),
            format!("{:.1e}", difference.difference),
            format!("{:.0e}", difference.tolerance),
            verdict.to_owned(),
        ]);
    }
    table::text(&rows)
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
