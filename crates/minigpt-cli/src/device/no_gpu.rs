//! In place of GPUs, where the program was built without them.

use anyhow::{Result, bail};
use burn::tensor::Device;

use super::Adapter;

pub(crate) const WHY_NONE: &str =
    "this minigpt was built without the gpu feature (build it with `--features gpu`)";

pub(super) fn adapters() -> Vec<Adapter> {
    Vec::new()
}

pub(super) fn start(adapter: &Adapter) -> Result<Device> {
    bail!("{} cannot start: {WHY_NONE}", adapter.name)
}
