//! The devices, and whether the GPU that `auto` takes computes what the processor does.

use std::time::Duration;

use minigpt_train::{DeviceTrace, Difference};

use super::limited::{Unfinished, within};
use super::{Check, program};
use crate::device::{Adapter, DeviceChoice, Kind, adapters, best};

/// Drivers that are asked what they drive answer in a second.
const LIST: Duration = Duration::from_secs(20);

/// A card tries out its kernels in seconds.
const COMPARE: Duration = Duration::from_secs(90);

pub(super) fn checks(progress: &mut dyn FnMut(&str)) -> Vec<Check> {
    let found = match within(LIST, adapters) {
        Ok(found) => found,
        Err(unfinished) => {
            let found = match unfinished {
                Unfinished::Late => format!("the graphics drivers did not answer in {LIST:?}"),
                Unfinished::Broken(reason) => format!("the graphics drivers broke: {reason}"),
            };
            return vec![Check::problem(
                "devices",
                found,
                "use --device cpu, or reinstall the driver",
            )];
        }
    };
    let Some(adapter) = best(&found) else { return vec![no_gpu(&found)] };
    let listed = Check::ok("devices", format!("cpu, {}", names(&found)));
    progress(&format!("{} against the processor", adapter.name));
    vec![listed, compared(adapter.number)]
}

fn no_gpu(found: &[Adapter]) -> Check {
    if found.is_empty() {
        return Check::note(
            "devices",
            "cpu",
            format!("{}; --device auto takes the cpu", program::why_no_gpu()),
        );
    }
    let means = "only a software GPU was found: --device auto takes the cpu, which is faster";
    Check::note("devices", format!("cpu, {}", names(found)), means)
}

fn names(found: &[Adapter]) -> String {
    let name = |adapter: &Adapter| {
        let kind = if adapter.kind == Kind::Software { ", software" } else { "" };
        format!("gpu:{} {} ({}{kind})", adapter.number, adapter.name, adapter.api)
    };
    found.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Compares the GPU with the processor, as `minigpt devices --check` does.
fn compared(number: usize) -> Check {
    const NAME: &str = "device check";
    let flag = DeviceChoice::GpuNumber(number);
    let again = format!("minigpt devices --check {flag} says more; or use --device cpu");
    let device = flag.clone();
    let differences = within(COMPARE, move || -> Result<Vec<Difference>, String> {
        let trace = |choice: &DeviceChoice| -> anyhow::Result<DeviceTrace> {
            Ok(DeviceTrace::of(&choice.resolve()?.device, &mut |_| ())?)
        };
        let found = trace(&device).map_err(|error| format!("{error:#}"))?;
        let expected = trace(&DeviceChoice::Cpu).map_err(|error| format!("{error:#}"))?;
        Ok(found.differences(&expected))
    });
    match differences {
        Ok(Ok(differences)) if differences.iter().all(Difference::is_within) => {
            Check::ok(NAME, format!("{flag} computes what the processor does"))
        }
        Ok(Ok(_)) => {
            Check::problem(NAME, format!("{flag} gives other results than the processor"), again)
        }
        Ok(Err(reason)) | Err(Unfinished::Broken(reason)) => {
            Check::problem(NAME, format!("{flag}: {reason}"), again)
        }
        Err(Unfinished::Late) => {
            Check::note(NAME, format!("{flag} was not done in {COMPARE:?}"), again)
        }
    }
}
