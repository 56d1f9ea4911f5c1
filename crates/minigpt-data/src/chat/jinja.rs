//! Templates in Jinja, rendered by minijinja within bounds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use minigpt_files::{Limit, caught};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value};

use super::generation::{self, Marks};
use super::message::{ChatOptions, Message, TemplateValue};
use super::{StoredJinja, functions};
use crate::tokenizer_config::{TokenizerConfig, bad_config, tokenizer_config_path};
use crate::{DataError, Tokenizer, Turn};

/// The largest templates have a tenth of it.
const TEMPLATE_BYTES: usize = 1 << 20;
const TEMPLATE: Limit = Limit::new(TEMPLATE_BYTES as u64, "a chat template");

/// Bytes of text that a template may write.
const OUTPUT_BYTES: usize = 16 << 20;

/// Steps that a template may take, besides one for each byte that it is given. A step also pays for 64 bytes
/// that it makes.
const STEPS: u64 = 1_000_000;

/// Templates within templates, and calls within calls.
const DEPTH: usize = 100;

/// The file that has a template alone.
const TEMPLATE_FILE: &str = "chat_template.jinja";

/// A model's own template.
#[derive(Clone)]
pub(super) struct Jinja {
    source: String,
    with_tools: Option<String>,
    tokens: BTreeMap<String, String>,
    origin: String,
    /// Whether `{% generation %}` says what the model writes.
    is_marked: bool,
    environment: Environment<'static>,
}

const DEFAULT: &str = "default";
const TOOL_USE: &str = "tool_use";

impl std::fmt::Debug for Jinja {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jinja({}, {} bytes)", self.origin, self.source.len())
    }
}

impl PartialEq for Jinja {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.with_tools, &self.tokens)
            == (&other.source, &other.with_tools, &other.tokens)
    }
}

