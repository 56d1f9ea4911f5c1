//! In place of a server, where the program was built without one.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::ServeArgs;

pub(crate) fn run(_args: &ServeArgs) -> Result<ExitCode> {
    bail!(
        "this minigpt was built without the serve feature (build it with `--features serve`, which is on by default)"
    )
}
