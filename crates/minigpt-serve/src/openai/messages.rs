//! Messages as OpenAI writes them, made those that chat templates read.

use minigpt_data::{DataError, Message};
use serde_json::{Map, Value};

use super::fields::{Fields, wrong};
use crate::error::ApiError;

const NAME: &str = "messages";

/// The messages of a conversation, at least one.
#[derive(Clone, Debug)]
pub(super) struct Messages(Vec<Value>);

impl Messages {
    /// Takes the field `messages`. Parts of text become one text, a `developer` is a `system`, and the arguments of
    /// tool calls are objects: so templates have it.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        let missing = || ApiError::bad_request("the field `messages` is missing").at(NAME);
        let value = fields.take(NAME).ok_or_else(missing)?;
        let Value::Array(list) = value else {
            return Err(wrong(NAME, &value, "a list of messages"));
        };
        if list.is_empty() {
            return Err(
                ApiError::bad_request("`messages` is empty: expected at least one").at(NAME)
            );
        }
        let each = |(number, message)| plain(message, &format!("{NAME}[{number}]"));
        Ok(Self(list.into_iter().enumerate().map(each).collect::<Result<_, _>>()?))
    }

    /// As templates read them.
    pub(super) fn to_list(&self) -> Result<Vec<Message>, DataError> {
        Message::list_from_json(&Value::from(self.0.clone()).to_string())
    }

    /// The messages from the oldest turn on with which they are short enough for `fits`, and how many are left out. A
    /// turn is a user's message and all up to the next one. What the system says first stays, and the last turn, whether
    /// it fits or not.
    ///
    /// # Errors
    /// Those of `fits`.
    pub(super) fn latest(
        &self,
        fits: impl Fn(&Self) -> Result<bool, ApiError>,
    ) -> Result<(Self, usize), ApiError> {
        let system = self.0.iter().take_while(|message| message["role"] == "system").count();
        let later = (system + 1..self.0.len()).filter(|place| self.0[*place]["role"] == "user");
        let starts: Vec<usize> = std::iter::once(system).chain(later).collect();
        let from = |start: usize| {
            let latest = self.0.get(start..).unwrap_or_default();
            Self([&self.0[..system], latest].concat())
        };
        // Fewer turns are fewer tokens: the first start that fits is between one that does and one that does not.
        let (mut low, mut high) = (0, starts.len() - 1);
        while low < high {
            let middle = low.midpoint(high);
            if fits(&from(starts[middle]))? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok((from(starts[low]), starts[low] - system))
    }

    /// What the user says, where that is the last message.
    pub(super) fn question(&self) -> Option<&str> {
        let last = self.0.last().filter(|message| message["role"] == "user")?;
        last["content"].as_str()
    }
}

fn plain(message: Value, place: &str) -> Result<Value, ApiError> {
    let Value::Object(mut message) = message else {
        return Err(wrong(NAME, &message, "an object with `role` and `content`").at(place));
    };
    message.retain(|_, value| !value.is_null());
    let role = message.get("role").cloned().unwrap_or_default();
    match role.as_str() {
        Some("developer") => drop(message.insert("role".to_owned(), "system".into())),
        Some("system" | "user" | "assistant" | "tool") => {}
        _ => {
            let expected = "system, developer, user, assistant or tool";
            return Err(wrong(&format!("{place}.role"), &role, expected));
        }
    }
    if let Some(content) = message.remove("content") {
        message.insert("content".to_owned(), text(content, place)?.into());
    } else if role != "assistant" {
        return Err(wrong(&format!("{place}.content"), &Value::Null, "a text"));
    }
    if let Some(calls) = message.remove("tool_calls") {
        message.insert("tool_calls".to_owned(), tool_calls(calls, place)?);
    }
    Ok(Value::Object(message))
}

/// The text of a content, which is one or a list of parts.
fn text(content: Value, place: &str) -> Result<String, ApiError> {
    let place = format!("{place}.content");
    let expected = "a text, or a list of parts of the type text, as models here read nothing else";
    let parts = match content {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        other => return Err(wrong(&place, &other, expected)),
    };
    let part = |part: &Value| match (part["type"].as_str(), part["text"].as_str()) {
        (Some("text"), Some(text)) => Ok(text.to_owned()),
        _ => Err(wrong(&place, part, expected)),
    };
    parts.iter().map(part).collect()
}

/// Calls whose arguments, a JSON object in a string, are that object.
fn tool_calls(mut calls: Value, place: &str) -> Result<Value, ApiError> {
    let place = format!("{place}.tool_calls");
    let bad = |calls: &Value| {
        wrong(&place, calls, "a list of calls with `function.name` and `function.arguments`")
    };
    let Some(list) = calls.as_array_mut() else { return Err(bad(&calls)) };
    for call in list {
        let Some(function) = call.get_mut("function").and_then(Value::as_object_mut) else {
            return Err(bad(call));
        };
        if !function.get("name").is_some_and(Value::is_string) {
            return Err(bad(call));
        }
        let arguments = function.get("arguments").and_then(Value::as_str);
        let arguments = arguments.and_then(|json| serde_json::from_str::<Map<_, _>>(json).ok());
        if let Some(arguments) = arguments {
            function.insert("arguments".to_owned(), arguments.into());
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests;