impl Jinja {
    pub(super) fn new(
        source: String,
        with_tools: Option<String>,
        tokens: BTreeMap<String, String>,
        origin: String,
    ) -> Result<Self, DataError> {
        let bad = |reason: String| DataError::ChatTemplate { origin: origin.clone(), reason };
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(|error| bad(reason(&error)))?);
        environment.set_recursion_limit(DEPTH);
        functions::add_to(&mut environment);
        let is_marked = generation::is_in(&source);
        for (name, source) in [(DEFAULT, Some(&source)), (TOOL_USE, with_tools.as_ref())] {
            let Some(source) = source else { continue };
            if source.len() > TEMPLATE_BYTES {
                let bytes = source.len();
                return Err(bad(format!("it has {bytes} bytes: expected a mebibyte at most")));
            }
            let source = generation::as_filters(source);
            caught(|| environment.add_template_owned(name, source))
                .map_err(bad)?
                .map_err(|error| bad(reason(&error)))?;
        }
        Ok(Self { source, with_tools, tokens, origin, is_marked, environment })
    }

    pub(super) fn in_folder(folder: &Path) -> Result<Option<Self>, DataError> {
        let config = TokenizerConfig::in_folder(folder)?;
        let path = tokenizer_config_path(folder);
        let (mut source, mut with_tools) = (None, None);
        let bad = |reason: &str| bad_config(&path, format!("chat_template: {reason}"));
        match config.chat_template() {
            None => {}
            Some(serde_json::Value::String(text)) => source = Some(text.clone()),
            Some(serde_json::Value::Array(named)) => {
                for template in named {
                    let (name, text) = (template["name"].as_str(), template["template"].as_str());
                    let text = text.ok_or_else(|| bad("expected a name and a template each"))?;
                    match name {
                        Some(DEFAULT) => source = Some(text.to_owned()),
                        Some(TOOL_USE) => with_tools = Some(text.to_owned()),
                        Some(_) => {}
                        None => return Err(bad("expected a name and a template each")),
                    }
                }
            }
            Some(_) => return Err(bad("expected a string or a list")),
        }
        let (file, mut origin) = (folder.join(TEMPLATE_FILE), path.clone());
        if file.exists() {
            source = Some(minigpt_files::read_text(&file, TEMPLATE)?);
            origin = file;
        }
        match (source, with_tools) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(bad("no template is called \"default\"")),
            (Some(source), with_tools) => {
                let origin = origin.display().to_string();
                Self::new(source, with_tools, config.tokens(), origin).map(Some)
            }
        }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// What writes conversations with tools, if it reads them.
    pub(super) fn with_tools(&self) -> Option<&str> {
        let source = self.with_tools.as_ref().unwrap_or(&self.source);
        source.contains("tools").then_some(source)
    }

    pub(super) fn tokens(&self) -> &BTreeMap<String, String> {
        &self.tokens
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn into_stored(self) -> StoredJinja {
        let Self { source, with_tools, tokens, origin, .. } = self;
        StoredJinja { jinja: source, jinja_with_tools: with_tools, tokens, origin }
    }

    /// The messages as text, with the start of the model's answer where `asks`.
    pub(super) fn render(
        &self,
        messages: &[Message],
        asks: bool,
        options: &ChatOptions,
    ) -> Result<String, DataError> {
        self.rendered(messages, asks, options, Marks::Left)
    }

    fn rendered(
        &self,
        messages: &[Message],
        asks: bool,
        options: &ChatOptions,
        marks: Marks,
    ) -> Result<String, DataError> {
        let bad = |reason: String| DataError::ChatTemplate { origin: self.origin.clone(), reason };
        if messages.is_empty() {
            return Err(bad("a conversation without messages: expected one at least".to_owned()));
        }
        let has_tools = options.tools.is_some() && self.with_tools.is_some();
        let mut environment = self.environment.clone();
        let given: usize = messages.iter().map(|message| message.content().len()).sum();
        environment.set_fuel(Some(STEPS + given as u64));
        generation::add_to(&mut environment, marks);
        functions::add_clock_to(&mut environment, options.now.unwrap_or_else(SystemTime::now));
        let context = self.context(messages, asks, options);
        let rendered = caught(|| {
            let template = environment.get_template(if has_tools { TOOL_USE } else { DEFAULT })?;
            template.render(context)
        });
        let text = rendered.map_err(bad)?.map_err(|error| bad(reason(&error)))?;
        if text.len() > OUTPUT_BYTES {
            let bytes = text.len();
            return Err(bad(format!("it writes {bytes} bytes: expected {OUTPUT_BYTES} at most")));
        }
        Ok(text)
    }

    fn context(&self, messages: &[Message], asks: bool, options: &ChatOptions) -> Value {
        let list = |value: &Option<TemplateValue>| match value {
            None => Value::from(()),
            Some(TemplateValue(value)) => value.clone(),
        };
        let mut context: BTreeMap<String, Value> = BTreeMap::new();
        context.extend(self.tokens.iter().map(|(name, token)| (name.clone(), token.into())));
        let variables = options.variables.iter();
        context.extend(variables.map(|(name, value)| (name.clone(), value.0.clone())));
        let messages: Value = messages.iter().map(Message::value).collect();
        context.insert("messages".to_owned(), messages);
        context.insert("tools".to_owned(), list(&options.tools));
        context.insert("documents".to_owned(), list(&options.documents));
        context.insert("add_generation_prompt".to_owned(), asks.into());
        Value::from_pairs(context)
    }

    /// What is given before each answer, and what of it the model writes, which ends before the end of text.
    pub(super) fn turns(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<Vec<Turn>, DataError> {
        let bad = |reason: String| DataError::ChatTemplate { origin: self.origin.clone(), reason };
        if self.is_marked {
            return self.marked_turns(messages, options);
        }
        let end = tokenizer.decode(&[tokenizer.end_of_text()])?;
        let (mut turns, mut before) = (Vec::<Turn>::new(), String::new());
        let answers =
            messages.iter().enumerate().filter(|(_, message)| message.role() == "assistant");
        for (index, message) in answers {
            if index == 0 {
                return Err(bad("message 1 is the assistant's: expected the user's".to_owned()));
            }
            let prompt = self.render(&messages[..index], true, options)?;
            let whole = self.render(&messages[..=index], false, options)?;
            let Some(written) = whole.strip_prefix(prompt.as_str()) else {
                let number = index + 1;
                return Err(bad(format!("message {number} does not follow what asks for it")));
            };
            let said = message.content().trim();
            let from = written.find(said).map_or(0, |at| at + said.len());
            let Some(at) = written[from..].find(&end) else {
                let number = index + 1;
                return Err(bad(format!(
                    "it does not end message {number} with {end:?}, the end of text"
                )));
            };
            let answer = written[..from + at].to_owned();
            let given = match prompt.strip_prefix(before.as_str()) {
                Some(given) => given.to_owned(),
                None => {
                    turns.clear();
                    prompt.clone()
                }
            };
            before = format!("{prompt}{answer}{end}");
            turns.push(Turn { given, answer, is_marked: false });
        }
        Ok(turns)
    }

    /// As [`turns`](Self::turns), where the template says itself what the model writes.
    fn marked_turns(
        &self,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<Vec<Turn>, DataError> {
        let plain = self.render(messages, false, options)?;
        let marked = self.rendered(messages, false, options, Marks::Written)?;
        generation::turns(&plain, &marked)
            .map_err(|reason| DataError::ChatTemplate { origin: self.origin.clone(), reason })
    }
}

/// What minijinja says, in one line.
fn reason(error: &minijinja::Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps, or makes too much text".to_owned(),
        (functions::REFUSED, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    let what = what.lines().collect::<Vec<_>>().join(" ");
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}
