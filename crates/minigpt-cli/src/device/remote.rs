//! Devices of other machines, and this machine's for others.

use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use burn::remote::RemoteHost;
use burn::server::{
    AuthorizationRequest, PeerAuthorizer, RemoteServer, TokenAuthorizer, WebSocketTransport,
};
use burn::tensor::Device;

use crate::output::say;
use crate::signals::Signals;

/// Where a run finds the secret of its workers.
const TOKEN: &str = "MINIGPT_TOKEN";

/// The device that a worker lends at `address`.
pub(super) fn connect(address: &str) -> Result<Device> {
    let host = RemoteHost::websocket(&format!("ws://{address}"));
    let host = match std::env::var(TOKEN) {
        Ok(token) if !token.is_empty() => host.with_credential(token),
        _ => host,
    };
    say(format_args!("connecting to the worker at {address}"));
    Device::remote_options(&host).init().map_err(|error| {
        anyhow!(
            "remote:{address}: {error}; expected `minigpt worker --listen {address}` there, of the \
             same version, with the same {TOKEN} or none"
        )
    })
}

/// Lends `device` to whoever connects to `address` and knows `token`, until a signal comes.
pub(crate) fn serve(
    device: Device,
    address: &str,
    token: Option<&str>,
    signals: &Signals,
) -> Result<()> {
    let token = token.filter(|token| !token.is_empty());
    let refused =
        |error| anyhow!("--listen {address}: {error}; expected HOST:PORT of this machine");
    let addresses: Vec<_> = address.to_socket_addrs().map_err(refused)?.collect();
    if token.is_none() && addresses.iter().any(|address| !address.ip().is_loopback()) {
        bail!(
            "--listen {address}: other machines reach this address, and whoever does could use the \
             device; set a secret by {TOKEN}, here and where the run starts"
        );
    }
    let listener = TcpListener::bind(&*addresses).map_err(refused)?;
    say(format_args!("worker: listening at {}, Ctrl-C ends it", listener.local_addr()?));

    let server = RemoteServer::new([device]);
    let server = match token {
        Some(token) => server.with_authorizer(Announced(TokenAuthorizer::new(token)?)),
        None => server.with_authorizer(Announced(burn::server::AllowAll)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let serving = server.serve_async(WebSocketTransport::from_listener(listener));
        tokio::select! {
            served = serving => served.context("the worker broke"),
            () = asked_to_end(signals) => Ok(()),
        }
    })
}

async fn asked_to_end(signals: &Signals) {
    while signals.exit_code().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says who connects, and who is refused.
struct Announced<A>(A);

impl<A: PeerAuthorizer> PeerAuthorizer for Announced<A> {
    fn authorize(&self, request: AuthorizationRequest<'_>) -> Result<(), String> {
        let client = request.client;
        let answer = self.0.authorize(request);
        match &answer {
            Ok(()) => say(format_args!("worker: {client} connected")),
            Err(reason) => say(format_args!("worker: refused, {reason}")),
        }
        answer
    }
}
