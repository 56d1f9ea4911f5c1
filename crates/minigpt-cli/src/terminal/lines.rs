//! Lines that somebody types: edited, with those before them, on a terminal; as they come elsewhere.

use std::io::{BufRead, ErrorKind, IsTerminal, Read, StdinLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::terminal::output::{ask, say, stdout_is_terminal};

/// Bytes of a line at most: more than any model's context, and no file without line ends.
const LINE: u64 = 1 << 20;

/// Where lines come from.
pub(crate) enum Lines {
    /// A terminal, with Ctrl-C taken as a wish.
    Terminal { editor: Box<DefaultEditor>, interrupted: Arc<AtomicBool> },
    /// A pipe, a file, or a terminal whose output goes elsewhere.
    Plain(PlainLines<StdinLock<'static>>),
}

impl Lines {
    /// Standard input.
    pub(crate) fn open() -> Result<Self> {
        if !std::io::stdin().is_terminal() || !stdout_is_terminal() {
            return Ok(Self::Plain(PlainLines::new(std::io::stdin().lock())));
        }
        let config = Config::builder().auto_add_history(true).build();
        let editor = Box::new(DefaultEditor::with_config(config).context("cannot read lines")?);
        let interrupted = Arc::new(AtomicBool::new(false));
        // In this order: a second Ctrl-C, before anybody has heard of the first, leaves at once.
        flag::register_conditional_shutdown(SIGINT, 130, interrupted.clone())
            .and_then(|_| flag::register(SIGINT, interrupted.clone()))
            .context("cannot listen for Ctrl-C")?;
        Ok(Self::Terminal { editor, interrupted })
    }

    /// The next line without its end, or `None` after the last. Ctrl-C forgets what was typed of a line,
    /// and a line that is not UTF-8 is left out with a word.
    pub(crate) fn next(&mut self) -> Result<Option<String>> {
        match self {
            Self::Plain(lines) => {
                if std::io::stdin().is_terminal() {
                    ask("> ");
                }
                lines.next()
            }
            Self::Terminal { editor, .. } => loop {
                match editor.readline("> ") {
                    Ok(line) => return Ok(Some(line)),
                    Err(ReadlineError::Interrupted) => {}
                    Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                        say("warning: the line is not UTF-8 and is left out");
                    }
                    Err(ReadlineError::Eof) => return Ok(None),
                    Err(error) => return Err(error).context("cannot read a line"),
                }
            },
        }
    }

    /// Whether Ctrl-C came since somebody last asked.
    pub(crate) fn take_interrupt(&self) -> bool {
        match self {
            Self::Terminal { interrupted, .. } => interrupted.swap(false, Ordering::Relaxed),
            Self::Plain(_) => false,
        }
    }
}

/// Lines of a reader, with their numbers.
pub(crate) struct PlainLines<R> {
    reader: R,
    number: usize,
}

impl<R: BufRead> PlainLines<R> {
    fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    fn next(&mut self) -> Result<Option<String>> {
        loop {
            let mut line = Vec::new();
            self.reader.by_ref().take(LINE + 1).read_until(b'\n', &mut line)?;
            self.number += 1;
            if line.is_empty() {
                return Ok(None);
            }
            if line.len() as u64 > LINE {
                bail!("line {} has more than {LINE} bytes: expected lines of text", self.number);
            }
            match String::from_utf8(line) {
                Ok(line) => return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
                Err(_) => {
                    say(format_args!("warning: line {} is not UTF-8 and is left out", self.number));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
