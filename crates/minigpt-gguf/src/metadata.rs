//! What a file says of its model, by key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minigpt_files::excerpt;

use crate::cursor::Cursor;
use crate::error::GgufError;
use crate::value::{Array, Value};
use crate::{ALIGNMENT, ALIGNMENT_KEY};

/// The metadata of a file: values by key.
#[derive(Clone, Debug)]
pub struct Metadata {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Metadata {
    /// Metadata of these values; errors name the file.
    ///
    /// # Errors
    /// [`GgufError::Write`] for a key that is given twice.
    pub fn new(
        path: impl Into<PathBuf>,
        values: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Self, GgufError> {
        let mut metadata = Self { path: path.into(), values: BTreeMap::new() };
        for (key, value) in values {
            metadata
                .insert(key, value)
                .map_err(|reason| GgufError::Write { path: metadata.path.clone(), reason })?;
        }
        Ok(metadata)
    }

    /// Reads `count` keys with their values. The error is what is wrong with them.
    pub(crate) fn read(
        path: PathBuf,
        cursor: &mut Cursor<'_>,
        count: usize,
    ) -> Result<Self, String> {
        let mut metadata = Self { path, values: BTreeMap::new() };
        for _ in 0..count {
            let key = cursor.string()?;
            let value = Value::read(cursor)
                .map_err(|reason| format!("metadata {}: {reason}", excerpt(key)))?;
            metadata.insert(key.to_owned(), value)?;
        }
        Ok(metadata)
    }

    fn insert(&mut self, key: String, value: Value) -> Result<(), String> {
        if self.values.contains_key(&key) {
            return Err(format!("metadata {} is there twice", excerpt(&key)));
        }
        self.values.insert(key, value);
        Ok(())
    }

    /// The value of a key, whatever its kind.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], and [`GgufError::Kind`] for another kind of value.
    pub fn get<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, GgufError> {
        self.find(key)?.ok_or_else(|| GgufError::MissingKey {
            path: self.path.clone(),
            key: key.to_owned(),
            expected: T::EXPECTED,
        })
    }

    /// The value of a key that may be there.
    ///
    /// # Errors
    /// [`GgufError::Kind`] for another kind of value.
    pub fn find<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        T::from_value(value).map(Some).ok_or_else(|| GgufError::Kind {
            path: self.path.clone(),
            key: key.to_owned(),
            found: value.to_string(),
            expected: T::EXPECTED,
        })
    }
}

/// What tensors begin at multiples of, by the value of [`ALIGNMENT_KEY`]. The error is what is wrong with it.
pub(crate) fn alignment(value: Option<&Value>) -> Result<usize, String> {
    match value {
        None => Ok(ALIGNMENT as usize),
        Some(Value::U32(alignment)) if alignment.is_power_of_two() => Ok(*alignment as usize),
        Some(other) => {
            Err(format!("metadata {ALIGNMENT_KEY} is {other}; expected a power of two, as uint32"))
        }
    }
}

/// A type that values of metadata can be taken as.
pub trait FromValue<'a>: Sized {
    /// What the value must be, for a message.
    const EXPECTED: &'static str;

    /// The value, if it is of a kind and in a range that this type holds.
    fn from_value(value: &'a Value) -> Option<Self>;
}

macro_rules! from_values {
    ($($type:ty, $expected:literal, $pattern:pat => $value:expr;)*) => {
        $(impl<'a> FromValue<'a> for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &'a Value) -> Option<Self> {
                match value {
                    $pattern => $value,
                    #[allow(unreachable_patterns, reason = "some patterns match everything")]
                    _ => None,
                }
            }
        })*
    };
}

from_values! {
    bool, "a bool", Value::Bool(value) => Some(*value);
    u32, "an integer of 32 bits without sign", any => any.integer()?.try_into().ok();
    i32, "an integer of 32 bits", any => any.integer()?.try_into().ok();
    u64, "an integer without sign", any => any.integer()?.try_into().ok();
    i64, "an integer", any => any.integer()?.try_into().ok();
    usize, "an integer without sign", any => any.integer()?.try_into().ok();
    f32, "a float32", Value::F32(value) => Some(*value);
    &'a str, "a string", Value::String(text) => Some(text);
    &'a Array, "an array", Value::Array(array) => Some(array);
    &'a [String], "an array of strings", Value::Array(Array::String(texts)) => Some(texts);
    &'a [f32], "an array of float32", Value::Array(Array::F32(values)) => Some(values);
    Vec<i64>, "an array of integers", Value::Array(array) => array.integers();
}
