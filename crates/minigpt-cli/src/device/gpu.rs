//! Adapters that wgpu finds, and burn's devices on them.

#[cfg_attr(not(feature = "tune-cache"), path = "gpu/no_autotune_cache.rs")]
mod autotune_cache;

use std::panic::catch_unwind;

use anyhow::{Result, anyhow};
use burn::tensor::wgpu::wgpu;
use burn::tensor::{Device, DeviceKind};

use super::{Adapter, Kind, is_plain_gpu};
use crate::terminal::output::say;

pub(crate) const WHY_NONE: &str = "no GPU found";

/// The order in which burn's wgpu runtime tries the graphics interfaces.
#[cfg(target_os = "macos")]
const APIS: &[wgpu::Backend] = &[wgpu::Backend::Metal];
#[cfg(not(target_os = "macos"))]
const APIS: &[wgpu::Backend] = &[wgpu::Backend::Vulkan, wgpu::Backend::Dx12, wgpu::Backend::Gl];

/// Types besides `f32`, by the feature that says that kernels can use them.
const TYPES: [(wgpu::Features, &str); 3] = [
    (wgpu::Features::SHADER_F16, "f16"),
    (wgpu::Features::SHADER_F64, "f64"),
    (wgpu::Features::SHADER_INT64, "i64"),
];

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
    let mut list: Vec<Adapter> = Vec::new();
    for adapter in pollster::block_on(instance.enumerate_adapters(api.into())) {
        let info = adapter.get_info();
        let Some(kind) = kind(info.device_type) else { continue };
        // Mesa's, where there is no Vulkan driver: it stalls for minutes on each matrix kernel.
        if kind == Kind::Software && info.backend == wgpu::Backend::Gl {
            continue;
        }
        let features = adapter.features();
        let types = TYPES.iter().filter(|(feature, _)| features.contains(*feature));
        list.push(Adapter {
            number: list.len(),
            kind,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            api: info.backend.to_string(),
            max_buffer: adapter.limits().max_buffer_size,
            types: std::iter::once("f32").chain(types.map(|(_, name)| *name)).collect(),
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
    if is_plain_gpu() {
        say("gpu: no fusion, few kernels tried, none kept (MINIGPT_PLAIN_GPU)");
    } else {
        autotune_cache::configure();
    }
    let kind = match adapter.kind {
        Kind::Discrete => DeviceKind::DiscreteGpu(adapter.place),
        Kind::Integrated => DeviceKind::IntegratedGpu(adapter.place),
        Kind::Virtual => DeviceKind::VirtualGpu(adapter.place),
        Kind::Software => DeviceKind::Cpu,
    };
    let failed =
        |reason: String| anyhow!("{} failed to start: {reason}; use --device cpu", adapter.name);
    // Drivers also fail in ways that burn has no error for.
    let started = catch_unwind(|| Device::wgpu_options().device_kind(kind).init());
    let started = started.map_err(|_| failed("its driver broke".to_owned()))?;
    started.map_err(|error| failed(error.to_string()))
}
