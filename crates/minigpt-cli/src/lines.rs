//! Lines that somebody types: edited, with those before them, on a terminal; as they come elsewhere.

use std::io::{IsTerminal, StdinLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::output::{ask, stdout_is_terminal};

/// Where lines come from.
pub(crate) enum Lines {
    /// A terminal, with Ctrl-C taken as a wish.
    Terminal { editor: Box<DefaultEditor>, interrupted: Arc<AtomicBool> },
    /// A pipe, a file, or a terminal whose output goes elsewhere.
    Plain { lines: std::io::Lines<StdinLock<'static>> },
}

impl Lines {
    /// Standard input.
    pub(crate) fn open() -> Result<Self> {
        if !std::io::stdin().is_terminal() || !stdout_is_terminal() {
            return Ok(Self::Plain { lines: std::io::stdin().lines() });
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

    /// The next line without its end, or `None` after the last. Ctrl-C forgets what was typed of a line.
    pub(crate) fn next(&mut self) -> Result<Option<String>> {
        match self {
            Self::Plain { lines } => {
                if std::io::stdin().is_terminal() {
                    ask("> ");
                }
                Ok(lines.next().transpose()?)
            }
            Self::Terminal { editor, .. } => loop {
                match editor.readline("> ") {
                    Ok(line) => return Ok(Some(line)),
                    Err(ReadlineError::Interrupted) => {}
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
            Self::Plain { .. } => false,
        }
    }
}
