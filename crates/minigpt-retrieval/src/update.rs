//! Making an index what its texts are now.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tantivy::indexer::NoMergePolicy;
use tantivy::{IndexWriter, TantivyDocument, TantivyError, Term};

use crate::chunk::WORDS;
use crate::index::{Contents, FORMAT, Fields, IndexedText, open, read_error};
use crate::texts::Reading;
use crate::{RetrievalError, Text, passages};

/// Memory of the writer, in bytes; what is more goes into a segment of its own.
const WRITER_MEMORY: usize = 64 << 20;

/// Segments that an index may have before they become one.
const SEGMENTS: usize = 8;

/// How far an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of text read.
    pub done_bytes: u64,
    /// Bytes of all texts, as they were found.
    pub total_bytes: u64,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Texts that are new.
    pub added: Vec<String>,
    /// Texts whose content is another, or whose passages have another length.
    pub changed: Vec<String>,
    /// Texts that were in the index and are not there any more.
    pub removed: Vec<String>,
    /// Texts that are as they were.
    pub unchanged: usize,
    /// Files of a folder that were left out.
    pub skipped: Vec<SkippedText>,
    /// Texts in the index now.
    pub texts: usize,
    /// Passages in the index now.
    pub passages: usize,
}

/// A file of a folder that is no text, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedText {
    /// The file.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// Makes the index in `folder` one of exactly these texts, in passages of at most `words` words: reads
