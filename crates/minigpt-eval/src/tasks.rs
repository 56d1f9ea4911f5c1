//! Questions for a model, in files of JSON lines.

use std::path::{Path, PathBuf};

use minigpt_files::{Limit, excerpt, read_text};
use serde::Deserialize;
use serde_json::Value;

use crate::error::EvalError;

/// Five times what HellaSwag has, training part included.
const QUESTIONS: Limit = Limit::new(256 << 20, "a file of questions");

/// A file of questions of one kind, a JSON object a line:
///
/// ```json
/// {"question": "The opposite of hot is", "choices": ["warm", "cold", "fire"], "answer": 1}
/// ```
///
/// is multiple choice: each choice is what may follow the question and a space, `answer` is the number
/// of the right one, counted from 0.
///
/// ```json
/// {"text": "The dog barked at the cat, and the cat ran from the dog"}
/// ```
///
/// is a cloze: the last word, with the space before it, is to be predicted from all before it. Empty
/// lines are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub questions: Questions,
}

/// The questions of a file, which are all of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Questions {
    /// Choose the likeliest.
    MultipleChoice(Vec<MultipleChoice>),
    /// Predict the last word.
    Cloze(Vec<Cloze>),
}

/// A question with the answers to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultipleChoice {
    /// Its line in the file, counted from 1.
    #[serde(skip)]
    pub line: usize,
    /// What is asked, or the start of a sentence.
    pub question: String,
    /// What may follow; two at least.
    pub choices: Vec<String>,
    /// The number of the right one, from 0.
    pub answer: usize,
}

/// A text whose last word is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloze {
    /// Its line in the file, counted from 1.
    #[serde(skip)]
    pub line: usize,
    /// The text, at least two words.
    pub text: String,
}

impl Task {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EvalError::Io`], or [`EvalError::TaskLine`] for a line that is not a question, or not of the
    /// kind of the first, and [`EvalError::EmptyTask`].
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let text = read_text(path, QUESTIONS)?;
        let (mut choices, mut clozes) = (Vec::new(), Vec::new());
        for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = index + 1;
            let bad = |reason| EvalError::TaskLine { path: path.to_owned(), line, reason };
            match parse(text).map_err(bad)? {
                Question::MultipleChoice(_) if !clozes.is_empty() => return Err(bad(mixed())),
                Question::Cloze(_) if !choices.is_empty() => return Err(bad(mixed())),
                Question::MultipleChoice(choice) => choices.push(MultipleChoice { line, ..choice }),
                Question::Cloze(cloze) => clozes.push(Cloze { line, ..cloze }),
            }
        }
        let questions = match (choices.is_empty(), clozes.is_empty()) {
            (true, true) => return Err(EvalError::EmptyTask { path: path.to_owned() }),
            (false, _) => Questions::MultipleChoice(choices),
            (true, false) => Questions::Cloze(clozes),
        };
        Ok(Self { path: path.to_owned(), questions })
    }
}

fn mixed() -> String {
    "it is of another kind than the lines before: expected one kind in a file".to_owned()
}

enum Question {
    MultipleChoice(MultipleChoice),
    Cloze(Cloze),
}

fn parse(line: &str) -> Result<Question, String> {
    const EXPECTED: &str =
        "expected an object with question, choices and answer, or with text alone";
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("{error}; {EXPECTED}"))?;
    let failed = |error: serde_json::Error| format!("{}; {EXPECTED}", excerpt(&error.to_string()));
    if value.get("text").is_some() {
        let cloze: Cloze = serde_json::from_value(value).map_err(failed)?;
        check_cloze(&cloze).map(|()| Question::Cloze(cloze))
    } else {
        let choice: MultipleChoice = serde_json::from_value(value).map_err(failed)?;
        check_choice(&choice).map(|()| Question::MultipleChoice(choice))
    }
}

fn check_choice(question: &MultipleChoice) -> Result<(), String> {
    let number = question.choices.len();
    if number < 2 {
        return Err(format!("{number} choices: expected two at least"));
    }
    if question.choices.iter().any(String::is_empty) {
        return Err("an empty choice: expected some text".to_owned());
    }
    if question.answer >= number {
        let last = number - 1;
        return Err(format!("answer {} is out of range: expected 0 to {last}", question.answer));
    }
    Ok(())
}

fn check_cloze(cloze: &Cloze) -> Result<(), String> {
    match cloze.text.rsplit_once(' ') {
        Some((before, last)) if !before.trim().is_empty() && !last.trim().is_empty() => Ok(()),
        _ => Err("expected two words at least, and no space at the end".to_owned()),
    }
}

#[cfg(test)]
mod tests;
