//! Functions that a model may call: what it is told of them, and its calls in what it writes.

use minigpt_data::{ChatTemplate, DataError, TemplateValue};
use serde_json::{Map, Value, json};

/// What encloses a call in the words of Hermes, Qwen and SmolLM3.
const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// What Llama 3 may put before a call.
const PYTHON_TAG: &str = "<|python_tag|>";

/// What Mistral puts before a list of calls.
const CALLS: &str = "[TOOL_CALLS]";

/// Why a list of tools, or a choice among them, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolsError {
    /// The list of tools has something else.
    #[error("{place}: expected {expected}")]
    Invalid {
        /// Where, as `tools[0].function.name`.
        place: String,
        /// What was expected there.
        expected: &'static str,
    },
    /// The model was not taught to call functions.
    #[error(
        "the model's chat template does not support tools: send no tools, or choose another model"
    )]
    NoTemplate,
    /// A call is asked for of a function that is none of the tools.
    #[error("unknown tool {name:?}: expected one of {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
}

/// A function that a model asks to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The function's name. A model may make one up: it need not be among the [`Tools`].
    pub name: String,
    /// Its arguments: a JSON object.
    pub arguments: String,
}

/// An answer in which a model may call functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolAnswer {
    /// What it says besides its calls, and nothing where it only calls.
    pub content: String,
    /// Its calls, in order.
    pub calls: Vec<ToolCall>,
}

/// The functions that a model may call, with how its chat template has it call them.
///
/// The template tells the model of them ([`for_template`](Self::for_template), which is
/// [`ChatOptions::tools`](minigpt_data::ChatOptions::tools)), and [`read`](Self::read) finds the calls in its answer.
/// A call is forced by going on after the prompt and [`opening`](Self::opening) with the grammar of
/// [`call_schema`](Self::call_schema); the answer is read in the same way.
///
/// ```
/// use minigpt_data::ChatTemplate;
/// use minigpt_text::Tools;
///
/// let source = "{{ tools | tojson }} Call by <tool_call>{\"name\": …, \"arguments\": …}</tool_call>";
/// let template = ChatTemplate::from_jinja(source, Default::default(), "an example")?;
/// let tools = r#"[{"type": "function", "function": {"name": "weather", "parameters": {
///     "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]"#;
/// let tools = Tools::from_json(tools, &template)?;
/// let answer = r#"I look. <tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>"#;
/// let answer = tools.read(answer);
/// assert_eq!(answer.content, "I look.");
/// assert_eq!(answer.calls[0].name, "weather");
/// assert_eq!(answer.calls[0].arguments, r#"{"city":"Rome"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tools {
    /// As they were given.
    list: Value,
    functions: Vec<Function>,
    form: Form,
}

#[derive(Clone, Debug)]
struct Function {
    name: String,
    /// A schema of its arguments.
    parameters: Value,
}

/// How a model was taught to call, as far as its template shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`, as often as there are calls.
    Tagged,
    /// `{"name": …, "parameters": …}`.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}]`.
    Mistral,
    /// Another way. Calls that look like one of these are found.
    Unknown,
}

impl Tools {
    /// The tools of a JSON list as OpenAI's API has it: `{"type": "function", "function": {"name": …, "description": …,
    /// "parameters": …}}` each.
    ///
    /// # Errors
    /// [`ToolsError::Invalid`], and [`ToolsError::NoTemplate`] where the template reads no tools.
    pub fn from_json(json: &str, template: &ChatTemplate) -> Result<Self, ToolsError> {
        let form = Form::of(template.with_tools().ok_or(ToolsError::NoTemplate)?);
        let list: Value =
            serde_json::from_str(json).map_err(|_| invalid("tools", "a JSON list"))?;
        let tools = list.as_array().ok_or_else(|| invalid("tools", "a list"))?;
        if tools.is_empty() {
            return Err(invalid("tools", "one tool at least"));
        }
        let functions = tools.iter().enumerate().map(|(index, tool)| Function::new(index, tool));
        let functions = functions.collect::<Result<_, _>>()?;
        Ok(Self { list, functions, form })
    }

