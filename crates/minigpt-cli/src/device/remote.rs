//! Devices of other machines, through burn's remote server.

use anyhow::{Context, Result, anyhow};
use burn::remote::RemoteHost;
use burn::tensor::Device;

use super::Chosen;

/// The environment variable with the secret that a worker and its clients share.
const TOKEN: &str = "MINIGPT_TOKEN";

/// The secret that a worker and its clients share.
pub(crate) fn token() -> Result<String> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    token.with_context(|| {
        format!("{TOKEN} is not set: expected the secret that worker and trainer share")
    })
}

/// What the worker at `address` lends.
pub(super) fn connect(address: &str) -> Result<Chosen> {
    let host = RemoteHost::websocket(&format!("ws://{address}")).with_credential(token()?);
    let device = Device::remote_options(&host).init().map_err(|error| {
        anyhow!(
            "remote:{address} cannot be reached: {}; start `minigpt worker` there, or use --device cpu",
            error.to_string().replace('\n', " ")
        )
    })?;
    Ok(Chosen { device, description: format!("the worker at {address}") })
}
