//! Changing single settings of a configuration by name, from a command line or a file.

use minigpt_files::excerpt;
use minigpt_model::{GptConfig, Position};
use serde_json::Value;

use super::RunConfig;

use super::finite::non_finite;
use crate::error::TrainError;

impl RunConfig {
    /// This configuration with one setting changed: `key` as `training.batch_size`, `value` as TOML
    /// has it. Text needs no quotation marks, and `none` takes an optional setting away.
    ///
    /// # Errors
    /// [`TrainError::UnknownSetting`] with the nearest name there is, or [`TrainError::BadSetting`].
    pub fn with_setting(&self, key: &str, value: &str) -> Result<Self, TrainError> {
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
        let value = match parsed.ok().and_then(|mut table| table.remove("value")) {
            _ if value == "none" => Value::Null,
            Some(value) => json(key, value)?,
            None => Value::String(value.to_owned()),
        };
        self.with_value(key, &value)
    }

    /// This configuration with all settings of a TOML file changed.
    ///
    /// # Errors
    /// [`TrainError::BadToml`] where it is not valid TOML, and as [`with_setting`](Self::with_setting).
    pub fn with_toml(&self, text: &str) -> Result<Self, TrainError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| TrainError::BadToml(in_one_line(text, &error)))?;
        self.with_settings(&by_name(&table))
    }

    /// This configuration with each of the settings changed, in their order.
    ///
    /// # Errors
    /// As [`with_setting`](Self::with_setting).
    pub(crate) fn with_settings(
        &self,
        settings: &[(String, toml::Value)],
    ) -> Result<Self, TrainError> {
        settings.iter().try_fold(self.clone(), |config, (key, value)| {
            config.with_value(key, &json(key, value.clone())?)
        })
    }

    fn with_value(&self, key: &str, value: &Value) -> Result<Self, TrainError> {
        let bad = |reason: String| TrainError::BadSetting {
            key: key.to_owned(),
            value: excerpt(&value.to_string()),
            reason: excerpt(&reason),
        };
        let mut all = serde_json::to_value(self).map_err(|error| bad(error.to_string()))?;
        write_choices(&self.model, &mut all["model"]).map_err(|error| bad(error.to_string()))?;
        let (mut place, mut before) = (&mut all, String::new());
        for name in key.split('.') {
            let names: Vec<String> =
                place.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
            place = place.get_mut(name).ok_or_else(|| TrainError::UnknownSetting {
                key: key.to_owned(),
                expected: expected(&before, name, &names),
            })?;
            before += &format!("{name}.");
        }
        value.clone_into(place);
        serde_json::from_value(all).map_err(|error| bad(error.to_string()))
    }
}

/// The settings of a table by their whole names: those of its sections, and those that it names itself.
pub(crate) fn by_name(table: &toml::Table) -> Vec<(String, toml::Value)> {
    let mut settings = Vec::new();
    for (name, value) in table {
        match value {
            // A name with a dot is no section's.
            toml::Value::Table(section) if !name.contains('.') => settings.extend(
                section.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())),
            ),
            value => settings.push((name.clone(), value.clone())),
        }
    }
    settings
}

/// Writes what a model's configuration leaves out where it is as in GPT-2, so that each setting has its place.
fn write_choices(model: &GptConfig, value: &mut Value) -> Result<(), serde_json::Error> {
    let GptConfig { n_kv_head, head_size, mlp, qk_norm, tied, norm, position, bias, .. } = model;
    let is_divided = model.scale_attn_by_inverse_layer_idx;
    value["n_kv_head"] = serde_json::to_value(n_kv_head)?;
    value["head_size"] = serde_json::to_value(head_size)?;
    value["mlp"] = serde_json::to_value(mlp)?;
    value["qk_norm"] = serde_json::to_value(qk_norm)?;
    value["scale_attn_by_inverse_layer_idx"] = is_divided.into();
    value["tied"] = serde_json::to_value(tied)?;
    value["norm"] = serde_json::to_value(norm)?;
    value["position"] = serde_json::to_value(position)?;
    value["bias"] = serde_json::to_value(bias)?;
    if let Position::Rotary(rotary) = position {
        value["position"]["rotary"]["scaling"] = serde_json::to_value(rotary.scaling)?;
    }
    Ok(())
}

/// The error without the picture of its place that it shows by itself.
pub(crate) fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, excerpt(error.message()))
}

/// A setting's value as JSON has it, which knows neither NaN nor infinity and would write null.
fn json(key: &str, value: toml::Value) -> Result<Value, TrainError> {
    if let Some((place, number)) = non_finite(&value) {
        let place = if place.is_empty() { key.to_owned() } else { format!("{key}.{place}") };
        return Err(not_finite(place, number));
    }
    Ok(serde_json::to_value(value).unwrap_or_default())
}

/// The error of a setting that is NaN or infinite.
pub(crate) fn not_finite(key: String, number: f64) -> TrainError {
    let reason = "expected a finite number".to_owned();
    TrainError::BadSetting { key, value: number.to_string(), reason }
}

/// The nearest of the names that may stand after `before`, and all of them.
fn expected(before: &str, given: &str, names: &[String]) -> String {
    let distance = |name: &&String| strsim::damerau_levenshtein(given, name);
    match names.iter().min_by_key(distance) {
        None => "nothing below it".to_owned(),
        Some(nearest) if distance(&nearest) <= 3 => {
            format!("perhaps `{before}{nearest}`; there are {}", names.join(", "))
        }
        Some(_) => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