    /// The list for [`ChatOptions::tools`](minigpt_data::ChatOptions::tools).
    ///
    /// # Errors
    /// [`DataError`], which is not known to happen.
    pub fn for_template(&self) -> Result<TemplateValue, DataError> {
        TemplateValue::from_json(&self.list.to_string())
    }

    /// The names of the functions, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|function| function.name.as_str())
    }

    /// A JSON schema of one call: of the function `name`, or of any.
    ///
    /// # Errors
    /// [`ToolsError::Unknown`].
    pub fn call_schema(&self, name: Option<&str>) -> Result<String, ToolsError> {
        let functions = self.functions.iter().enumerate();
        let wanted =
            functions.filter(|(_, function)| name.is_none_or(|name| function.name == name));
        let (mut calls, mut definitions) = (Vec::new(), Map::new());
        for (index, function) in wanted {
            let root = format!("parameters{index}");
            let mut parameters = function.parameters.clone();
            move_references(&mut parameters, &format!("#/$defs/{root}"));
            let arguments = self.form.arguments();
            calls.push(json!({
                "type": "object",
                "properties": {
                    "name": { "const": function.name },
                    arguments: { "$ref": format!("#/$defs/{root}") },
                },
                "required": ["name", arguments],
                "additionalProperties": false,
            }));
            definitions.insert(root, parameters);
        }
        if let (true, Some(name)) = (calls.is_empty(), name) {
            let known: Vec<&str> = self.names().collect();
            return Err(ToolsError::Unknown { name: name.to_owned(), known: known.join(", ") });
        }
        Ok(json!({ "anyOf": calls, "$defs": definitions }).to_string())
    }

    /// What a model writes before the JSON of a call: put at the end of the prompt, it makes the model call.
    #[must_use]
    pub fn opening(&self) -> &'static str {
        match self.form {
            Form::Tagged => "<tool_call>\n",
            Form::Mistral => "[TOOL_CALLS][",
            Form::Llama | Form::Unknown => "",
        }
    }

    /// The part of an answer, as far as it has come, that is said whatever follows: what is before anything that is a
    /// call or may become one.
    ///
    /// ```
    /// # use minigpt_data::ChatTemplate;
    /// # use minigpt_text::Tools;
    /// # let template = ChatTemplate::from_jinja("{{ tools }}<tool_call>", Default::default(), "an example")?;
    /// # let tools = r#"[{"type": "function", "function": {"name": "weather"}}]"#;
    /// # let tools = Tools::from_json(tools, &template)?;
    /// assert_eq!(tools.said("I look. <tool_"), "I look.");
    /// assert_eq!(tools.said("I look. <b"), "I look. <b");
    /// assert_eq!(tools.said("{\"name\""), "");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn said<'a>(&self, so_far: &'a str) -> &'a str {
        // Calls without a tag are the whole answer.
        if so_far.trim_start().starts_with(['{', '[']) {
            return "";
        }
        let tags = [OPEN, CALLS, PYTHON_TAG];
        let may_begin = |place: usize| {
            let rest = &so_far[place..];
            tags.iter().any(|tag| rest.starts_with(tag) || tag.starts_with(rest))
        };
        let mut places = so_far.char_indices().map(|(place, _)| place);
        let end = places.find(|place| may_begin(*place)).unwrap_or(so_far.len());
        // White space before a call is not said.
        so_far[..end].trim_end()
    }

    /// Divides an answer into what it says and its calls. Text like a call that cannot be read as one is part of what it
    /// says.
    #[must_use]
    pub fn read(&self, answer: &str) -> ToolAnswer {
        if answer.contains(OPEN) {
            return self.read_tagged(answer);
        }
        // The calls are all that there is, after what may stand before them.
        let (content, rest) =
            match [CALLS, PYTHON_TAG].iter().find_map(|tag| answer.split_once(tag)) {
                Some((content, rest)) => (content.trim(), rest),
                None => ("", answer),
            };
        match self.calls_of(rest) {
            Some(calls) => ToolAnswer { content: content.to_owned(), calls },
            None => ToolAnswer { content: answer.trim().to_owned(), calls: Vec::new() },
        }
    }

    fn read_tagged(&self, answer: &str) -> ToolAnswer {
        let (mut said, mut calls, mut rest) = (String::new(), Vec::new(), answer);
        while let Some((before, after)) = rest.split_once(OPEN) {
            // The last one may be cut off, or ended by the end of the text.
            let (inside, next) = after.split_once(CLOSE).unwrap_or((after, ""));
            said += before;
            let call = serde_json::from_str(inside).ok().and_then(|call| ToolCall::of_value(&call));
            match call {
                Some(call) => calls.push(call),
                None => said += &rest[before.len()..rest.len() - next.len()],
            }
            rest = next;
        }
        said += rest;
        ToolAnswer { content: said.trim().to_owned(), calls }
    }

    /// The calls of a text that has nothing else: objects, or a list of them, of functions that there are.
    fn calls_of(&self, text: &str) -> Option<Vec<ToolCall>> {
        let mut calls = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            match values.next()?.ok()? {
                Value::Array(list) => {
                    let list: Option<Vec<_>> = list.iter().map(ToolCall::of_value).collect();
                    calls.extend(list?);
                }
                one => calls.push(ToolCall::of_value(&one)?),
            }
            rest =
                rest[values.byte_offset()..].trim_start_matches([';', ',', ' ', '\n', '\r', '\t']);
        }
        let are_known = calls.iter().all(|call| self.names().any(|name| name == call.name));
        (are_known && !calls.is_empty()).then_some(calls)
    }
}

