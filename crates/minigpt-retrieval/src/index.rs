//! What is found in an index.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::analyzer::terms;
use crate::bm25::Bm25;
use crate::contents::IndexedText;
use crate::file::{damaged, open};
use crate::stored::{Posting, Stored};
use crate::words::words;
use crate::{Passage, RetrievalError};

/// A passage that a question may be about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The passage.
    #[serde(flatten)]
    pub passage: Passage,
    /// Its BM25 score; the larger, the better, and only comparable for one question.
    pub score: f32,
}

/// An index to search, as it was when it was opened.
pub struct Index {
    folder: PathBuf,
    stored: Stored,
    bm25: Bm25,
    /// Each text's name, with the number of its first passage.
    sources: Vec<(usize, String)>,
}

impl Index {
    /// Opens what [`update`](crate::update) made.
    ///
    /// # Errors
    /// [`RetrievalError::NoIndex`], [`RetrievalError::OtherVersion`], [`RetrievalError::Damaged`] and
    /// [`RetrievalError::Io`].
    pub fn open(folder: &Path) -> Result<Self, RetrievalError> {
        let stored = open(folder)?;
        let bm25 = Bm25::new(stored.lengths());
        let mut first = 0;
        let source = |(source, text): (&String, &IndexedText)| {
            let from = (first, source.clone());
            first += text.passages;
            from
        };
        let sources = stored.contents.texts.iter().map(source).collect();
        Ok(Self { folder: folder.to_owned(), stored, bm25, sources })
    }

    /// Number of texts in the index.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.sources.len()
    }

    /// Number of passages in the index, of all texts.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.stored.passages()
    }

    /// The texts' names.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|(_, source)| source.as_str())
    }

    /// The passages that have words of the question, the best `most` of them, best first: by BM25, and
    /// where that is equal by source and line.
    ///
    /// # Errors
    /// [`RetrievalError::Damaged`].
    pub fn search(&self, question: &str, most: usize) -> Result<Vec<Found>, RetrievalError> {
        let mut scores = vec![0.0; self.passages()];
        for term in terms(question).collect::<BTreeSet<_>>() {
            let postings = self.postings(&term)?;
            let idf = self.bm25.idf(postings.len());
            for Posting { passage, count } in postings {
                let length = self.stored.length(passage);
                scores[passage] += self.bm25.score(idf, count, length);
            }
        }
        let found = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0);
        // Scores as they are given: what looks equal is equal.
        let mut best: Vec<_> = found.map(|(passage, score)| (passage, score as f32)).collect();
        // Passages are in the order of their sources and lines.
        let order = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if most < best.len() {
            best.select_nth_unstable_by(most, order);
            best.truncate(most);
        }
        best.sort_unstable_by(order);
        let found = |(passage, score)| Ok(Found { passage: self.passage(passage)?, score });
        best.into_iter().map(found).collect()
    }

    fn passage(&self, number: usize) -> Result<Passage, RetrievalError> {
        let stored = self.stored.passage(number);
        let stored = stored.ok_or_else(|| damaged(&self.folder, "a passage is not UTF-8"))?;
        let after = self.sources.partition_point(|(first, _)| *first <= number);
        Ok(Passage {
            source: self.sources[after - 1].1.clone(),
            first_line: stored.first_line as usize,
            last_line: stored.last_line as usize,
            text: stored.text.to_owned(),
        })
    }

    fn postings(&self, term: &str) -> Result<Vec<Posting>, RetrievalError> {
        let reason = || format!("the passages with {term:?} are not those of the index");
        self.stored.postings(term).ok_or_else(|| damaged(&self.folder, &reason()))
    }

    /// As much of what was found as fits a prompt, best first: whole passages as long as `fits` says
    /// that all so far do; of the best, where not even that fits, the stretch of words that is most
    /// about the question.
    ///
    /// # Errors
    /// [`RetrievalError::Damaged`], and those of `fits`.
    pub fn excerpts<E: From<RetrievalError>>(
        &self,
        question: &str,
        found: &[Found],
        fits: &mut dyn FnMut(&[String]) -> Result<bool, E>,
    ) -> Result<Vec<String>, E> {
        let mut texts = Vec::new();
        for Found { passage, .. } in found {
            texts.push(passage.text.clone());
            if !fits(&texts)? {
                texts.pop();
                break;
            }
        }
        let Some(best) = found.first().filter(|_| texts.is_empty()) else { return Ok(texts) };
        let (weights, text) = (self.weights(question)?, &best.passage.text);
        // More words are more tokens, so that the longest is between one that fits and one that does not.
        let (mut fitting, mut too_many) = (0, words(text).count());
        while fitting + 1 < too_many {
            let middle = fitting.midpoint(too_many);
            if fits(&[stretch(&weights, text, middle)])? {
                fitting = middle;
            } else {
                too_many = middle;
            }
        }
        if fitting > 0 {
            texts.push(stretch(&weights, text, fitting));
        }
        Ok(texts)
    }

    /// The stretch of at most `most` words of a text whose words, each counted once and by its rarity,
    /// say most about the question; the first of equals.
    ///
    /// # Errors
    /// [`RetrievalError::Damaged`].
    pub fn excerpt(
        &self,
        question: &str,
        text: &str,
        most: usize,
    ) -> Result<String, RetrievalError> {
        Ok(stretch(&self.weights(question)?, text, most))
    }

    /// Inverse document frequencies of the question's words, as BM25 has them.
    fn weights(&self, question: &str) -> Result<BTreeMap<String, f64>, RetrievalError> {
        let weight = |term: String| {
            let with = self.postings(&term)?.len();
            Ok((term, self.bm25.idf(with)))
        };
        terms(question).map(weight).collect()
    }
}

/// The first stretch of at most `most` words whose terms, each counted once, weigh most.
fn stretch(weights: &BTreeMap<String, f64>, text: &str, most: usize) -> String {
    let words: Vec<_> = words(text).collect();
    if words.len() <= most || most == 0 {
        return if most == 0 { String::new() } else { text.to_owned() };
    }
    // A word of white space's may be several terms, `to-day` for instance.
    let of_word = |word: &Range<usize>| terms(&text[word.clone()]).collect();
    let terms: Vec<BTreeSet<String>> = words.iter().map(of_word).collect();
    let value = |start: usize| -> f64 {
        let covered: BTreeSet<&String> = terms[start..start + most].iter().flatten().collect();
        covered.into_iter().filter_map(|term| weights.get(term)).sum()
    };
    let better = |best: (usize, f64), start| {
        let value = value(start);
        if value > best.1 { (start, value) } else { best }
    };
    let (start, _) = (1..=words.len() - most).fold((0, value(0)), better);
    text[words[start].start..words[start + most - 1].end].to_owned()
}
