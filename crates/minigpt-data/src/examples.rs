//! Examples of a task from a file of records: what is given, and what is to be said or chosen.

mod records;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::{Duration, SystemTime};

use self::records::{Record, bad_example, read};
use crate::{ChatOptions, ChatTemplate, DataError, Message, ReadOptions, TemplateValue, Tokenizer};

/// What is given and what is to be answered, as the model reads it: byte for byte as the file has it, with
/// the white space at its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What the model reads.
    pub given: String,
    /// What it is to say then.
    pub answer: String,
}

/// A conversation, mostly of one turn. Its file has JSON lines, a JSON list, or with `.csv` and
/// `.tsv` a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// Where in the file it begins, counted from 1.
    pub line: u64,
    /// At least one.
    pub turns: Vec<Turn>,
}

/// A text and what it is. Its file is as a [`Dialogue`]'s, of records with `text` and `label`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    /// Where in the file it begins, counted from 1.
    pub line: u64,
    /// The text.
    pub text: String,
    /// What it is.
    pub label: String,
}

impl Dialogue {
    /// Reads instructions: records with `instruction`, perhaps `input`, and `output`, as those of
    /// [Alpaca](https://github.com/tatsu-lab/stanford_alpaca), or with `messages`, a list of `role` and
    /// `content` in which `user` and `assistant` take turns, perhaps after a `system`; a template in Jinja
    /// may know more roles and fields, and `tools` beside the messages. Of `options`, those count that say how
    /// the file's bytes are read: `lossy` and `separator`.
    ///
    /// ```
    /// use minigpt_data::{Dialogue, ReadOptions, Template, Tokenizer};
    ///
    /// let file = tempfile::NamedTempFile::new()?;
    /// fs_err::write(file.path(), r#"{"instruction": "Add.", "input": "1 and 2", "output": "3"}"#)?;
    /// let (template, tokenizer) = (Template::instruct().into(), Tokenizer::bytes()?);
    /// let options = ReadOptions::default();
    /// let dialogues = Dialogue::read_instructions(file.path(), &options, &template, &tokenizer)?;
    /// let turn = &dialogues[0].turns[0];
    /// assert_eq!(turn.given, "### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n");
    /// assert_eq!(turn.answer, "3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::BadExample`] for a record that is none of these or that the template refuses,
    /// [`DataError::NoExamples`], [`DataError::Missing`], [`DataError::NotText`], [`DataError::Io`].
    pub fn read_instructions(
        path: &Path,
        options: &ReadOptions,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Self>, DataError> {
        read_each(path, options, template, tokenizer, |record| match record.list("messages")? {
            Some(list) => Ok((messages(record, &list, template)?, chat_options(record)?)),
            None => {
                let input = record.optional_text("input")?.unwrap_or_default();
                let question = Message::user_about(record.text("instruction")?, input);
                Ok((vec![question, Message::assistant(record.text("output")?)], no_options()))
            }
        })
    }

    /// Reads records with `document` and `summary`.
    ///
    /// # Errors
    /// As [`read_instructions`](Self::read_instructions).
    pub fn read_summaries(
        path: &Path,
        options: &ReadOptions,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Self>, DataError> {
        read_each(path, options, template, tokenizer, |record| {
            let document = Message::user(record.text("document")?);
            Ok((vec![document, Message::assistant(record.text("summary")?)], no_options()))
        })
    }
}

type Conversation = (Vec<Message>, ChatOptions);

fn read_each(
    path: &Path,
    options: &ReadOptions,
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    conversation: impl Fn(&Record) -> Result<Conversation, String>,
) -> Result<Vec<Dialogue>, DataError> {
    let turns = |record: &Record| {
        let (messages, options) = conversation(record)?;
        template.turns(tokenizer, &messages, &options).map_err(|error| match error {
            DataError::ChatTemplate { reason, .. } => reason,
            other => other.to_string(),
        })
    };
    let dialogue = |record: Record| match turns(&record) {
        Ok(turns) => Ok(Dialogue { line: record.line, turns }),
        Err(reason) => Err(bad_example(path, record.line, reason)),
    };
    read(path, options)?.into_iter().map(dialogue).collect()
}

/// The messages of a record, the last of which is an answer.
fn messages(
    record: &Record,
    list: &[Record],
    template: &ChatTemplate,
) -> Result<Vec<Message>, String> {
    let messages = match template.named() {
        Some(_) => {
            let message = |message: &Record| {
                Ok(Message::new(message.text("role")?, message.text("content")?))
            };
            list.iter().map(message).collect::<Result<Vec<_>, String>>()?
        }
        // With all its fields, which only the template knows.
        None => {
            let json = record.json("messages").unwrap_or_default();
            Message::list_from_json(&json).map_err(|error| error.to_string())?
        }
    };
    match messages.last() {
        Some(last) if last.role() == "assistant" => Ok(messages),
        _ => Err("the messages end without an answer: expected the assistant's last".to_owned()),
    }
}

/// What else a record tells a template.
fn chat_options(record: &Record) -> Result<ChatOptions, String> {
    let tools = record.json("tools").map(|json| TemplateValue::from_json(&json)).transpose();
    Ok(ChatOptions { tools: tools.map_err(|error| error.to_string())?, ..no_options() })
}

/// The date for templates that tell it, the same at each reading, so that a resumed run sees the same tokens:
/// 26 July 2024, which Llama 3's takes where it knows none.
const DATE: Duration = Duration::from_secs(1_721_952_000);

fn no_options() -> ChatOptions {
    ChatOptions { now: Some(SystemTime::UNIX_EPOCH + DATE), ..ChatOptions::default() }
}

impl LabelledText {
    /// Reads records with `text` and `label`.
    ///
    /// # Errors
    /// As [`Dialogue::read_instructions`].
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Vec<Self>, DataError> {
        let labelled = |record: Record| {
            let line = record.line;
            let text = record.text("text").map(str::to_owned);
            text.and_then(|text| Ok(Self { line, text, label: record.name("label")? }))
                .map_err(|reason| bad_example(path, line, reason))
        };
        read(path, options)?.into_iter().map(labelled).collect()
    }

    /// The labels that there are, each once and in order.
    ///
    /// # Errors
    /// [`DataError::OneLabel`] where there is nothing to tell apart; `path` is for it.
    pub fn labels(texts: &[Self], path: &Path) -> Result<Vec<String>, DataError> {
        let labels: std::collections::BTreeSet<_> = texts.iter().map(|text| &text.label).collect();
        let labels: Vec<String> = labels.into_iter().cloned().collect();
        match &labels[..] {
            [_, _, ..] => Ok(labels),
            _ => {
                let label = labels.into_iter().next().unwrap_or_default();
                Err(DataError::OneLabel { path: path.to_owned(), label })
            }
        }
    }
}

/// Pairs of labels that differ in the way they are written alone, and are perhaps meant to be one: `1` and
/// `1.0`, `Spam` and `spam`. They are told apart all the same; a program can warn.
#[must_use]
pub fn similar_labels(labels: &[String]) -> Vec<[&str; 2]> {
    let mut first = HashMap::new();
    let mut pairs = Vec::new();
    for label in labels {
        let meaning = match label.parse::<f64>() {
            // Negative zero is zero.
            Ok(number) => (number + 0.0).to_string(),
            Err(_) => label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        };
        match first.entry(meaning) {
            Entry::Vacant(place) => _ = place.insert(label.as_str()),
            Entry::Occupied(other) => pairs.push([*other.get(), label.as_str()]),
        }
    }
    pairs
}

/// Splits off the last tenth of the examples, at least one.
///
/// # Errors
/// [`DataError::TooFewExamples`] where nothing would be left; `path` is for it.
pub fn last_tenth<T>(mut examples: Vec<T>, path: &Path) -> Result<[Vec<T>; 2], DataError> {
    let number = examples.len();
    if number < 2 {
        return Err(DataError::TooFewExamples { path: path.to_owned(), number });
    }
    let held_out = examples.split_off(number - (number / 10).max(1));
    Ok([examples, held_out])
}
