//! What one setting is tried with: a list, or a range of numbers.

use serde::Deserialize;
use toml::Value;

use super::draw::Draw;
use super::error::SweepError;

/// Most steps of a range.
const MOST: usize = 1000;

/// What one setting is tried with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    List(Vec<Value>),
    Range(Range),
}

/// Numbers from one to another.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    from: Number,
    to: Number,
    /// How many numbers; without it any may be drawn.
    steps: Option<usize>,
    #[serde(default)]
    scale: Scale,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Real(f64),
}

/// How far apart the numbers of a range are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    /// By their difference.
    #[default]
    Linear,
    /// By their ratio.
    Log,
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

impl Values {
    /// What `value` says that the setting `key` is tried with.
    ///
    /// # Errors
    /// [`SweepError::Field`].
    pub(super) fn of(key: &str, value: Value) -> Result<Self, SweepError> {
        let wrong = |expected| Err(SweepError::Field { field: format!("vary.{key}"), expected });
        match value {
            Value::Array(values) if values.is_empty() => wrong("at least one value"),
            Value::Array(values) => Ok(Self::List(values)),
            range @ Value::Table(_) => match range.try_into::<Range>() {
                Ok(range) => match range.wrong() {
                    Some(expected) => wrong(expected),
                    None => Ok(Self::Range(range)),
                },
                Err(_) => wrong(
                    "a range { from = 1e-3, to = 1e-2, steps = 4, scale = \"log\" }, of which steps and scale may be left out",
                ),
            },
            _ => wrong("a list of values, or a range { from = …, to = …, steps = … }"),
        }
    }

    /// All of them; none of a range without steps.
    pub(super) fn all(&self) -> Option<Vec<Value>> {
        match self {
            Self::List(values) => Some(values.clone()),
            Self::Range(range) => {
                let steps = range.steps?;
                let part = |step| step as f64 / (steps - 1).max(1) as f64;
                let mut values: Vec<Value> = (0..steps).map(|step| range.at(part(step))).collect();
                // Whole numbers that lie close are the same once they are rounded.
                values.dedup();
                Some(values)
            }
        }
    }

    /// One of them.
    pub(super) fn draw(&self, draw: &mut Draw) -> Value {
        match (self.all(), self) {
            (None, Self::Range(range)) => range.at(draw.part()),
            (values, _) => {
                let values = values.unwrap_or_default();
                values[draw.index(values.len())].clone()
            }
        }
    }
}

impl Range {
    /// The number at a part of the way.
    fn at(&self, part: f64) -> Value {
        let (from, to) = (self.from.real(), self.to.real());
        let number = match self.scale {
            Scale::Linear => from + (to - from) * part,
            Scale::Log => from * (to / from).powf(part),
        };
        match (self.from, self.to) {
            (Number::Whole(_), Number::Whole(_)) => Value::Integer(number.round() as i64),
            _ => Value::Float(four_digits(number)),
        }
    }

    /// What the range could be, where it is none.
    fn wrong(&self) -> Option<&'static str> {
        let (from, to) = (self.from.real(), self.to.real());
        let checks = [
            (from.is_finite() && to.is_finite() && from < to, "from below to, both finite"),
            (self.steps.is_none_or(|steps| (2..=MOST).contains(&steps)), "steps from 2 to 1000"),
            (self.scale == Scale::Linear || from > 0.0, "from above 0, since scale is log"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, expected)| expected)
    }
}

/// As many digits as are worth reading.
fn four_digits(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests;
