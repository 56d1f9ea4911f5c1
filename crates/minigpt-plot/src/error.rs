//! What can go wrong with a picture.

use std::path::PathBuf;

/// What can go wrong with a picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// A picture's name does not say what it is.
    #[error("cannot draw {path}: expected a name that ends in .png or .svg")]
    Format {
        /// The picture.
        path: PathBuf,
    },
    /// No size or theme has this name.
    #[error("unknown {kind} `{name}`: expected one of {known}")]
    UnknownName {
        /// What it should be a name of.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The picture could not be drawn.
    #[error("cannot draw {path}: {reason}")]
    Drawing {
        /// The picture.
        path: PathBuf,
        /// What plotters said.
        reason: String,
    },
    /// The file could not be written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
