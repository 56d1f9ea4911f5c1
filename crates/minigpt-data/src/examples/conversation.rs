//! Records of the shapes that conversations come in, as messages.

use serde_json::{Map, Value, json};

use super::records::{Record, list};
use crate::json::kind_of;
use crate::quote::shortened;
use crate::{ChatOptions, ChatTemplate, Message, TemplateValue};

type Fields = Map<String, Value>;

/// Messages, and what else a record tells a template.
pub(super) struct Conversation {
    pub(super) messages: Vec<Message>,
    pub(super) options: ChatOptions,
}

/// Fields that hold a list of messages.
const LISTS: [&str; 3] = ["messages", "conversations", "conversation"];

/// Names of a question's field, each with those of what it is about and of its answer.
const QUESTIONS: [(&str, &[&str], &[&str]); 4] = [
    ("instruction", &["input", "context"], &["output", "response"]),
    ("prompt", &[], &["completion", "response"]),
    ("question", &["context"], &["answer", "response"]),
    ("query", &[], &["response", "answer"]),
];

impl Conversation {
    /// A conversation whose last message is an answer.
    pub(super) fn of(record: &Record, template: &ChatTemplate) -> Result<Self, String> {
        if let Some(field) = LISTS.into_iter().find(|field| record.has(field)) {
            return Self::of_list(record, field, template);
        }
        let Some((question, abouts, answers)) =
            QUESTIONS.into_iter().find(|(question, ..)| record.has(question))
        else {
            return Err(format!(
                "no field \"messages\", \"conversations\", \"instruction\", \"prompt\" or \"question\" among {}",
                record.names()
            ));
        };
        let answer = record.first_of(answers);
        if question == "prompt" && (is_list(record, question) || is_list(record, answer)) {
            let prompt = said(record, question, "user")?;
            let given = prompt.len();
            let all = [prompt, said(record, answer, "assistant")?].concat();
            return Self::ended(&all, given, record, template);
        }
        let about = abouts.iter().find(|field| record.has(field));
        let about = about.map(|field| record.optional_text(field)).transpose()?.flatten();
        let asked = Message::user_about(record.text(question)?, about.unwrap_or_default());
        let mut messages: Vec<Message> =
            record.optional_text("system")?.map(Message::system).into_iter().collect();
        messages.extend([asked, Message::assistant(record.text(answer)?)]);
        Ok(Self { messages, options: options(record)? })
    }

    /// A document and its summary.
    pub(super) fn of_summary(record: &Record) -> Result<Self, String> {
        let document = Message::user(record.text("document")?);
        let messages = vec![document, Message::assistant(record.text("summary")?)];
        Ok(Self { messages, options: super::no_options() })
    }

    fn of_list(record: &Record, field: &str, template: &ChatTemplate) -> Result<Self, String> {
        let value = record.value(field).unwrap_or_default();
        let mut messages = Vec::new();
        for fields in list(&value, field)? {
            messages.push(plain(fields, messages.len() + 1)?);
        }
        if let Some(system) = record.optional_text("system")?
            && messages.first().is_none_or(|first| first["role"] != "system")
        {
            messages.insert(0, message("system", system));
        }
        Self::ended(&messages, 0, record, template)
    }

    /// Messages that end with an answer after the first `given`.
    fn ended(
        messages: &[Fields],
        given: usize,
        record: &Record,
        template: &ChatTemplate,
    ) -> Result<Self, String> {
        match messages[given..].last() {
            Some(last) if last["role"] == "assistant" => {}
            _ => {
                return Err(
                    "the messages end without an answer: expected the assistant's last".to_owned()
                );
            }
        }
        Ok(Self { messages: for_template(messages, template)?, options: options(record)? })
    }
}

/// Whether a field is a list, or JSON of one.
fn is_list(record: &Record, field: &str) -> bool {
    record.value(field).is_some_and(|value| value.is_array())
}

/// The messages in a field, or the one of `role` whose text it is.
pub(super) fn said(record: &Record, field: &str, role: &str) -> Result<Vec<Fields>, String> {
    if !is_list(record, field) {
        return Ok(vec![message(role, record.text(field)?)]);
    }
    let value = record.value(field).unwrap_or_default();
    let list = list(&value, field)?;
    let messages: Vec<Fields> = list
        .into_iter()
        .enumerate()
        .map(|(index, fields)| plain(fields, index + 1))
        .collect::<Result<_, _>>()?;
    if messages.is_empty() {
        return Err(format!("an empty {field:?}: expected at least one message"));
    }
    Ok(messages)
}

pub(super) fn message(role: &str, content: &str) -> Fields {
    let mut fields = Map::new();
    fields.insert("role".to_owned(), role.into());
    fields.insert("content".to_owned(), content.into());
    fields
}

