//! Which device computes: the one place where `--device` and `--devices` get their meaning.

#[cfg(any(feature = "remote", test))]
mod gate;
#[cfg_attr(not(feature = "gpu"), path = "device/no_gpu.rs")]
mod gpu;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod precision;
#[cfg(any(feature = "remote", test))]
mod probe;
#[cfg_attr(not(feature = "remote"), path = "device/no_remote.rs")]
mod remote;
#[cfg(any(feature = "remote", test))]
mod silence;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use burn::tensor::Device;
use minigpt_train::Devices;
use serde::Serialize;

/// Why there is no adapter, where there is none.
pub(crate) use gpu::WHY_NONE;
pub(crate) use remote::{leave_workers, lost_worker, serve};

/// What `--device` takes, for its help.
pub(crate) const DEVICE_HELP: &str =
    "auto, cpu, gpu, gpu:N (see `minigpt devices`), gpu:software or remote:HOST:PORT";

/// The same of `minigpt worker`, for burn serves no device of another worker.
pub(crate) const LENT_DEVICE_HELP: &str =
    "What is lent: auto, cpu, gpu, gpu:N (see `minigpt devices`) or gpu:software";

/// The name of the threads on which a worker serves its connections.
pub(crate) const WORKER_THREAD: &str = "minigpt-worker";

/// Turns fusion and the autotune cache of GPUs off, to find out whether they are wrong on a device.
const PLAIN_GPU: &str = "MINIGPT_PLAIN_GPU";

/// Whether GPUs shall compute without fusion and kept autotune results.
pub(crate) fn is_plain_gpu() -> bool {
    std::env::var_os(PLAIN_GPU).is_some_and(|value| !value.is_empty() && value != "0")
}

/// What `--device` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// A real GPU where there is one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The first real GPU.
    Gpu,
    /// The adapter of that number in `minigpt devices`.
    GpuNumber(usize),
    /// An adapter that is no GPU: a driver that computes on the processor.
    GpuSoftware,
    /// What a `minigpt worker` at that address lends.
    Remote(String),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "gpu" => Ok(Self::Gpu),
            Some(("gpu", "software")) => Ok(Self::GpuSoftware),
            Some(("gpu", number)) if number.parse::<usize>().is_ok() => {
                Ok(Self::GpuNumber(number.parse().unwrap_or_default()))
            }
            Some(("remote", address)) if has_port(address) => Ok(Self::Remote(address.to_owned())),
            _ => Err("expected auto, cpu, gpu, gpu:N, gpu:software or remote:HOST:PORT".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu => f.write_str("gpu"),
            Self::GpuNumber(number) => write!(f, "gpu:{number}"),
            Self::GpuSoftware => f.write_str("gpu:software"),
            Self::Remote(address) => write!(f, "remote:{address}"),
        }
    }
}

fn has_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// What an adapter is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only wgpu finds adapters"))]
pub(crate) enum Kind {
    /// A card of its own.
    Discrete,
    /// Shares the processor's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// A driver that computes on the processor.
    Software,
}

/// A graphics adapter that wgpu finds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Adapter {
    /// Its number for `--device gpu:N`.
    pub(crate) number: usize,
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its driver.
    pub(crate) driver: String,
    /// The graphics interface that reaches it.
    pub(crate) api: String,
    /// Bytes that one buffer can have; no interface tells how much memory there is.
    pub(crate) max_buffer: u64,
    /// Types that its kernels can compute with, besides whole numbers of 32 bits.
    pub(crate) types: Vec<&'static str>,
    /// Its place among the adapters of its kind, by which burn knows it.
    #[serde(skip)]
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only wgpu knows places"))]
    place: usize,
}

/// A device that is ready, with the words that tell the user what it is and why it was taken.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) device: Device,
    pub(crate) description: String,
}