impl ToolCall {
    fn of_value(value: &Value) -> Option<Self> {
        // As OpenAI's API has it, the call may stand within.
        let call = value.get("function").filter(|call| call.is_object()).unwrap_or(value);
        let name = call.get("name")?.as_str()?.to_owned();
        let arguments = match call.get("arguments").or_else(|| call.get("parameters")) {
            None => json!({}),
            Some(Value::String(text)) => serde_json::from_str(text).ok()?,
            Some(arguments) => arguments.clone(),
        };
        arguments.is_object().then(|| Self { name, arguments: arguments.to_string() })
    }
}

impl Function {
    fn new(index: usize, tool: &Value) -> Result<Self, ToolsError> {
        let at = |field: &str| format!("tools[{index}].{field}");
        if tool.get("type").and_then(Value::as_str) != Some("function") {
            return Err(invalid(at("type"), "\"function\""));
        }
        let function = tool.get("function").filter(|function| function.is_object());
        let function = function.ok_or_else(|| invalid(at("function"), "an object"))?;
        let name = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid(at("function.name"), "a name"))?.to_owned();
        let parameters = match function.get("parameters") {
            None | Some(Value::Null) => json!({ "type": "object" }),
            Some(schema) if schema.is_object() => schema.clone(),
            Some(_) => return Err(invalid(at("function.parameters"), "a JSON schema")),
        };
        Ok(Self { name, parameters })
    }
}

impl Form {
    fn of(template: &str) -> Self {
        // The second is another language in the same tags.
        if template.contains(OPEN) && !template.contains("<function=") {
            Self::Tagged
        } else if template.contains(CALLS) {
            Self::Mistral
        } else if template.contains("\"parameters\"") {
            Self::Llama
        } else {
            Self::Unknown
        }
    }

    /// What a call's arguments are called.
    fn arguments(self) -> &'static str {
        if self == Self::Llama { "parameters" } else { "arguments" }
    }
}

fn invalid(place: impl Into<String>, expected: &'static str) -> ToolsError {
    ToolsError::Invalid { place: place.into(), expected }
}

/// Has references within a schema, which is put into another one, start at `root`.
fn move_references(schema: &mut Value, root: &str) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" && reference.starts_with('#') => {
                        *reference = format!("{root}{}", reference.trim_start_matches('#'));
                    }
                    value => move_references(value, root),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| move_references(value, root)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
