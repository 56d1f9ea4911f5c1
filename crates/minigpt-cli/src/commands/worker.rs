//! `minigpt worker`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};

use crate::args::WorkerArgs;
use crate::device::remote::token;
use crate::output::say;

pub(crate) fn run(args: &WorkerArgs) -> Result<ExitCode> {
    let authorizer = TokenAuthorizer::new(token()?).context("the token is empty")?;
    let chosen = args.device.resolve()?;
    let port = args.listen;
    say(format_args!("lending {} on port {port}, until Ctrl-C", chosen.description));
    RemoteServer::new([chosen.device])
        .with_authorizer(authorizer)
        .serve(WebSocketTransport::new(port))
        .with_context(|| format!("cannot serve on port {port}: choose another --listen"))?;
    Ok(ExitCode::SUCCESS)
}
