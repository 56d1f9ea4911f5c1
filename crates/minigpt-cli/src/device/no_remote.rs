//! In place of other machines, where the program was built without them.

use anyhow::{Error, Result, bail};
use burn::tensor::Device;

use crate::terminal::signals::Signals;

const WHY_NONE: &str =
    "this minigpt was built without the remote feature (build it with `--features remote`)";

pub(super) fn connect(address: &str) -> Result<Device> {
    bail!("remote:{address}: {WHY_NONE}")
}

pub(crate) fn leave_workers() {}

pub(crate) fn lost_worker() -> Option<Error> {
    None
}

pub(crate) fn serve(
    _device: Device,
    address: &str,
    _token: Option<&str>,
    _signals: &Signals,
) -> Result<()> {
    bail!("--listen {address}: {WHY_NONE}")
}
