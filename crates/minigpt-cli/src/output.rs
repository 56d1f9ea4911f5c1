//! Lines to standard output and standard error, whoever may read them.

use std::fmt::Display;
use std::io::{ErrorKind, StdoutLock, Write};

use anyhow::Result;

/// Gives standard output to `write`. A reader that went away, as `head` does, is no error of ours
/// and ends no run.
pub(crate) fn print(
    write: impl FnOnce(&mut StdoutLock<'static>) -> std::io::Result<()>,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A line on standard error; where nobody can read it, the work goes on.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
