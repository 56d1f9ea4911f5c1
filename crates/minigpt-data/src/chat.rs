//! Conversations as the text that a model was taught to continue.

mod functions;
mod generation;
mod jinja;
mod message;
mod named;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::message::{ChatOptions, Message, TemplateValue};

use self::jinja::Jinja;
use self::message::Role;
use crate::{DataError, END_OF_TEXT, Template, Tokenizer, Turn};

/// How messages become text, and which part of it the model writes: a named template of ours, or a model's
/// own in Jinja, rendered as [transformers](https://huggingface.co/docs/transformers/chat_templating) does.
///
/// ```
/// use minigpt_data::{ChatOptions, ChatTemplate, Message};
///
/// let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}\
///               {% if add_generation_prompt %}<|assistant|>{% endif %}";
/// let tokens = [("eos_token".to_owned(), "</s>".to_owned())].into();
/// let template = ChatTemplate::from_jinja(source, tokens, "an example")?;
/// let prompt = template.prompt(&[Message::user("Why?")], &ChatOptions::default())?;
/// assert_eq!(prompt, "<|user|>Why?</s><|assistant|>");
/// # Ok::<(), minigpt_data::DataError>(())
/// ```
///
/// Serialised, a named template is its four parts, as in the configuration of older runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ChatTemplate {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Named(Template),
    Jinja(Box<Jinja>),
}

impl From<Template> for ChatTemplate {
    fn from(template: Template) -> Self {
        Self { kind: Kind::Named(template) }
    }
}

impl ChatTemplate {
    /// A template in Jinja; `tokens` are the special tokens that it may name, such as `bos_token` and
    /// `eos_token`, and `origin` is where it comes from, for errors.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`] where it is larger than a mebibyte or no template.
    pub fn from_jinja(
        source: &str,
        tokens: BTreeMap<String, String>,
        origin: &str,
    ) -> Result<Self, DataError> {
        Ok(Self::of(Jinja::new(source.to_owned(), None, tokens, origin.to_owned())?))
    }

    /// The template of a model's folder, if it has one: `chat_template.jinja`, or the one in
    /// `tokenizer_config.json`. Where there are several, it is the one called `default`, and `tool_use` for
    /// conversations with tools.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`], [`DataError::BadTokenizerConfig`] or [`DataError::Io`].
    pub fn in_folder(folder: &Path) -> Result<Option<Self>, DataError> {
        Ok(Jinja::in_folder(folder)?.map(Self::of))
    }

    fn of(jinja: Jinja) -> Self {
        Self { kind: Kind::Jinja(Box::new(jinja)) }
    }

    /// The template in Jinja, for the files of other programs: a model's own as it is, and of a named one what
    /// writes the same.
    #[must_use]
    pub fn to_jinja(&self) -> String {
        match &self.kind {
            Kind::Named(template) => template.to_jinja(),
            Kind::Jinja(jinja) => jinja.source().to_owned(),
        }
    }

    /// The special tokens that a template in Jinja may name, such as `bos_token`, as its model's files have
    /// them; none for a named one.
    #[must_use]
    pub fn tokens(&self) -> BTreeMap<String, String> {
        match &self.kind {
            Kind::Named(_) => BTreeMap::new(),
            Kind::Jinja(jinja) => jinja.tokens().clone(),
        }
    }

    /// The template in Jinja that writes conversations with [tools](ChatOptions::tools), if there is one that reads
    /// them.
    #[must_use]
    pub fn with_tools(&self) -> Option<&str> {
        match &self.kind {
            Kind::Named(_) => None,
            Kind::Jinja(jinja) => jinja.with_tools(),
        }
    }

    /// The named template that this is, if it is one.
    #[must_use]
    pub fn named(&self) -> Option<&Template> {
        match &self.kind {
            Kind::Named(template) => Some(template),
            Kind::Jinja(_) => None,
        }
    }

    /// The text that a model continues with its next message.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`] where the template refuses the messages (a role that it does not know, no
    /// `user` first), fails, or writes more than 16 MiB.
    pub fn prompt(&self, messages: &[Message], options: &ChatOptions) -> Result<String, DataError> {
        match &self.kind {
            Kind::Jinja(jinja) => jinja.render(messages, true, options),
            Kind::Named(template) => {
                let (turns, open) = named_turns(template, messages)?;
                let of_turn = |turn: &Turn| format!("{}{}{END_OF_TEXT}", turn.given, turn.answer);
                Ok(turns.iter().map(of_turn).collect::<String>() + &open)
            }
        }
    }

