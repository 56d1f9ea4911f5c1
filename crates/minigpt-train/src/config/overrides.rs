//! Changing single settings of a configuration by name, from a command line or a file.

use serde_json::Value;

use super::RunConfig;
use minigpt_files::excerpt;

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
        let mut config = self.clone();
        for (section, settings) in table {
            match settings {
                toml::Value::Table(settings) => {
                    for (key, value) in settings {
                        let key = format!("{section}.{key}");
                        config = config.with_value(&key, &json(&key, value)?)?;
                    }
                }
                value => config = config.with_value(&section, &json(&section, value)?)?,
            }
        }
        Ok(config)
    }

    fn with_value(&self, key: &str, value: &Value) -> Result<Self, TrainError> {
        let bad = |reason: String| TrainError::BadSetting {
            key: key.to_owned(),
            value: excerpt(&value.to_string()),
            reason: excerpt(&reason),
        };
        let mut all = serde_json::to_value(self).map_err(|error| bad(error.to_string()))?;
        let mut place = &mut all;
        for name in key.split('.') {
            let names: Vec<String> =
                place.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
            place = place.get_mut(name).ok_or_else(|| TrainError::UnknownSetting {
                key: key.to_owned(),
                expected: expected(name, &names),
            })?;
        }
        value.clone_into(place);
        serde_json::from_value(all).map_err(|error| bad(error.to_string()))
    }
}

/// The error without the picture of its place that it shows by itself.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
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

/// The nearest of the names, and all of them.
fn expected(given: &str, names: &[String]) -> String {
    let distance = |name: &&String| strsim::damerau_levenshtein(given, name);
    match names.iter().min_by_key(distance) {
        None => "nothing below it".to_owned(),
        Some(nearest) if distance(&nearest) <= 3 => {
            format!("perhaps `{nearest}`; there are {}", names.join(", "))
        }
        Some(_) => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Decay, OptimizerKind};

    #[test]
    fn settings_are_found_by_name() {
        let config = RunConfig::tiny();
        let set = |key, value| config.with_setting(key, value).unwrap();
        assert_eq!(set("training.batch_size", "8").training.batch_size, 8);
        assert_eq!(set("optimizer.kind", "muon").optimizer.kind, OptimizerKind::Muon);
        assert_eq!(set("schedule.decay", "stable").schedule.decay, Decay::Stable);
        assert_eq!(set("training.max_steps", "none").training.max_steps, None);
        assert_eq!(set("sample.prompt", "It was").sample.prompt, "It was");
        assert_eq!(set("data.source", "books/*.txt").data.source.to_string(), "books/*.txt");
        assert_eq!(set("sample.sampling.Draw.top_k", "7").sample.sampling, {
            let mut draw = config.clone();
            draw.sample.sampling =
                serde_json::from_str(r#"{"Draw":{"temperature":0.8,"top_k":7,"top_p":0.95}}"#)
                    .unwrap();
            draw.sample.sampling
        });
        let toml = "[training]\nbatch_size = 4\nema_decay = 0.99\n[model]\nn_layer = 3\n";
        let changed = config.with_toml(toml).unwrap();
        assert_eq!((changed.training.batch_size, changed.model.n_layer), (4, 3));
        assert_eq!(changed.training.ema_decay, Some(0.99));
        assert_eq!(changed.training.epochs, config.training.epochs);
    }

    #[test]
    fn a_wrong_name_or_value_is_told_with_the_right_ones() {
        let config = RunConfig::tiny();
        let error = |key, value| config.with_setting(key, value).unwrap_err().to_string();
        let wrong = error("training.batchsize", "8");
        assert!(
            wrong.starts_with(
                "unknown setting `training.batchsize`: expected perhaps `batch_size`; "
            ),
            "{wrong}"
        );
        let wrong = error("trainer.seed", "8");
        assert!(wrong.contains("expected perhaps `training`"), "{wrong}");
        let wrong = error("training.seed.x", "8");
        assert!(wrong.ends_with("expected nothing below it"), "{wrong}");
        let wrong = error("training.batch_size", "many");
        assert!(
            wrong.starts_with("setting training.batch_size = \"many\": invalid type: string"),
            "{wrong}"
        );
        let wrong = config.with_toml("[model]\n[training").unwrap_err().to_string();
        assert!(wrong.starts_with("not valid TOML: line 2: "), "{wrong}");
    }
    #[test]
    fn a_number_that_is_nan_or_infinite_is_refused_in_every_setting() {
        let config = RunConfig::tiny();
        let all = serde_json::to_value(&config).unwrap();
        for (section, settings) in all.as_object().unwrap() {
            for key in settings.as_object().unwrap().keys() {
                for number in ["nan", "inf", "-inf", "[1.0, nan]", "{ a = inf }"] {
                    let key = format!("{section}.{key}");
                    let error = config.with_setting(&key, number).unwrap_err().to_string();
                    assert!(error.ends_with(": expected a finite number"), "{error}");
                    let (section, name) = key.split_once('.').unwrap();
                    let toml = format!("[{section}]\n{name} = {number}\n");
                    assert_eq!(config.with_toml(&toml).unwrap_err().to_string(), error);
                }
            }
        }
        let error = config.with_setting("training.max_minutes", "-inf").unwrap_err().to_string();
        assert_eq!(error, "setting training.max_minutes = -inf: expected a finite number");
        // Larger than the numbers of the setting: infinite in 32 bits.
        let large = config.with_setting("optimizer.weight_decay", "1e300").unwrap();
        let error = large.validate().unwrap_err().to_string();
        assert_eq!(error, "setting optimizer.weight_decay = inf: expected a finite number");
    }

    #[test]
    fn foreign_text_is_not_quoted_in_full() {
        let long = "x".repeat(1 << 20);
        let config = RunConfig::tiny();
        let error = config.with_setting("training.batch_size", &long).unwrap_err().to_string();
        assert!(error.len() < 600, "{} bytes", error.len());
    }
}
