//! What people see and type: output, progress, tables, numbers, signals, the screen of `--tui`.

pub(crate) mod colour;
pub(crate) mod dashboard;
pub(crate) mod ending;
pub(crate) mod format;
pub(crate) mod lines;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod screen;
pub(crate) mod signals;
pub(crate) mod table;
