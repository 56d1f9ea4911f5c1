//! The folder for what can be made again: tokens, tokenizers, autotune results.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder that was given, or `minigpt` in the account's own cache folder.
pub(crate) fn cache_folder(given: Option<&Path>) -> Result<PathBuf> {
    // An empty variable is one that was not set.
    match given.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => Ok(folder.to_owned()),
        None => dirs::cache_dir()
            .map(|folder| folder.join("minigpt"))
            .context("this account has no cache folder: name one with the variable MINIGPT_CACHE"),
    }
}
