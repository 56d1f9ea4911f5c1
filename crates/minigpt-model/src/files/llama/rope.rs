//! Rotary positions as transformers' configurations say them.

use serde_json::{Map, Value, json};

use crate::files::fields::{is_off, shown};
use crate::model::config::{RotaryConfig, RotaryScaling};

/// What transformers has where a file says nothing.
pub(crate) const BASE: f64 = 10_000.0;

/// The fields of a `config.json` that say how positions turn.
pub(super) struct Fields<'a> {
    /// `rope_theta`.
    pub(super) theta: Option<f64>,
    /// `rope_scaling`.
    pub(super) scaling: Option<&'a Map<String, Value>>,
    /// `rope_parameters`.
    pub(super) parameters: Option<&'a Map<String, Value>>,
}

/// One of the two objects, with its name.
struct Object<'a> {
    name: &'static str,
    fields: &'a Map<String, Value>,
}

impl Fields<'_> {
    /// The rotary positions of a model with that context. The error names a field that is not done here.
    pub(super) fn read(&self, context: usize) -> Result<RotaryConfig, String> {
        let object = match (self.scaling, self.parameters) {
            (None, None) => {
                return Ok(RotaryConfig { base: self.theta.unwrap_or(BASE), scaling: None });
            }
            (Some(scaling), Some(parameters)) if scaling != parameters => {
                return Err("rope_scaling and rope_parameters: expected one of them".to_owned());
            }
            (Some(fields), _) => Object { name: "rope_scaling", fields },
            (None, Some(fields)) => Object { name: "rope_parameters", fields },
        };
        let base = self.base(&object)?;
        if let Some(share) = object.number("partial_rotary_factor")?.filter(|share| *share != 1.0) {
            return Err(object.refused("partial_rotary_factor", &share.into(), "1"));
        }
        Ok(RotaryConfig { base, scaling: object.scaling(context)? })
    }

    fn base(&self, object: &Object<'_>) -> Result<f64, String> {
        match (self.theta, object.number("rope_theta")?) {
            (Some(theta), Some(within)) if theta != within => Err(format!(
                "rope_theta {theta} and in {} {within}: expected the same number",
                object.name
            )),
            (theta, within) => Ok(within.or(theta).unwrap_or(BASE)),
        }
    }
}

impl Object<'_> {
    fn scaling(&self, context: usize) -> Result<Option<RotaryScaling>, String> {
        let kind = self.kind()?;
        let common = ["rope_theta", "partial_rotary_factor", "rope_type", "type"];
        let more: &[&str] = match kind {
            "default" => &[],
            "linear" => &["factor"],
            "llama3" => &[
                "factor",
                "low_freq_factor",
                "high_freq_factor",
                "original_max_position_embeddings",
            ],
            other => {
                let expected = "\"default\", \"linear\" or \"llama3\"";
                return Err(self.refused("rope_type", &other.into(), expected));
            }
        };
        let is_known = |name: &str| common.contains(&name) || more.contains(&name);
        let mut fields = self.fields.iter();
        if let Some((name, value)) = fields.find(|(name, value)| !is_known(name) && !is_off(value))
        {
            return Err(self.refused(&minigpt_files::excerpt(name), value, "nothing"));
        }
        Ok(match kind {
            "linear" => Some(RotaryScaling::Linear { factor: self.required("factor")? }),
            "llama3" => Some(RotaryScaling::Llama3 {
                factor: self.required("factor")?,
                low_freq_factor: self.required("low_freq_factor")?,
                high_freq_factor: self.required("high_freq_factor")?,
                original_context: self.original_context(context)?,
            }),
            _ => None,
        })
    }

    /// `rope_type`, which was `type`.
    fn kind(&self) -> Result<&str, String> {
        let text = |name: &str| match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(kind)) => Ok(Some(kind.as_str())),
            Some(other) => Err(self.refused(name, other, "a text")),
        };
        match (text("rope_type")?, text("type")?) {
            (Some(kind), Some(old)) if kind != old => {
                Err(self.refused("type", &old.into(), "the same as rope_type"))
            }
            (Some(kind), _) | (None, Some(kind)) => Ok(kind),
            (None, None) => Ok("default"),
        }
    }

    /// In tokens; the model's context where nothing is said.
    fn original_context(&self, context: usize) -> Result<usize, String> {
        let name = "original_max_position_embeddings";
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(context),
            Some(value) => {
                let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
                let size = size.ok_or_else(|| self.refused(name, value, "a number of tokens"))?;
                Ok(size as usize)
            }
        }
    }

    fn required(&self, name: &str) -> Result<f64, String> {
        self.number(name)?.ok_or_else(|| self.refused(name, &Value::Null, "a number"))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.refused(name, value, "a number")),
            },
        }
    }

    fn refused(&self, name: &str, value: &Value, expected: &str) -> String {
        format!("{}.{name} {}: expected {expected}", self.name, shown(value))
    }
}

/// The object `rope_scaling`.
pub(super) fn write(scaling: RotaryScaling) -> Map<String, Value> {
    let object = match scaling {
        RotaryScaling::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
        RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_context,
            })
        }
    };
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
