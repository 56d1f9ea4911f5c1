//! Fields of a foreign configuration.

use minigpt_files::excerpt;
use serde_json::Value;

/// True where a field switches nothing on.
pub(crate) fn is_off(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_on) => !is_on,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A value in a message.
pub(crate) fn shown(value: &Value) -> String {
    excerpt(&value.to_string())
}
