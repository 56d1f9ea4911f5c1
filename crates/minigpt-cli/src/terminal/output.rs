//! All that the program says on standard output and standard error, whoever may read them.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, StdoutLock, Write};

use anyhow::Result;

/// Characters of an error that are shown from its start and its end: what is between quotes a file.
const ERROR_START: usize = 1200;
const ERROR_END: usize = 400;

/// Writes to standard output. A reader that went away, as `head` does, is no error of ours and ends no
/// work.
pub(crate) fn print(
    write: impl FnOnce(&mut StdoutLock<'static>) -> std::io::Result<()>,
) -> Result<()> {
    let mut out = stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// As [`print()`], with colours where standard output is a terminal, for a text that grows and is of no use
/// without a reader: where that went away, [`NoReader`] ends the command.
pub(crate) fn stream(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(NoReader.into()),
        other => Ok(other?),
    }
}

/// Nobody reads what the command writes: it ends, quietly.
#[derive(Debug)]
pub(crate) struct NoReader;

impl Display for NoReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("nobody reads standard output")
    }
}

impl std::error::Error for NoReader {}

/// A line on standard error; where nobody can read it, the work goes on.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{}", printable(&line.to_string()));
}

/// What stands before a line that somebody types, on standard error.
pub(crate) fn ask(prompt: &str) {
    let mut out = stderr().lock();
    let _ = write!(out, "{prompt}").and_then(|()| out.flush());
}

/// An error and its causes in one line, on standard error.
pub(crate) fn say_error(error: &anyhow::Error) {
    say(format_args!("error: {}", shortened(&format!("{error:#}").replace('\n', " "))));
}

/// A message without its middle where it has more than a screen.
fn shortened(message: &str) -> String {
    let length = message.chars().count();
    if length <= ERROR_START + ERROR_END {
        return message.to_owned();
    }
    let start: String = message.chars().take(ERROR_START).collect();
    let end: String = message.chars().skip(length - ERROR_END).collect();
    format!("{start} … {end}")
}

/// A text whose control characters, which can do anything to a terminal, are shown as U+FFFD.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !"\n\t".contains(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// Whether somebody may be watching standard output.
pub(crate) fn stdout_is_terminal() -> bool {
    stdout().is_terminal()
}

/// Columns of the terminal that standard output is; none where it is no terminal, or does not tell.
pub(crate) fn terminal_width() -> Option<usize> {
    if !stdout_is_terminal() {
        return None;
    }
    #[cfg(unix)]
    {
        let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the system writes one such struct, which lives.
        let told = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
        if told == 0 && size.ws_col > 0 {
            return Some(size.ws_col.into());
        }
    }
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Whether somebody may be watching standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    stderr().is_terminal()
}

#[allow(clippy::disallowed_methods, reason = "here alone, so that a closed pipe is met in one way")]
fn stdout() -> std::io::Stdout {
    std::io::stdout()
}

#[allow(clippy::disallowed_methods, reason = "here alone, so that a closed pipe is met in one way")]
fn stderr() -> std::io::Stderr {
    std::io::stderr()
}

#[cfg(test)]
mod tests;