/// all, indexes those that are new or changed, and removes those that are not among them. The folder is
/// made where there is none. Either all of it happens, or the index stays as it was.
///
/// # Errors
/// [`RetrievalError::Words`], [`RetrievalError::NoText`], [`RetrievalError::NotText`],
/// [`RetrievalError::NoIndex`] where the folder holds something else, [`RetrievalError::OtherVersion`],
/// [`RetrievalError::Damaged`], [`RetrievalError::Busy`] and [`RetrievalError::Io`].
pub fn update(
    folder: &Path,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Changes, RetrievalError> {
    if !WORDS.contains(&words) {
        return Err(RetrievalError::Words { words });
    }
    let is_new = !is_there(folder)?;
    if texts.is_empty() {
        return Err(RetrievalError::NoText { places: "no file".to_owned() });
    }
    let outcome = update_in(folder, is_new, texts, words, progress);
    if is_new && outcome.is_err() {
        // An index that was never one; what went wrong first is what to tell.
        let _ = fs_err::remove_dir_all(folder);
    }
    outcome
}

/// Whether the folder has an index; an error where it has something else.
fn is_there(folder: &Path) -> Result<bool, RetrievalError> {
    if !folder.exists() {
        return Ok(false);
    }
    let no_index = || RetrievalError::NoIndex { path: folder.to_owned() };
    if !folder.is_dir() {
        return Err(no_index());
    }
    let is_index = folder.join("meta.json").is_file();
    if !is_index && fs_err::read_dir(folder)?.next().is_some() {
        return Err(no_index());
    }
    Ok(is_index)
}

fn update_in(
    folder: &Path,
    is_new: bool,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Changes, RetrievalError> {
    let index = if is_new {
        fs_err::create_dir_all(folder)?;
        let (_, schema) = Fields::new();
        tantivy::Index::create_in_dir(folder, schema).map_err(|error| write_error(folder, error))?
    } else {
        open(folder)?
    };
    let before = Contents::of(&index, folder)?.map_or_else(BTreeMap::new, |contents| {
        let of_other_length = |text: IndexedText| IndexedText { sha256: String::new(), ..text };
        let texts = contents.texts.into_iter();
        let is_same = contents.words == words;
        texts.map(|(k, text)| (k, if is_same { text } else { of_other_length(text) })).collect()
    });
    let writer = index.writer_with_num_threads(1, WRITER_MEMORY);
    let mut update = Update {
        folder,
        fields: Fields::new().0,
        words,
        writer: writer.map_err(|error| write_error(folder, error))?,
        before,
        contents: Contents { format: FORMAT, words, texts: BTreeMap::new() },
        changes: Changes::default(),
    };
    // Segments become one here and not meanwhile.
    update.writer.set_merge_policy(Box::new(NoMergePolicy));
    let total_bytes = texts.iter().map(Text::bytes).sum();
    let mut done_bytes = 0;
    for text in texts {
        update.text(text)?;
        done_bytes += text.bytes();
        progress(Progress { done_bytes, total_bytes });
    }
    update.finish(&index)
}

struct Update<'a> {
    folder: &'a Path,
    fields: Fields,
    words: usize,
    writer: IndexWriter,
    /// The texts of the index that have not been met yet.
    before: BTreeMap<String, IndexedText>,
    contents: Contents,
    changes: Changes,
}

impl Update<'_> {
    fn text(&mut self, text: &Text) -> Result<(), RetrievalError> {
        let source = text.source();
        let content = match text.read()? {
            Reading::Text(content) => content,
            Reading::Gone => return Ok(()),
            Reading::Skipped(reason) => {
                self.changes.skipped.push(SkippedText { source: source.to_owned(), reason });
                return Ok(());
            }
        };
        let sha256 = hex(&Sha256::digest(&content));
        match self.before.remove(source) {
            Some(before) if before.sha256 == sha256 => {
                self.changes.unchanged += 1;
                self.contents.texts.insert(source.to_owned(), before);
                return Ok(());
            }
            Some(_) => {
                self.forget(source);
                self.changes.changed.push(source.to_owned());
            }
            None => self.changes.added.push(source.to_owned()),
        }
        let passages = self.add(source, &content)?;
        self.contents.texts.insert(source.to_owned(), IndexedText { sha256, passages });
        Ok(())
    }

    /// Number of passages added.
    fn add(&self, source: &str, content: &str) -> Result<usize, RetrievalError> {
        let passages = passages(source, content, self.words);
        for passage in &passages {
            let mut document = TantivyDocument::new();
            document.add_text(self.fields.source, &passage.source);
            document.add_u64(self.fields.first_line, passage.first_line as u64);
            document.add_u64(self.fields.last_line, passage.last_line as u64);
            document.add_text(self.fields.text, &passage.text);
            self.writer.add_document(document).map_err(|error| write_error(self.folder, error))?;
        }
        Ok(passages.len())
    }

    fn forget(&self, source: &str) {
        self.writer.delete_term(Term::from_field_text(self.fields.source, source));
    }

    fn finish(mut self, index: &tantivy::Index) -> Result<Changes, RetrievalError> {
        for source in std::mem::take(&mut self.before).into_keys() {
            self.forget(&source);
            self.changes.removed.push(source);
        }
        let texts = &self.contents.texts;
        self.changes.texts = texts.len();
        self.changes.passages = texts.values().map(|text| text.passages).sum();
        if self.changes.passages == 0 {
            let skipped = self.changes.skipped.iter().map(|text| &text.source);
            let all: Vec<_> = texts.keys().chain(skipped).map(String::as_str).collect();
            let places = match all[..] {
                [] => "no file".to_owned(),
                [one] => one.to_owned(),
                [first, ..] => format!("{first} and {} more", all.len() - 1),
            };
            return Err(RetrievalError::NoText { places });
        }
        let changes = &self.changes;
        if changes.added.is_empty() && changes.changed.is_empty() && changes.removed.is_empty() {
            return Ok(self.changes);
        }
        let error = |error| write_error(self.folder, error);
        let payload = serde_json::to_string(&self.contents).map_err(std::io::Error::from)?;
        let mut commit = self.writer.prepare_commit().map_err(error)?;
        commit.set_payload(&payload);
        commit.commit().map_err(error)?;
        // BM25 counts removed passages until their segment is written anew: without them, scores do not
        // depend on the index's history.
        let segments = index.searchable_segment_metas().map_err(error)?;
        if segments.len() > SEGMENTS || segments.iter().any(|segment| segment.has_deletes()) {
            let ids: Vec<_> = segments.iter().map(|segment| segment.id()).collect();
            self.writer.merge(&ids).wait().map_err(error)?;
        }
        self.writer.wait_merging_threads().map_err(error)?;
        Ok(self.changes)
    }
}

/// What an error of tantivy's means while an index is written.
fn write_error(folder: &Path, error: TantivyError) -> RetrievalError {
    match error {
        TantivyError::IoError(error) => {
            let reason = format!("cannot write to {}: {error}", folder.display());
            RetrievalError::Io(std::io::Error::new(error.kind(), reason))
        }
        error => read_error(folder, error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
