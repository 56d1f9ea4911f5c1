//! How well questions find their passages.

use std::path::Path;

use minigpt_files::{Limit, excerpt, read_text};
use serde::{Deserialize, Serialize};

use crate::{Found, Index, RetrievalError};

/// How many passages are looked at.
const DEPTH: usize = 10;

/// The numbers of passages within which the right one may be.
const WITHIN: [usize; 4] = [1, 3, 5, DEPTH];

/// A hundred thousand questions of a paragraph each.
const QUESTIONS: Limit = Limit::new(64 << 20, "a file of questions");

/// A question, with where its answer is and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// What is asked.
    pub question: String,
    /// The text that has the answer: its name in the index, or the end of it, whole parts of a path.
    pub source: String,
    /// The line of that text.
    pub source_line: usize,
    /// The answer, in the words of that line.
    pub answer: String,
}

/// Reads a file of questions, a JSON object a line, empty lines left out:
///
/// ```json
/// {"question": "Who walked to the sea?", "source": "sea.txt:1", "answer": "Anne"}
/// ```
///
/// # Errors
/// [`RetrievalError::Io`], [`RetrievalError::QuestionLine`] and [`RetrievalError::NoQuestions`].
pub fn read_questions(path: &Path) -> Result<Vec<Question>, RetrievalError> {
    let text = read_text(path, QUESTIONS)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut questions = Vec::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = index + 1;
        let bad = |reason: String| {
            let reason = excerpt(&reason);
            RetrievalError::QuestionLine { path: path.to_owned(), line, reason }
        };
        questions.push(parse(line, text).map_err(bad)?);
    }
    if questions.is_empty() {
        return Err(RetrievalError::NoQuestions { path: path.to_owned() });
    }
    Ok(questions)
}

fn parse(line: usize, text: &str) -> Result<Question, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Record {
        question: String,
        source: String,
        answer: String,
    }

    let Record { question, source, answer } = serde_json::from_str(text)
        .map_err(|error| format!("{error}; expected an object with question, source and answer"))?;
    for (name, value) in [("question", &question), ("answer", &answer)] {
        if value.trim().is_empty() {
            return Err(format!("an empty {name}: expected some words"));
        }
    }
    let place = source.rsplit_once(':').and_then(|(source, line)| {
        let line = line.parse().ok().filter(|line| *line > 0)?;
        (!source.is_empty()).then(|| (source.to_owned(), line))
    });
    let (source, source_line) = place.ok_or_else(|| {
        format!("source {source:?}: expected a file and a line of it, as in \"sea.txt:12\"")
    })?;
    Ok(Question { line, question, source, source_line, answer })
}

impl Question {
    /// Whether a passage has the line of the answer and, since it may have a part of a long line only,
    /// the answer's words one after the other.
    pub(crate) fn is_answered_by(&self, found: &Found) -> bool {
        let passage = &found.passage;
        (passage.first_line..=passage.last_line).contains(&self.source_line)
            && self.is_from(&passage.source)
            && folded(&passage.text).contains(&folded(&self.answer))
    }

    fn is_from(&self, source: &str) -> bool {
        Path::new(source).ends_with(&self.source)
    }
}

/// A text in lower case with single spaces.
fn folded(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How well the passages of questions were found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetrievalReport {
    /// Number of questions.
    pub questions: usize,
    /// How many of the questions have their passage among the first few.
    pub recall: Vec<Recall>,
    /// The mean over the questions of one over the place of their passage, none counted as 0, among ten:
    /// the mean reciprocal rank ([Voorhees, 1999](https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf)),
    /// cut at ten as [MS MARCO](https://arxiv.org/abs/1611.09268) does.
    pub mrr: f64,
    /// What was found for each question, in the order of the file.
    pub hits: Vec<Hit>,
}

/// The part of the questions whose passage is among the first `k`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recall {
    /// Number of passages looked at.
    pub k: usize,
    /// From 0 to 1.
    pub recall: f64,
}

/// Where the passage of one question was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The question's line in the file.
    pub line: usize,
    /// The place of the first passage that answers it, counted from 1.
    pub rank: Option<usize>,
}

/// Searches for each question; `path`, the questions' file, is for errors.
///
/// # Errors
/// [`RetrievalError::QuestionLine`] where a source is not in the index, and [`RetrievalError::Damaged`].
pub fn evaluate(
    index: &Index,
    path: &Path,
    questions: &[Question],
) -> Result<RetrievalReport, RetrievalError> {
    let mut hits = Vec::new();
    for question in questions {
        let line = question.line;
        if !index.sources().any(|source| question.is_from(source)) {
            let reason = format!(
                "source {:?} is not in the index: expected one of its texts, such as {:?}",
                question.source,
                index.sources().next().unwrap_or_default()
            );
            return Err(RetrievalError::QuestionLine { path: path.to_owned(), line, reason });
        }
        let found = index.search(&question.question, DEPTH)?;
        let rank = found.iter().position(|found| question.is_answered_by(found));
        hits.push(Hit { line, rank: rank.map(|rank| rank + 1) });
    }
    Ok(report(hits))
}

fn report(hits: Vec<Hit>) -> RetrievalReport {
    let questions = hits.len();
    let mean = |value: &dyn Fn(usize) -> f64| {
        let sum: f64 = hits.iter().filter_map(|hit| hit.rank).map(value).sum();
        sum / questions.max(1) as f64
    };
    let recall =
        WITHIN.map(|k| Recall { k, recall: mean(&|rank| f64::from(u8::from(rank <= k))) }).to_vec();
    let mrr = mean(&|rank| 1.0 / rank as f64);
    RetrievalReport { questions, recall, mrr, hits }
}

#[cfg(test)]
mod tests;
