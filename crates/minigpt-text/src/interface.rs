//! What waits for minigpt-model: its other families, GGUF files, and weights in fewer bits.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::Device;
use minigpt_gguf::{Array, Value};
use minigpt_model::{CONFIG_FILE, GgufValue, Gpt, GptConfig, WeightsError};

/// What weights are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightType {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// 8-bit integers.
    Q8_0,
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["f32", "f16", "bf16", "q8_0"][*self as usize])
    }
}

impl FromStr for WeightType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0];
        all.into_iter().find(|one| one.to_string() == text).ok_or_else(|| "unknown".to_owned())
    }
}

pub(crate) struct SpecialIds {
    pub(crate) bos: Option<u32>,
    pub(crate) eos: Vec<u32>,
}

pub(crate) trait NewConfig: Sized {
    fn read_pretrained(path: &Path) -> Result<Self, WeightsError>;
    fn to_hugging_face_with(&self, ids: &SpecialIds) -> String;
}

impl NewConfig for GptConfig {
    fn read_pretrained(path: &Path) -> Result<Self, WeightsError> {
        Self::read_hugging_face(&path.join(CONFIG_FILE))
    }

    fn to_hugging_face_with(&self, ids: &SpecialIds) -> String {
        let _ = ids.bos;
        self.to_hugging_face(ids.eos[0])
    }
}

pub(crate) fn load(path: &Path, device: &Device) -> Result<Gpt, WeightsError> {
    Gpt::from_pretrained(path, device)
}

pub(crate) fn save_safetensors(
    model: &Gpt,
    path: &Path,
    _dtype: WeightType,
) -> Result<(), WeightsError> {
    model.save_safetensors(path)
}

pub(crate) fn save_gguf(
    model: &Gpt,
    metadata: &[(String, Value)],
    _dtype: WeightType,
    path: &Path,
) -> Result<(), WeightsError> {
    let old = |value: &Value| match value {
        Value::U32(value) => Some(GgufValue::U32(*value)),
        Value::F32(value) => Some(GgufValue::F32(*value)),
        Value::Bool(value) => Some(GgufValue::Bool(*value)),
        Value::String(value) => Some(GgufValue::String(value.clone())),
        Value::Array(Array::String(values)) => Some(GgufValue::Strings(values.clone())),
        Value::Array(Array::I32(values)) => Some(GgufValue::I32s(values.clone())),
        _ => None,
    };
    let metadata: Vec<_> =
        metadata.iter().filter_map(|(key, value)| Some((key.clone(), old(value)?))).collect();
    model.save_gguf(&metadata, path)
}
