//! A source with how often its examples are seen.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::{DataError, Source};

/// A source of examples, and how often a training pass has each of them, as `chats.jsonl:3`. Parsed, displayed and
/// serialised as one string; a weight of 1 is not written.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeightedSource {
    /// Where the examples are.
    pub source: Source,
    /// How often a pass has each: above 0, and perhaps a fraction.
    pub weight: f64,
}

/// The largest weight: more passes are asked for as such.
const MOST: f64 = 1000.0;

impl From<Source> for WeightedSource {
    fn from(source: Source) -> Self {
        Self { source, weight: 1.0 }
    }
}

impl FromStr for WeightedSource {
    type Err = DataError;

    /// What follows the last colon is a weight if it is a number and no file has that name.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let parts = text.rsplit_once(':').and_then(|(source, weight)| {
            let is_number = weight.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            let weight = weight.parse::<f64>().ok().filter(|_| is_number)?;
            let is_path = source.is_empty() || source == "hf" || Path::new(text).exists();
            (!is_path).then_some((source, weight))
        });
        let Some((source, weight)) = parts else { return Ok(text.parse::<Source>()?.into()) };
        if !(weight > 0.0 && weight <= MOST) {
            return Err(DataError::BadWeight { given: text.to_owned() });
        }
        Ok(Self { source: source.parse()?, weight })
    }
}

impl fmt::Display for WeightedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        if self.weight != 1.0 {
            write!(f, ":{}", self.weight)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for WeightedSource {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<WeightedSource> for String {
    fn from(source: WeightedSource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests;
