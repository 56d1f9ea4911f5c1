//! What is said, by whom, and what else a template may be told.

use std::collections::BTreeMap;
use std::time::SystemTime;

use minijinja::Value;

use crate::DataError;

/// What templates read thoughts from; transformers fills in the other names.
const THOUGHTS: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// One message of a conversation: its role and what it says, as OpenAI's API and chat templates have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    role: String,
    content: String,
    /// What a question is about, which a named template has in a part of its own.
    about: Option<String>,
    /// All fields, as a template in Jinja reads them.
    fields: TemplateValue,
}

/// Roles that named templates know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

impl Message {
    /// What a role (`system`, `user`, `assistant`, or another that a template knows) says.
    #[must_use]
    pub(crate) fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        let (role, content) = (role.into(), content.into());
        let fields = Value::from_pairs([("role", role.as_str()), ("content", content.as_str())]);
        Self { role, content, about: None, fields: TemplateValue(fields) }
    }

    /// What the user says: role `user`.
    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self::new("user", content)
    }

    /// What the user asks about a text, which stands before the question.
    #[must_use]
    pub fn user_about(question: &str, text: &str) -> Self {
        if text.is_empty() {
            return Self::user(question);
        }
        Self { about: Some(text.to_owned()), ..Self::user(format!("{text}\n\n{question}")) }
    }

    /// What is said before a conversation, as instructions to the model: role `system`.
    #[must_use]
    pub fn system(content: impl Into<String>) -> Self {
        Self::new("system", content)
    }

    /// What the model said: role `assistant`.
    #[must_use]
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new("assistant", content)
    }

    /// The messages of a JSON list of objects with `role`, mostly `content`, and what else a template reads,
    /// such as `tool_calls`. Fields that are null are left out, as transformers does.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`] for anything else.
    pub fn list_from_json(json: &str) -> Result<Vec<Self>, DataError> {
        let TemplateValue(list) = TemplateValue::from_json(json)?;
        let bad = || bad_messages("expected a JSON list of objects with a role");
        if list.kind() != minijinja::value::ValueKind::Seq {
            return Err(bad());
        }
        let values = list.try_iter().map_err(|_| bad())?;
        values.map(|value| Self::of_value(&value).ok_or_else(bad)).collect()
    }

    fn of_value(value: &Value) -> Option<Self> {
        if value.kind() != minijinja::value::ValueKind::Map {
            return None;
        }
        let fields = value.try_iter().ok()?.filter_map(|name| {
            let value = value.get_item(&name).ok()?;
            (!value.is_none()).then(|| (name.to_string(), value))
        });
        let mut fields: Vec<(String, Value)> = fields.collect();
        let text = |fields: &[(String, Value)], name: &str| {
            let field = fields.iter().find(|(field, _)| field == name);
            field.and_then(|(_, value)| value.as_str().map(str::to_owned))
        };
        let role = text(&fields, "role")?;
        let content = text(&fields, "content").unwrap_or_default();
        let thoughts = |name: &&str| fields.iter().find(|(field, _)| field == *name);
        if let Some((_, thoughts)) = THOUGHTS.iter().find_map(thoughts).cloned() {
            if !fields.iter().any(|(name, _)| name == "thinking") {
                fields.insert(0, ("thinking".to_owned(), thoughts.clone()));
            }
            fields.retain(|(name, _)| name != THOUGHTS[0]);
            fields.push((THOUGHTS[0].to_owned(), thoughts));
        }
        let fields = TemplateValue(Value::from_pairs(fields));
        Some(Self { role, content, about: None, fields })
    }

    /// Who says it.
    #[must_use]
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// What is said; empty where a message has other fields alone.
    #[must_use]
    pub(crate) fn content(&self) -> &str {
        &self.content
    }

    pub(super) fn known_role(&self) -> Option<Role> {
        match self.role.as_str() {
            "system" => Some(Role::System),
            "user" => Some(Role::User),
            "assistant" => Some(Role::Assistant),
            _ => None,
        }
    }

    /// The question, and what it is about.
    pub(super) fn instruction(&self) -> (&str, &str) {
        let about = self.about.as_deref().unwrap_or_default();
        let question = self.content.strip_prefix(about).unwrap_or(&self.content);
        match about {
            "" => (question, ""),
            _ => (question.strip_prefix("\n\n").unwrap_or(question), about),
        }
    }

    pub(super) fn value(&self) -> Value {
        self.fields.0.clone()
    }
}

/// A value that a template reads, with the keys of objects in the order in which they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateValue(pub(super) Value);

impl TemplateValue {
    /// A value from JSON.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`] where it is none.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        serde_json::from_str(json).map(Self).map_err(|error| bad_messages(&error.to_string()))
    }
}

/// What a template is told besides the messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatOptions {
    /// `tools`: a list of descriptions of functions that the model may call, as JSON Schema.
    pub tools: Option<TemplateValue>,
    /// `documents`: a list of texts to answer from, with `title` and `text`.
    pub documents: Option<TemplateValue>,
    /// Variables of a template's own, such as Qwen 3's `enable_thinking`.
    pub variables: BTreeMap<String, TemplateValue>,
    /// The time that `strftime_now` tells; where it is missing, now.
    pub now: Option<SystemTime>,
}

fn bad_messages(reason: &str) -> DataError {
    DataError::ChatTemplate { origin: "messages".to_owned(), reason: reason.to_owned() }
}