/// As a template reads them: a named one knows roles and texts, one in Jinja all fields.
pub(super) fn for_template(
    messages: &[Fields],
    template: &ChatTemplate,
) -> Result<Vec<Message>, String> {
    if template.named().is_some() {
        let of = |fields: &Fields| {
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            Message::new(text("role"), text("content"))
        };
        return Ok(messages.iter().map(of).collect());
    }
    let json = Value::from(messages.to_vec()).to_string();
    Message::list_from_json(&json).map_err(|error| error.to_string())
}

/// What else a record tells a template.
pub(super) fn options(record: &Record) -> Result<ChatOptions, String> {
    let tools = record.value(record.first_of(&["tools", "functions"]));
    let tools = tools.map(|tools| TemplateValue::from_json(&tools.to_string())).transpose();
    Ok(ChatOptions { tools: tools.map_err(|error| error.to_string())?, ..super::no_options() })
}

/// A message as templates read it: `from` and `value` become `role` and `content` with the usual names, parts of text
/// one text, and the arguments of tool calls an object.
fn plain(fields: &Fields, number: usize) -> Result<Fields, String> {
    let mut fields: Fields = fields.clone();
    fields.retain(|_, value| !value.is_null());
    let of_sharegpt = !fields.contains_key("role") && fields.contains_key("from");
    let names = if of_sharegpt { ["from", "value"] } else { ["role", "content"] };
    let role = match fields.shift_remove(names[0]) {
        Some(Value::String(role)) => role,
        Some(other) => {
            return Err(format!(
                "{:?} of message {number} is {}: expected a string",
                names[0],
                kind_of(&other)
            ));
        }
        None => {
            let found = crate::quote::listed(fields.keys());
            return Err(format!("message {number} has no \"role\" or \"from\" among {found}"));
        }
    };
    let content = fields.shift_remove(names[1]).map(|content| text(content, number)).transpose()?;
    if role == "function_call" {
        return call(content.unwrap_or_default().as_str(), number);
    }
    let role = usual(&role).to_owned();
    if let Some(calls) = fields.get_mut("tool_calls") {
        calls.as_array_mut().into_iter().flatten().for_each(arguments_as_object);
    }
    let is_call = role == "assistant" && fields.contains_key("tool_calls");
    let mut message = Map::new();
    message.insert("role".to_owned(), role.as_str().into());
    match content {
        Some(content) if is_call || role != "assistant" || !content.trim().is_empty() => {
            message.insert("content".to_owned(), content.into());
        }
        None if is_call => {}
        Some(_) => return Err(format!("message {number} is an empty answer: expected some text")),
        None => return Err(format!("message {number} has no {:?}", names[1])),
    }
    message.extend(fields);
    Ok(message)
}

/// The name by which templates know a role.
fn usual(role: &str) -> &str {
    match role {
        "human" => "user",
        "gpt" | "bot" | "model" | "chatgpt" => "assistant",
        "developer" => "system",
        "observation" | "function_response" | "ipython" => "tool",
        role => role,
    }
}

/// The text of a content, which is one or a list of parts.
fn text(content: Value, number: usize) -> Result<String, String> {
    let wrong = |found: &str| {
        format!(
            "the content of message {number} is {found}: expected a text, or a list of parts of text"
        )
    };
    let parts = match content {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        other => return Err(wrong(kind_of(&other))),
    };
    let part = |part: &Value| match (part["type"].as_str(), part["text"].as_str()) {
        (None | Some("text"), Some(text)) => Ok(text.to_owned()),
        (Some(kind), _) => Err(wrong(&format!("a part of the type {:?}", shortened(kind)))),
        _ => Err(wrong(kind_of(part))),
    };
    parts.iter().map(part).collect()
}

/// The arguments of a call, a JSON object in a text, as that object.
fn arguments_as_object(call: &mut Value) {
    let arguments = call.get_mut("function").and_then(|function| function.get_mut("arguments"));
    let Some(arguments) = arguments else { return };
    let object = arguments.as_str().and_then(|json| serde_json::from_str::<Fields>(json).ok());
    if let Some(object) = object {
        *arguments = object.into();
    }
}

/// ShareGPT's call of a function, a JSON object in a text, as a message.
fn call(json: &str, number: usize) -> Result<Fields, String> {
    let mut function: Fields = serde_json::from_str(json).map_err(|_| {
        format!("message {number} is no call: expected a JSON object with name and arguments")
    })?;
    function.entry("arguments").or_insert_with(|| json!({}));
    let mut call = json!({"type": "function", "function": function});
    arguments_as_object(&mut call);
    let mut message = message("assistant", "");
    message.insert("tool_calls".to_owned(), json!([call]));
    Ok(message)
}
