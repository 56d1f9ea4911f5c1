//! Examples of a task from a file of records: what is given, and what is to be said or chosen.

mod conversation;
mod places;
mod preference;
mod reader;
mod records;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use self::preference::{Answered, Preference};
pub use self::reader::{ExampleReader, SkippedExamples, SplitExamples, repeated};
pub use self::records::FileLine;

use crate::{ChatOptions, ChatTemplate, DataError, Message, ReadOptions, Source, Tokenizer};

/// What is given and what is to be answered, as the model reads it: byte for byte as the file has it, with
/// the white space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// What the model reads.
    pub given: String,
    /// What it is to say then.
    pub answer: String,
    /// Whether a template's `{% generation %}` marked the answer, which then has its own end in it.
    pub is_marked: bool,
}

/// A conversation, mostly of one turn. Files of these have JSON lines, a JSON list, with `.csv` and `.tsv` a table, or
/// with `.parquet` rows; a record is one of
///
/// | fields | |
/// |---|---|
/// | `messages`, or `conversations` | a list of `role` and `content`, or of `from` and `value` as ShareGPT's |
/// | `instruction`, `input`, `output` | as [Alpaca](https://github.com/tatsu-lab/stanford_alpaca)'s; `input` may be missing |
/// | `prompt`, `completion` | texts, or lists of messages |
/// | `question`, `answer` | |
///
/// The last message is the assistant's. A content may be a list of parts of text. `system`, and `tools` for a template that
/// reads them, may stand beside all of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// Where it stands.
    pub place: FileLine,
    /// At least one.
    pub turns: Vec<Turn>,
}

/// A text and what it is. Its file is as a [`Dialogue`]'s, of records with `text` and `label`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    /// Where it stands.
    pub place: FileLine,
    /// The text.
    pub text: String,
    /// What it is.
    pub label: String,
}

impl Dialogue {
    /// Reads instructions and conversations from a file, of which none may be invalid.
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
    /// As [`ExampleReader::instructions`].
    pub fn read_instructions(
        path: &Path,
        options: &ReadOptions,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Self>, DataError> {
        let (mut reader, source) = of_path(path, options);
        Ok(reader.instructions(&source, template, tokenizer, &mut |_| {})?.train)
    }

    /// Reads records with `document` and `summary`.
    ///
    /// # Errors
    /// As [`ExampleReader::summaries`].
    pub fn read_summaries(
        path: &Path,
        options: &ReadOptions,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Self>, DataError> {
        let (mut reader, source) = of_path(path, options);
        Ok(reader.summaries(&source, template, tokenizer, &mut |_| {})?.train)
    }
}

fn of_path(path: &Path, options: &ReadOptions) -> (ExampleReader, Source) {
    (ExampleReader::new(options.clone(), false), Source::Path(path.to_owned()))
}

/// The turns of a conversation by a template, or why it refuses it.
fn turns_of(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    messages: &[Message],
    options: &ChatOptions,
) -> Result<Vec<Turn>, String> {
    template.turns(tokenizer, messages, options).map_err(|error| match error {
        DataError::ChatTemplate { reason, .. } => reason,
        other => other.to_string(),
    })
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
    /// As [`ExampleReader::labelled`].
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Vec<Self>, DataError> {
        let (mut reader, source) = of_path(path, options);
        Ok(reader.labelled(&source, &mut |_| {})?.train)
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
