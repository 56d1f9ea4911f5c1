//! All settings of a configuration by name, as people compare runs by them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::RunConfig;

impl RunConfig {
    /// Each setting by its name, as `training.batch_size`, with the value that `config.json` gives it.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, Value> {
        let mut settings = BTreeMap::new();
        // By way of its text: as a value, a number of 32 bits has the digits of one of 64.
        let text = serde_json::to_string(self).unwrap_or_default();
        flatten("", &serde_json::from_str(&text).unwrap_or_default(), &mut settings);
        settings
    }
}

fn flatten(prefix: &str, value: &Value, settings: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{name}"), value, settings);
            }
        }
        value => drop(settings.insert(prefix.to_owned(), value.clone())),
    }
}
