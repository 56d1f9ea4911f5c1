//! The fields of a request, taken one by one: each is checked by name, and none is passed over in silence.

use std::ops::RangeInclusive;

use minigpt_files::excerpt;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Fields of OpenAI's that do not change an answer here: who asks, what for, how fast.
const ACCEPTED: [&str; 9] = [
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
];

/// What is left of a request's fields. A field that is null is as good as missing.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new(mut fields: Map<String, Value>) -> Self {
        fields.retain(|_, value| !value.is_null());
        Self(fields)
    }

    /// A field as it is.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// A number within a range.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| range.contains(number));
        let expected = || format!("a number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| wrong(name, &value, &expected()))
    }

    /// A whole number within a range.
    pub(super) fn count(
        &mut self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = whole(&value).and_then(|number| usize::try_from(number).ok());
        let expected = || match *range.end() {
            usize::MAX => format!("a whole number of at least {}", range.start()),
            most => format!("a whole number from {} to {most}", range.start()),
        };
        let number = number.filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| wrong(name, &value, &expected()))
    }

    /// Any whole number of 64 bits.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        whole(&value).map(Some).ok_or_else(|| wrong(name, &value, "a whole number of 64 bits"))
    }

    /// `true` or `false`; `false` where it is missing.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, &other, "true or false")),
        }
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, &other, "a string")),
        }
    }

    /// An object, as fields of their own.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self::new(fields))),
            Some(other) => Err(wrong(name, &other, "an object")),
        }
    }

    /// The model's name, without which nothing can be done.
    pub(super) fn model(&mut self) -> Result<String, ApiError> {
        self.text("model")?.ok_or_else(|| {
            ApiError::bad_request("the field `model` is missing: expected a name of /v1/models")
                .at("model")
        })
    }

    /// Refuses what changes an answer and is not done here: all that was not taken and is not known to be harmless.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        let harmless = |name: &&String| !ACCEPTED.contains(&name.as_str());
        match self.0.keys().find(harmless) {
            None => Ok(()),
            Some(name) => Err(unsupported(name, "leave it out")),
        }
    }
}

/// A field whose value is another than what was expected.
pub(super) fn wrong(name: &str, found: &Value, expected: &str) -> ApiError {
    let found = excerpt(&found.to_string());
    ApiError::bad_request(format!("`{name}` is {found}: expected {expected}")).at(name)
}

/// A field that cannot be done here, and what to do instead.
pub(super) fn unsupported(name: &str, instead: &str) -> ApiError {
    let name = excerpt(name);
    ApiError::bad_request(format!("the field `{name}` is not supported here: {instead}"))
        .at(&name)
        .with_code("unsupported_parameter")
}

/// A whole number, also where it is written as 3.0, as some languages do.
fn whole(value: &Value) -> Option<i64> {
    let exact = |number: f64| number.fract() == 0.0 && number.abs() < 9e15;
    value.as_i64().or_else(|| value.as_f64().filter(|n| exact(*n)).map(|n| n as i64))
}

#[cfg(test)]
mod tests;
