//! The special tokens that a model's configuration names.

use serde_json::Value;

/// Ids of the tokens that a model's texts begin and end with, for its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialIds {
    /// What a text begins with.
    pub bos: Option<u32>,
    /// What a text may end with.
    pub eos: Vec<u32>,
}

impl SpecialIds {
    /// `bos_token_id`.
    pub(crate) fn bos(&self) -> Option<Value> {
        self.bos.map(Value::from)
    }

    /// `eos_token_id`: a list where there are several.
    pub(crate) fn eos(&self) -> Option<Value> {
        match self.eos[..] {
            [] => None,
            [only] => Some(only.into()),
            _ => Some(self.eos.clone().into()),
        }
    }
}