    /// The text of a whole conversation, without the start of a next message.
    ///
    /// # Errors
    /// As [`prompt`](Self::prompt).
    pub fn conversation(
        &self,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<String, DataError> {
        match &self.kind {
            Kind::Jinja(jinja) => jinja.render(messages, false, options),
            Kind::Named(_) => self.prompt(messages, options),
        }
    }

    /// The ids of [`prompt`](Self::prompt). The tokens that a template in Jinja names are special tokens;
    /// a named template has no more of these than what the tokenizer puts [before](Tokenizer::before_text) texts and
    /// an end of text after each answer. Nothing else stands before or after.
    ///
    /// # Errors
    /// As [`prompt`](Self::prompt) and [`Tokenizer::encode`].
    pub fn prompt_ids(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<Vec<u32>, DataError> {
        let template = match &self.kind {
            Kind::Jinja(jinja) => {
                return tokenizer.encode_with_special(&jinja.render(messages, true, options)?);
            }
            Kind::Named(template) => template,
        };
        let (turns, open) = named_turns(template, messages)?;
        let mut ids = self.turn_ids(tokenizer, &turns)?.concat().concat();
        ids.extend(match turns.is_empty() {
            true => begun(tokenizer, &open)?,
            false => tokenizer.encode_continuation(&open)?,
        });
        Ok(ids)
    }

    /// A whole conversation as turns: what the model reads, and what of it the model writes, after which
    /// [`Tokenizer::end_of_text`] follows. Where a template writes earlier answers in another way once more
    /// follows, as Qwen 3's does with thoughts, only the last answer is a turn's.
    ///
    /// Where a template marks by `{% generation %}` what the model writes, that is what it writes, with its end or
    /// without, as transformers has it in `return_assistant_tokens_mask`.
    ///
    /// # Errors
    /// As [`prompt`](Self::prompt), and [`DataError::ChatTemplate`] where there is no answer, or where the
    /// template ends one with another token.
    pub(crate) fn turns(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<Vec<Turn>, DataError> {
        let turns = match &self.kind {
            Kind::Jinja(jinja) => jinja.turns(tokenizer, messages, options)?,
            Kind::Named(template) => named_turns(template, messages)?.0,
        };
        if turns.is_empty() {
            return Err(self.refuses("the messages have no answer of the assistant's".to_owned()));
        }
        Ok(turns)
    }

    /// The ids of each turn: of what is given, and of the answer with the id that ends it. The first begins with
    /// what the tokenizer puts [before](Tokenizer::before_text) texts, which a template in Jinja writes itself.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub(crate) fn turn_ids(
        &self,
        tokenizer: &Tokenizer,
        turns: &[Turn],
    ) -> Result<Vec<[Vec<u32>; 2]>, DataError> {
        let ids = |(number, turn): (usize, &Turn)| {
            let given = match &self.kind {
                Kind::Named(_) if number == 0 => begun(tokenizer, &turn.given)?,
                Kind::Named(_) => tokenizer.encode_continuation(&turn.given)?,
                Kind::Jinja(_) => tokenizer.encode_with_special(&turn.given)?,
            };
            if turn.is_marked {
                // As one text: where a tokenizer puts a space before texts, an answer begins none. Separately where a
                // token would reach over its beginning.
                let mut whole =
                    tokenizer.encode_with_special(&(turn.given.clone() + &turn.answer))?;
                let answer = match whole.starts_with(&given) {
                    true => whole.split_off(given.len()),
                    false => tokenizer.encode_with_special(&turn.answer)?,
                };
                return Ok([given, answer]);
            }
            let mut answer = tokenizer.encode_continuation(&turn.answer)?;
            answer.push(tokenizer.end_of_text());
            Ok([given, answer])
        };
        turns.iter().enumerate().map(ids).collect()
    }

    fn refuses(&self, reason: String) -> DataError {
        DataError::ChatTemplate { origin: self.to_string(), reason }
    }
}

impl fmt::Display for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Named(_) => f.write_str(NAMED),
            Kind::Jinja(jinja) => f.write_str(jinja.origin()),
        }
    }
}

const NAMED: &str = "the run's task";

/// The ids of a text after what its tokenizer puts before texts.
fn begun(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, DataError> {
    Ok([tokenizer.before_text(), &tokenizer.encode(text)?].concat())
}

/// The turns of messages by a named template, and what is asked last, which has no answer yet.
fn named_turns(
    template: &Template,
    messages: &[Message],
) -> Result<(Vec<Turn>, String), DataError> {
    let (mut turns, mut given, mut asked) = (Vec::new(), String::new(), false);
    for (index, message) in messages.iter().enumerate() {
        match message.known_role() {
            Some(Role::System) if index == 0 => given = template.system(message.content()),
            Some(Role::User) if !asked => {
                let (instruction, input) = message.instruction();
                given += &template.prompt(instruction, input);
                asked = true;
            }
            Some(Role::Assistant) if asked => {
                let answer = message.content().to_owned();
                turns.push(Turn { given: std::mem::take(&mut given), answer, is_marked: false });
                asked = false;
            }
            _ => {
                let (number, role) = (index + 1, crate::quote::shortened(message.role()));
                let expected = if asked { "assistant" } else { "user" };
                let reason = format!("message {number} is the {role}'s: expected the {expected}'s");
                return Err(DataError::ChatTemplate { origin: NAMED.to_owned(), reason });
            }
        }
    }
    Ok((turns, given))
}

/// How a template stands in a run's configuration.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Named(Template),
    Jinja(StoredJinja),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredJinja {
    jinja: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jinja_with_tools: Option<String>,
    tokens: BTreeMap<String, String>,
    origin: String,
}

impl From<ChatTemplate> for Stored {
    fn from(template: ChatTemplate) -> Self {
        match template.kind {
            Kind::Named(template) => Self::Named(template),
            Kind::Jinja(jinja) => Self::Jinja(jinja.into_stored()),
        }
    }
}

impl TryFrom<Stored> for ChatTemplate {
    type Error = DataError;

    fn try_from(stored: Stored) -> Result<Self, DataError> {
        match stored {
            Stored::Named(template) => Ok(template.into()),
            Stored::Jinja(StoredJinja { jinja, jinja_with_tools, tokens, origin }) => {
                Ok(Self::of(Jinja::new(jinja, jinja_with_tools, tokens, origin)?))
            }
        }
    }
}
