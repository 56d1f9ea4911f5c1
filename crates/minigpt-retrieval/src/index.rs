//! The index on disk: its format, and what is found in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{IndexReader, ReloadPolicy, TantivyDocument, TantivyError, Term};

use crate::chunk::words;
use crate::{Passage, RetrievalError};

/// What this version writes and reads; another number is another format.
pub(crate) const FORMAT: u32 = 1;

/// Words without punctuation, in lower case, by their English stems, from tantivy's own list.
const ANALYZER: &str = "en_stem";

/// What tantivy keeps of a passage.
pub(crate) struct Fields {
    pub(crate) source: Field,
    pub(crate) first_line: Field,
    pub(crate) last_line: Field,
    pub(crate) text: Field,
}

impl Fields {
    pub(crate) fn new() -> (Self, Schema) {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default()
            .set_tokenizer(ANALYZER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let fields = Self {
            // Indexed too, so that the passages of one text can be replaced.
            source: schema.add_text_field("source", STRING | STORED),
            first_line: schema.add_u64_field("first_line", STORED),
            last_line: schema.add_u64_field("last_line", STORED),
            text: schema.add_text_field(
                "text",
                TextOptions::default().set_indexing_options(words).set_stored(),
            ),
        };
        (fields, schema.build())
    }

    fn passage(&self, document: &TantivyDocument) -> Passage {
        let text = |field| {
            let value = document.get_first(field).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let line = |field| {
            let value = document.get_first(field).and_then(|value| value.as_u64());
            value.unwrap_or_default() as usize
        };
        Passage {
            source: text(self.source),
            first_line: line(self.first_line),
            last_line: line(self.last_line),
            text: text(self.text),
        }
    }
}

/// What an index is of; kept in tantivy's commit, so that both change in one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    pub(crate) format: u32,
    /// Words of a passage at most.
    pub(crate) words: usize,
    /// By source.
    pub(crate) texts: BTreeMap<String, IndexedText>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexedText {
    pub(crate) sha256: String,
    pub(crate) passages: usize,
}

impl Contents {
    /// Those of the last commit; none where there was no commit yet.
    pub(crate) fn of(
        index: &tantivy::Index,
        folder: &Path,
    ) -> Result<Option<Self>, RetrievalError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }

        let metas = index.load_metas().map_err(|error| read_error(folder, error))?;
        let Some(payload) = metas.payload else { return Ok(None) };
        let damaged = |error: serde_json::Error| RetrievalError::Damaged {
            path: folder.to_owned(),
            reason: error.to_string(),
        };
        let Format { format } = serde_json::from_str(&payload).map_err(damaged)?;
        if format != FORMAT {
            let reason = format!("format {format}, and this one reads {FORMAT}");
            return Err(RetrievalError::OtherVersion { path: folder.to_owned(), reason });
        }
        serde_json::from_str(&payload).map(Some).map_err(damaged)
    }
}

/// Tantivy's index in a folder that has one.
pub(crate) fn open(folder: &Path) -> Result<tantivy::Index, RetrievalError> {
    if !folder.join("meta.json").is_file() {
        return Err(RetrievalError::NoIndex { path: folder.to_owned() });
    }
    let index = tantivy::Index::open_in_dir(folder).map_err(|error| read_error(folder, error))?;
    if index.schema() != Fields::new().1 {
        let reason = "it keeps other fields of a passage".to_owned();
        return Err(RetrievalError::OtherVersion { path: folder.to_owned(), reason });
    }
    Ok(index)
}

/// What an error of tantivy's means while an index is read.
pub(crate) fn read_error(folder: &Path, error: TantivyError) -> RetrievalError {
    let (path, reason) = (folder.to_owned(), error.to_string().replace('\n', " "));
    match error {
        TantivyError::IncompatibleIndex(_) => RetrievalError::OtherVersion { path, reason },
        TantivyError::LockFailure(..) => RetrievalError::Busy { path },
        _ => RetrievalError::Damaged { path, reason },
    }
}

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
        let index = open(folder)?;
        let contents = Contents::of(&index, folder)?
            .ok_or_else(|| RetrievalError::NoIndex { path: folder.to_owned() })?;
        let (fields, _) = Fields::new();
        let error = |error| read_error(folder, error);
        let analyzer = index.tokenizer_for_field(fields.text).map_err(error)?;
        // It is as it was when it was opened: nothing needs to watch the folder.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader = reader.try_into().map_err(error)?;
        Ok(Self { folder: folder.to_owned(), fields, contents, analyzer, reader })
    }

    /// Words of a passage at most.
    pub fn words(&self) -> usize {
        self.contents.words
    }

    /// Number of texts.
    pub fn texts(&self) -> usize {
        self.contents.texts.len()
    }

    /// Number of passages.
    pub fn passages(&self) -> usize {
        self.contents.texts.values().map(|text| text.passages).sum()
    }

    /// The texts' names.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
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
        let searcher = self.reader.searcher();
        let error = |error| read_error(&self.folder, error);
        let best = TopDocs::with_limit(most).order_by_score();
        let mut found = Vec::new();
        for (score, address) in searcher.search(&query, &best).map_err(error)? {
            let document: TantivyDocument = searcher.doc(address).map_err(error)?;
            found.push(Found { passage: self.fields.passage(&document), score });
        }
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
            let with = searcher.doc_freq(&key).map_err(|error| read_error(&self.folder, error))?;
            let with = with as f64;
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
