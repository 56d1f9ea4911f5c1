//! What can be wrong with texts, an index or questions, each in one line that says what to do about it.

use std::path::PathBuf;

/// Everything that can go wrong between a folder of texts and a passage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrievalError {
    /// Nothing exists at a path that was given.
    #[error("{path} does not exist: expected a text file or a folder of text files", path = path.display())]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A file that was given by its name is not text.
    #[error("{path} is not text: {reason}; expected UTF-8", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What was found there.
        reason: String,
    },
    /// No text in all that was given.
    #[error("{places}: no text to index; expected UTF-8 files with words in them")]
    NoText {
        /// The folders and files, joined with commas.
        places: String,
    },
    /// A folder that holds something else, or is missing.
    #[error("{path} is not an index: expected a folder made by `minigpt index`, or the name of a new folder", path = path.display())]
    NoIndex {
        /// The folder.
        path: PathBuf,
    },
    /// An index that another version of minigpt wrote.
    #[error("{path} was made by another version of minigpt: {reason}; remove it or choose another name, and index the texts again: `minigpt index TEXTS --out NAME`", path = path.display())]
    OtherVersion {
        /// The folder.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// An index that cannot be read.
    #[error("{path} is damaged: {reason}; remove it and index the texts again", path = path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An index that could not be written.
    #[error("cannot write {path}: {reason}; nothing was changed", path = path.display())]
    Unwritten {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// More than an index can hold, which is made in memory.
    #[error(
        "an index holds at most {most}, and these texts have more: split them over several indexes"
    )]
    TooMuch {
        /// What it can hold.
        most: &'static str,
    },
    /// A length of passages out of its range.
    #[error("passages of {words} words: expected {} to {}", crate::chunk::WORDS.start(), crate::chunk::WORDS.end())]
    Words {
        /// The length that was asked for.
        words: usize,
    },
    /// A line of a file of questions that is invalid, or whose source is not in the index.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    QuestionLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// A file without questions.
    #[error("{path} holds no questions: expected on each line a JSON object with question, source and answer", path = path.display())]
    NoQuestions {
        /// The file.
        path: PathBuf,
    },
    /// The operating system failed; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
