//! Where the events of a run are shown.

use std::io::Write;
use std::panic::AssertUnwindSafe;

use anyhow::{Result, ensure};
use minigpt_train::{Interrupter, Observer, Plan, TrainEvent};
use serde::Serialize;

use super::INTERRUPTED;
use crate::allocator::{give_back_freed_memory, keep_freed_memory};
use crate::args::SessionArgs;
use crate::terminal::dashboard::Dashboard;
use crate::terminal::output::{print, stdout_is_terminal};
use crate::terminal::progress::TrainProgress;
use crate::terminal::screen::let_ctrl_c_through;
use crate::terminal::signals::Signals;

/// Shows the events of a run, and passes a signal on to it between two of them.
pub(crate) fn observer(
    mut display: Display,
    signals: &Signals,
    interrupter: &Interrupter,
) -> Observer {
    let (signals, interrupter) = (signals.clone(), interrupter.clone());
    let mut is_training = false;
    Box::new(move |event: TrainEvent| {
        // What is read and validated, a checkpoint and pictures need memory of other sizes than steps.
        match event {
            TrainEvent::Step(_) if !is_training => {
                is_training = true;
                keep_freed_memory();
            }
            TrainEvent::Validated { .. } => {
                is_training = false;
                give_back_freed_memory();
            }
            _ => {}
        }
        display.show(event);
        if signals.exit_code().is_some() && !interrupter.should_stop() {
            interrupter.stop(Some("interrupted"));
        }
    })
}

/// Where the events of a run are shown.
pub(crate) enum Display {
    /// A bar or plain lines on standard error.
    Lines(TrainProgress),
    /// The same, and JSON on standard output.
    Json(TrainProgress),
    /// burn's display.
    FullScreen(Box<Dashboard>),
}

impl Display {
    pub(crate) fn new(
        plan: &Plan,
        session: &SessionArgs,
        interrupter: &Interrupter,
    ) -> Result<Self> {
        if session.tui {
            let is_terminal = stdout_is_terminal();
            ensure!(is_terminal, "--tui: standard output is no terminal: leave it out");
            let dashboard = Dashboard::new(plan.length, interrupter.clone());
            let_ctrl_c_through();
            return Ok(Self::FullScreen(Box::new(dashboard)));
        }
        let progress = TrainProgress::new(plan.length);
        Ok(if session.json { Self::Json(progress) } else { Self::Lines(progress) })
    }

    fn show(&mut self, event: TrainEvent) {
        match self {
            Self::Lines(progress) => progress.show(event),
            Self::Json(progress) => {
                // Where it cannot be written, the run's own files have it still.
                let _ = print_line(&event);
                progress.show(event);
            }
            Self::FullScreen(dashboard) => {
                let shown = std::panic::catch_unwind(AssertUnwindSafe(|| dashboard.show(&event)));
                if shown.is_err() {
                    // The user chose to leave at once, which burn's display does by a panic.
                    std::process::exit(INTERRUPTED.into());
                }
            }
        }
    }

    /// What tells the user that a signal was heard.
    pub(crate) fn stopping(&self) -> Box<dyn FnOnce() + Send> {
        match self {
            Self::Lines(progress) | Self::Json(progress) => {
                let line = progress.lines();
                Box::new(move || {
                    line("stopping after this step, with a checkpoint; once more leaves at once");
                })
            }
            // It is gone with the step.
            Self::FullScreen(_) => Box::new(|| ()),
        }
    }
}

/// An object with its name as the events of the run have theirs.
pub(crate) fn print_event(event: &'static str, content: &impl Serialize) -> Result<()> {
    #[derive(Serialize)]
    struct Named<'a, T> {
        event: &'static str,
        #[serde(flatten)]
        content: &'a T,
    }
    print_line(&Named { event, content })
}

/// A line of JSON on standard output.
fn print_line(line: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string(line)?;
    print(|out| writeln!(out, "{json}"))
}
