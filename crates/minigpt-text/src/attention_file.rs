//! What `minigpt attention` found, as a file beside its pictures.

use std::path::Path;

use minigpt_files::Limit;
use serde::{Deserialize, Serialize};

use crate::attention::HeadHabits;
use crate::error::TextError;

/// The file in the folder of the pictures.
const NAME: &str = "attention.json";

/// A head has a quarter of a kilobyte.
const FILE: Limit = Limit::new(16 << 20, "a file of heads' habits");

/// The pictures of a prompt's attention, and the habit of each head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedAttention {
    /// The command line.
    pub command: Vec<String>,
    /// What the model read first.
    pub prompt: String,
    /// A picture for each token that it then chose.
    pub pictures: Vec<AttentionPicture>,
    /// What each head does on text of the run's kind; empty where it was not measured.
    pub habits: Vec<HeadHabits>,
}

/// The attention of all heads that were drawn, while one token was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionPicture {
    /// The picture's name in the folder.
    pub file: String,
    /// The token.
    pub chosen: String,
    /// What the model had read.
    pub after: String,
}

impl SavedAttention {
    /// Writes the file into the folder of the pictures.
    ///
    /// # Errors
    /// [`TextError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), TextError> {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
        Ok(minigpt_files::write(&folder.join(NAME), json)?)
    }

    /// Reads the file in a folder; nothing where it is not there.
    ///
    /// # Errors
    /// [`TextError::Io`], also where it is no such file.
    pub fn load(folder: &Path) -> Result<Option<Self>, TextError> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = minigpt_files::read(&path, FILE)?;
        let saved = serde_json::from_slice(&bytes).map_err(|error| {
            let reason = minigpt_files::excerpt(&error.to_string());
            std::io::Error::other(format!("{} is damaged: {reason}", path.display()))
        });
        Ok(Some(saved?))
    }
}

#[cfg(test)]
mod tests;
