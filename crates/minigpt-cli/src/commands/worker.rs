//! `minigpt worker`.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::args::WorkerArgs;
use crate::device::{DeviceChoice, serve};
use crate::terminal::output::say;
use crate::terminal::signals::Signals;

pub(crate) fn run(args: &WorkerArgs) -> Result<ExitCode> {
    ensure!(
        !matches!(args.device, DeviceChoice::Remote(_)),
        "--device {}: a worker lends a device of its own machine: expected auto, cpu, gpu, gpu:N or gpu:software",
        args.device
    );
    let chosen = args.device.resolve()?;
    say(format_args!("device: {}", chosen.description));
    // Not before: while a device starts, Ctrl-C leaves.
    let signals = Signals::listen()?;
    serve(chosen.device, &args.listen, args.token.as_deref(), &signals)?;
    Ok(signals.exit_code().map_or(ExitCode::SUCCESS, ExitCode::from))
}
