//! Functions that a model may call, and must where it is told to.

use minigpt_data::ChatTemplate;
use minigpt_text::{ToolAnswer, ToolCall, Tools};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::openai::fields::{Fields, wrong};
use crate::openai::identity::identity;
use crate::openai::limited_grammar::LimitedGrammar;

const CHOICE: &str = "tool_choice";

/// What a model may call.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) tools: Tools,
    /// Of the call that it must make.
    pub(super) grammar: Option<LimitedGrammar>,
    /// Whether it may make several.
    several: bool,
}

/// What a whole text came to.
pub(super) struct Called {
    /// What is said besides; nothing where the model only calls.
    pub(super) content: Option<String>,
    /// The calls, as OpenAI tells them.
    pub(super) calls: Vec<Value>,
}

/// Whether the model calls.
enum Choice {
    /// It is told of no tools.
    None,
    /// As it likes.
    Auto,
    /// It must, this function or any.
    Required(Option<String>),
}

impl Calling {
    /// Takes the fields about tools; nothing where the model is told of none.
    pub(super) fn take(
        fields: &mut Fields,
        app: &App,
        model: usize,
        template: &ChatTemplate,
    ) -> Result<Option<Self>, ApiError> {
        const PARALLEL: &str = "parallel_tool_calls";
        let several = match fields.take(PARALLEL) {
            None => true,
            Some(Value::Bool(several)) => several,
            Some(other) => return Err(wrong(PARALLEL, &other, "true or false")),
        };
        let choice = Choice::take(fields)?;
        let name = match (fields.take("tools"), choice) {
            (None, Choice::Required(_)) => {
                let message = format!("`{CHOICE}` asks for a call without `tools`: give them");
                return Err(ApiError::bad_request(message).at(CHOICE));
            }
            (None, _) => return Ok(None),
            (Some(tools), choice) => {
                let tools = Tools::from_json(&tools.to_string(), template);
                let tools = tools.map_err(|error| refused(&error, "tools"))?;
                match choice {
                    Choice::None => return Ok(None),
                    Choice::Auto => return Ok(Some(Self { tools, grammar: None, several })),
                    Choice::Required(name) => (tools, name),
                }
            }
        };
        let (tools, name) = name;
        let schema = tools.call_schema(name.as_deref()).map_err(|error| refused(&error, CHOICE))?;
        let grammar =
            LimitedGrammar::new(app, model, "tools", |grammars| grammars.of_json_schema(&schema))?;
        Ok(Some(Self { tools, grammar: Some(grammar), several }))
    }

    /// What the prompt ends with where the model must call.
    pub(super) fn opening(&self) -> &'static str {
        if self.grammar.is_some() { self.tools.opening() } else { "" }
    }

    /// What of a text as far as it has come is said, whatever follows; the rest may be or become a call.
    pub(super) fn said<'a>(&self, text: &'a str) -> &'a str {
        if self.grammar.is_some() { "" } else { self.tools.said(text) }
    }

    /// What a whole text says and calls.
    pub(super) fn read(&self, text: &str) -> Called {
        let ToolAnswer { content, calls } = self.tools.read(&format!("{}{text}", self.opening()));
        let most = if self.several { calls.len() } else { 1 };
        let call = |ToolCall { name, arguments }: ToolCall| {
            let function = json!({"name": name, "arguments": arguments});
            json!({"id": identity("call"), "type": "function", "function": function})
        };
        let calls: Vec<Value> = calls.into_iter().take(most).map(call).collect();
        // Where nothing is called, all of it is said.
        let content = match calls.is_empty() {
            true => Some(text.to_owned()),
            false => Some(content).filter(|content| !content.is_empty()),
        };
        Called { content, calls }
    }
}

impl Choice {
    fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        let Some(value) = fields.take(CHOICE) else { return Ok(Self::Auto) };
        Ok(match (&value, value["function"]["name"].as_str()) {
            (Value::String(name), _) if name == "none" => Self::None,
            (Value::String(name), _) if name == "auto" => Self::Auto,
            (Value::String(name), _) if name == "required" => Self::Required(None),
            (Value::Object(_), Some(name)) => Self::Required(Some(name.to_owned())),
            _ => {
                let expected = "none, auto, required or an object with `function.name`";
                return Err(wrong(CHOICE, &value, expected));
            }
        })
    }
}

fn refused(error: &dyn std::fmt::Display, field: &str) -> ApiError {
    ApiError::bad_request(error.to_string()).at(field)
}

#[cfg(test)]
mod tests;
