//! What is found in an index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{IndexReader, ReloadPolicy, TantivyDocument, Term};

use crate::analyzer::analyzer;
use crate::contents::{Contents, open, reading};
use crate::fields::Fields;
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
    fields: Fields,
    contents: Contents,
    analyzer: TextAnalyzer,
    reader: IndexReader,
}

impl Index {
    /// Opens what [`update`](crate::update) made.
    ///
    /// # Errors
    /// [`RetrievalError::NoIndex`], [`RetrievalError::OtherVersion`] and [`RetrievalError::Damaged`].
    pub fn open(folder: &Path) -> Result<Self, RetrievalError> {
        let (index, contents) = open(folder)?;
        let contents =
            contents.ok_or_else(|| RetrievalError::NoIndex { path: folder.to_owned() })?;
        // It is as it was when it was opened: nothing needs to watch the folder.
        let reader = reading(folder, || {
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()
        })?;
        let (fields, _) = Fields::new();
        Ok(Self { folder: folder.to_owned(), fields, contents, analyzer: analyzer(), reader })
    }

    /// The most words of a passage, as the index was made with.
    #[must_use]
    pub fn words(&self) -> usize {
        self.contents.words
    }

    /// Number of texts in the index.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.contents.texts.len()
    }

    /// Number of passages in the index, of all texts.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.contents.passages()
    }

    /// The texts' names.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.contents.texts.keys().map(String::as_str)
    }

    /// The passages that have words of the question, the best `most` of them, best first: by BM25, and
    /// where that is equal by source and line.
    ///
    /// # Errors
    /// [`RetrievalError::Damaged`].
    pub fn search(&self, question: &str, most: usize) -> Result<Vec<Found>, RetrievalError> {
        let terms = self.terms(question);
        if terms.is_empty() || most == 0 {
            return Ok(Vec::new());
        }
        let each = |term: &String| -> Box<dyn Query> {
            let term = Term::from_field_text(self.fields.text, term);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
        };
        let query = BooleanQuery::union(terms.iter().map(each).collect());
        let mut found = reading(&self.folder, || {
            let searcher = self.reader.searcher();
            let best = searcher.search(&query, &TopDocs::with_limit(most).order_by_score())?;
            let each = best.into_iter().map(|(score, address)| {
                let document: TantivyDocument = searcher.doc(address)?;
                Ok(Found { passage: self.fields.passage(&document), score })
            });
            each.collect::<tantivy::Result<Vec<_>>>()
        })?;
        let place = |found: &Found| (found.passage.source.clone(), found.passage.first_line);
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b))));
        Ok(found)
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
        let text = &best.passage.text;
        // More words are more tokens, so that the longest is between one that fits and one that does not.
        let (mut fitting, mut too_many) = (0, words(text).count());
        while fitting + 1 < too_many {
            let middle = fitting.midpoint(too_many);
            if fits(&[self.excerpt(question, text, middle)?])? {
                fitting = middle;
            } else {
                too_many = middle;
            }
        }
        if fitting > 0 {
            texts.push(self.excerpt(question, text, fitting)?);
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
        let weights = self.weights(question)?;
        let words: Vec<_> = words(text).collect();
        if words.len() <= most || most == 0 {
            return Ok(if most == 0 { String::new() } else { text.to_owned() });
        }
        // A word of white space's may be several of the analyzer's, `to-day` for instance.
        let terms: Vec<BTreeSet<String>> =
            words.iter().map(|word| self.terms(&text[word.clone()])).collect();
        let value = |start: usize| -> f64 {
            let covered: BTreeSet<&String> = terms[start..start + most].iter().flatten().collect();
            covered.into_iter().filter_map(|term| weights.get(term)).sum()
        };
        let better = |best: (usize, f64), start| {
            let value = value(start);
            if value > best.1 { (start, value) } else { best }
        };
        let (start, _) = (1..=words.len() - most).fold((0, value(0)), better);
        Ok(text[words[start].start..words[start + most - 1].end].to_owned())
    }

    /// Inverse document frequencies of the question's words, as BM25 has them.
    fn weights(&self, question: &str) -> Result<BTreeMap<String, f64>, RetrievalError> {
        let searcher = self.reader.searcher();
        let all = searcher.num_docs() as f64;
        let mut weights = BTreeMap::new();
        for term in self.terms(question) {
            let key = Term::from_field_text(self.fields.text, &term);
            let with = reading(&self.folder, || searcher.doc_freq(&key))? as f64;
            weights.insert(term, (1.0 + (all - with + 0.5).max(0.0) / (with + 0.5)).ln());
        }
        Ok(weights)
    }

    /// The words of a text as they are in the index, each once.
    fn terms(&self, text: &str) -> BTreeSet<String> {
        let mut analyzer = self.analyzer.clone();
        let mut stream = analyzer.token_stream(text);
        let mut terms = BTreeSet::new();
        while stream.advance() {
            terms.insert(stream.token().text.clone());
        }
        terms
    }
}
