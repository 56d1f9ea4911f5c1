//! What stands between the values of a table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// A character that stands between the values of a table: the tab, or one of ASCII's punctuation, but a quote.
/// Parsed, displayed and serialised as itself, the tab also parsed from `tab` and from `\t` in two characters.
///
/// ```
/// use minigpt_data::Separator;
///
/// assert_eq!(";".parse::<Separator>()?.to_string(), ";");
/// assert_eq!("tab".parse::<Separator>()?, "\t".parse()?);
/// assert!("a".parse::<Separator>().is_err());
/// # Ok::<(), minigpt_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Separator(pub(crate) u8);

impl FromStr for Separator {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text.as_bytes() {
            b"tab" | b"\\t" | b"\t" => Ok(Self(b'\t')),
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(Self(*byte)),
            _ => Err(DataError::BadSeparator { given: text.to_owned() }),
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_char(f, char::from(self.0))
    }
}

impl TryFrom<String> for Separator {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Separator> for String {
    fn from(separator: Separator) -> Self {
        separator.to_string()
    }
}