impl DeviceChoice {
    /// Finds and starts the device.
    pub(crate) fn resolve(&self) -> Result<Chosen> {
        let adapters = match self {
            Self::Cpu | Self::Remote(_) => Vec::new(),
            _ => adapters(),
        };
        match self {
            Self::Cpu => Ok(cpu("as asked")),
            Self::Auto => Ok(auto(best(&adapters))),
            Self::Gpu | Self::GpuNumber(_) | Self::GpuSoftware if adapters.is_empty() => {
                bail!("--device {self}: {}; use --device cpu", gpu::WHY_NONE)
            }
            Self::Gpu => match best(&adapters) {
                Some(adapter) => start(adapter, "the best GPU found"),
                None => bail!("--device gpu: only software drivers found; use --device cpu"),
            },
            Self::GpuNumber(number) => match adapters.get(*number) {
                Some(adapter) => start(adapter, "as asked"),
                None => bail!(
                    "--device gpu:{number}: found {} adapters, see `minigpt devices`; or use --device cpu",
                    adapters.len()
                ),
            },
            Self::GpuSoftware => match adapters.iter().find(|a| a.kind == Kind::Software) {
                Some(adapter) => start(adapter, "as asked"),
                None => bail!("--device gpu:software: no software driver found; use --device cpu"),
            },
            Self::Remote(address) => Ok(Chosen {
                device: remote::connect(address)?,
                description: format!("the worker at {address} (as asked)"),
            }),
        }
    }
}

/// Devices that share each batch, and the words for all of them.
pub(crate) struct ChosenDevices {
    pub(crate) devices: Devices,
    /// The one that keeps the weights.
    pub(crate) main: Device,
    pub(crate) description: String,
}

/// Finds and starts all of `choices`, each once: the same device may be named twice.
pub(crate) fn resolve_all(choices: &[DeviceChoice]) -> Result<ChosenDevices> {
    let mut started: Vec<(&DeviceChoice, Chosen)> = Vec::new();
    for choice in choices {
        let known = started.iter().find(|(other, _)| *other == choice);
        let chosen = match known {
            Some((_, chosen)) => chosen.clone(),
            None => choice.resolve()?,
        };
        started.push((choice, chosen));
    }
    let description = started.iter().map(|(_, chosen)| chosen.description.as_str());
    let description = description.collect::<Vec<_>>().join(" and ");
    let mut devices = started.into_iter().map(|(_, chosen)| chosen.device);
    let Some(main) = devices.next() else { bail!("--devices: expected at least one device") };
    Ok(ChosenDevices { devices: Devices::new(main.clone(), devices.collect()), main, description })
}

/// The graphics adapters of this machine, in the order of their numbers.
pub(crate) fn adapters() -> Vec<Adapter> {
    gpu::adapters()
}

/// What `auto` takes: the first of the best kind, and never a software driver.
pub(crate) fn best(adapters: &[Adapter]) -> Option<&Adapter> {
    adapters.iter().filter(|adapter| adapter.kind != Kind::Software).min_by_key(|a| a.kind)
}

/// The processor's line in the list of devices.
pub(crate) fn cpu_description() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("CPU, {cores} cores, {}", std::env::consts::ARCH)
}

fn cpu(why: &str) -> Chosen {
    Chosen { device: Device::flex(), description: format!("{} ({why})", cpu_description()) }
}

/// The best GPU, or the processor where there is none or it fails.
fn auto(best: Option<&Adapter>) -> Chosen {
    match best.map(|adapter| start(adapter, "the best GPU found")) {
        Some(Ok(chosen)) => chosen,
        Some(Err(error)) => cpu(&format!("{error:#}")),
        None => cpu(gpu::WHY_NONE),
    }
}

fn start(adapter: &Adapter, why: &str) -> Result<Chosen> {
    let device = gpu::start(adapter)?;
    let kind = match adapter.kind {
        Kind::Discrete | Kind::Integrated | Kind::Virtual => "",
        Kind::Software => "software, ",
    };
    let description = format!("{} ({kind}{}, {why})", adapter.name, adapter.api);
    Ok(Chosen { device, description })
}
