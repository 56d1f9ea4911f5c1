//! Examples of a task from a file of records: what is given, and what is to be said or chosen.

mod records;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use self::records::{Record, bad_example, read};
use crate::quote::shortened;
use crate::{DataError, Template};

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
    /// `content` in which `user` and `assistant` take turns, perhaps after a `system`.
    ///
    /// ```
    /// use minigpt_data::{Dialogue, Template};
    ///
    /// let file = tempfile::NamedTempFile::new()?;
    /// fs_err::write(file.path(), r#"{"instruction": "Add.", "input": "1 and 2", "output": "3"}"#)?;
    /// let dialogues = Dialogue::read_instructions(file.path(), &Template::instruct())?;
    /// let turn = &dialogues[0].turns[0];
    /// assert_eq!(turn.given, "### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n");
    /// assert_eq!(turn.answer, "3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::BadExample`] for a record that is none of these, [`DataError::NoExamples`],
    /// [`DataError::Missing`], [`DataError::NotText`], [`DataError::Io`].
    pub fn read_instructions(path: &Path, template: &Template) -> Result<Vec<Self>, DataError> {
        read_each(path, |record| {
            if let Some(messages) = record.list("messages")? {
                return turns(&messages, template);
            }
            let input = record.optional_text("input")?.unwrap_or_default();
            let given = template.prompt(record.text("instruction")?, input);
            Ok(vec![Turn { given, answer: record.text("output")?.to_owned() }])
        })
    }

    /// Reads records with `document` and `summary`.
    ///
    /// # Errors
    /// As [`read_instructions`](Self::read_instructions).
    pub fn read_summaries(path: &Path, template: &Template) -> Result<Vec<Self>, DataError> {
        read_each(path, |record| {
            let given = template.prompt(record.text("document")?, "");
            Ok(vec![Turn { given, answer: record.text("summary")?.to_owned() }])
        })
    }
}

fn read_each(
    path: &Path,
    turns: impl Fn(&Record) -> Result<Vec<Turn>, String>,
) -> Result<Vec<Dialogue>, DataError> {
    let dialogue = |record: Record| match turns(&record) {
        Ok(turns) => Ok(Dialogue { line: record.line, turns }),
        Err(reason) => Err(bad_example(path, record.line, reason)),
    };
    read(path)?.into_iter().map(dialogue).collect()
}

/// The turns of a list of messages.
fn turns(messages: &[Record], template: &Template) -> Result<Vec<Turn>, String> {
    let (mut turns, mut given, mut expected) = (Vec::new(), String::new(), "user");
    for (index, message) in messages.iter().enumerate() {
        let (role, content) = (message.text("role")?, message.text("content")?);
        match role {
            "system" if index == 0 => given = template.system(content),
            "user" if expected == "user" => {
                given += &template.prompt(content, "");
                expected = "assistant";
            }
            "assistant" if expected == "assistant" => {
                turns.push(Turn { given: std::mem::take(&mut given), answer: content.to_owned() });
                expected = "user";
            }
            _ => {
                let number = index + 1;
                let role = shortened(role);
                return Err(format!("message {number} is the {role}'s: expected the {expected}'s"));
            }
        }
    }
    if turns.is_empty() || expected == "assistant" {
        return Err("the messages end without an answer: expected the assistant's last".to_owned());
    }
    Ok(turns)
}

impl LabelledText {
    /// Reads records with `text` and `label`.
    ///
    /// # Errors
    /// As [`Dialogue::read_instructions`].
    pub fn read(path: &Path) -> Result<Vec<Self>, DataError> {
        let labelled = |record: Record| {
            let line = record.line;
            let text = record.text("text").map(str::to_owned);
            text.and_then(|text| Ok(Self { line, text, label: record.name("label")? }))
                .map_err(|reason| bad_example(path, line, reason))
        };
        read(path)?.into_iter().map(labelled).collect()
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
