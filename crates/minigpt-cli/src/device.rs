//! Which device computes: the one place where `--device` gets its meaning.

use std::str::FromStr;

use anyhow::{Result, bail};
use burn::tensor::Device;
use serde::Serialize;

/// What `--device` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            _ => Err("expected auto, cpu, gpu, gpu:N or gpu:software".to_owned()),
        }
    }
}

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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
    /// Its place among the adapters of its kind, by which burn knows it.
    #[serde(skip)]
    place: usize,
}

/// A device that is ready, with the words that tell the user what it is and why it was taken.
pub(crate) struct Chosen {
    pub(crate) device: Device,
    pub(crate) description: String,
}

impl DeviceChoice {
    /// Finds and starts the device.
    pub(crate) fn resolve(self) -> Result<Chosen> {
        if self == Self::Cpu {
            return Ok(cpu("as asked"));
        }
        let adapters = gpu::adapters();
        let software = |adapter: &&Adapter| adapter.kind == Kind::Software;
        let best =
            adapters.iter().filter(|adapter| !software(adapter)).min_by_key(|a| a.kind as u8);
        match self {
            Self::Cpu => Ok(cpu("as asked")),
            Self::Auto => match best {
                Some(adapter) => start(adapter, "the best GPU found"),
                None => Ok(cpu(gpu::WHY_NONE)),
            },
            Self::Gpu => match best {
                Some(adapter) => start(adapter, "the best GPU found"),
                None => bail!("--device gpu: {}; use --device cpu", gpu::WHY_NONE),
            },
            Self::GpuNumber(number) => match adapters.get(number) {
                Some(adapter) => start(adapter, "as asked"),
                None => bail!(
                    "--device gpu:{number}: found {} adapters, see `minigpt devices`; or use --device cpu",
                    adapters.len()
                ),
            },
            Self::GpuSoftware => match adapters.iter().find(software) {
                Some(adapter) => start(adapter, "as asked"),
                None => bail!("--device gpu:software: no software driver found; use --device cpu"),
            },
        }
    }
}

/// The graphics adapters of this machine, in the order of their numbers.
pub(crate) fn adapters() -> Vec<Adapter> {
    gpu::adapters()
}

/// The processor's line in the list of devices.
pub(crate) fn cpu_description() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("CPU, {cores} cores, {}", std::env::consts::ARCH)
}

fn cpu(why: &str) -> Chosen {
    Chosen { device: Device::flex(), description: format!("{} ({why})", cpu_description()) }
}

fn start(adapter: &Adapter, why: &str) -> Result<Chosen> {
    let device = gpu::start(adapter)?;
    let description = format!("{} ({}, {why})", adapter.name, adapter.api);
    Ok(Chosen { device, description })
}

#[cfg(feature = "gpu")]
mod gpu {
    use anyhow::{Result, anyhow};
    use burn::tensor::wgpu::wgpu;
    use burn::tensor::{Device, DeviceKind};

    use super::{Adapter, Kind};

    pub(super) const WHY_NONE: &str = "no GPU found";

    /// The order in which burn's wgpu runtime tries the graphics interfaces.
    #[cfg(target_os = "macos")]
    const APIS: &[wgpu::Backend] = &[wgpu::Backend::Metal];
    #[cfg(not(target_os = "macos"))]
    const APIS: &[wgpu::Backend] = &[wgpu::Backend::Vulkan, wgpu::Backend::Dx12, wgpu::Backend::Gl];

    /// The adapters of the first interface that has a GPU, or else any: the list that burn uses.
    pub(super) fn adapters() -> Vec<Adapter> {
        let lists = || APIS.iter().map(|api| adapters_of(*api));
        let has_gpu = |list: &Vec<Adapter>| list.iter().any(|a| a.kind != Kind::Software);
        lists().find(has_gpu).or_else(|| lists().find(|list| !list.is_empty())).unwrap_or_default()
    }

    fn adapters_of(api: wgpu::Backend) -> Vec<Adapter> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: api.into(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let found = pollster::block_on(instance.enumerate_adapters(api.into()));
        let mut list: Vec<Adapter> = Vec::new();
        for info in found.iter().map(wgpu::Adapter::get_info) {
            let Some(kind) = kind(info.device_type) else { continue };
            list.push(Adapter {
                number: list.len(),
                kind,
                driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
                api: info.backend.to_string(),
                place: list.iter().filter(|other| other.kind == kind).count(),
                name: info.name,
            });
        }
        list
    }

    fn kind(device_type: wgpu::DeviceType) -> Option<Kind> {
        match device_type {
            wgpu::DeviceType::DiscreteGpu => Some(Kind::Discrete),
            wgpu::DeviceType::IntegratedGpu => Some(Kind::Integrated),
            wgpu::DeviceType::VirtualGpu => Some(Kind::Virtual),
            wgpu::DeviceType::Cpu => Some(Kind::Software),
            wgpu::DeviceType::Other => None,
        }
    }

    pub(super) fn start(adapter: &Adapter) -> Result<Device> {
        let kind = match adapter.kind {
            Kind::Discrete => DeviceKind::DiscreteGpu(adapter.place),
            Kind::Integrated => DeviceKind::IntegratedGpu(adapter.place),
            Kind::Virtual => DeviceKind::VirtualGpu(adapter.place),
            Kind::Software => DeviceKind::Cpu,
        };
        let started = Device::wgpu_options().device_kind(kind).init();
        started
            .map_err(|error| anyhow!("{} failed to start: {error}; use --device cpu", adapter.name))
    }
}

#[cfg(not(feature = "gpu"))]
mod gpu {
    use anyhow::{Result, bail};
    use burn::tensor::Device;

    use super::Adapter;

    pub(super) const WHY_NONE: &str = "this minigpt was built without the gpu feature";

    pub(super) fn adapters() -> Vec<Adapter> {
        Vec::new()
    }

    pub(super) fn start(adapter: &Adapter) -> Result<Device> {
        bail!("{} cannot start: {WHY_NONE}", adapter.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_command_line() {
        let choices = [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("gpu", DeviceChoice::Gpu),
            ("gpu:2", DeviceChoice::GpuNumber(2)),
            ("gpu:software", DeviceChoice::GpuSoftware),
        ];
        for (text, choice) in choices {
            assert_eq!(text.parse(), Ok(choice));
        }
        for text in ["", "cuda", "gpu:", "gpu:-1", "cpu:0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        let chosen = DeviceChoice::Cpu.resolve().unwrap();
        assert!(chosen.description.contains("CPU"));
    }
}
