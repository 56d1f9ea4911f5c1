//! Making an index what its texts are now.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use minigpt_files::{NewFolder, sha256};
use serde::Serialize;
use tantivy::indexer::NoMergePolicy;
use tantivy::{IndexWriter, TantivyDocument, Term};

use crate::chunk::WORDS;
use crate::contents::{Contents, FORMAT, IndexedText, META, open, prepare, writing};
use crate::fields::Fields;
use crate::texts::Reading;
use crate::{RetrievalError, Text, passages};

/// Memory of the writer, in bytes; what is more goes into a segment of its own.
const WRITER_MEMORY: usize = 64 << 20;

/// Segments that an index may have before they become one.
const SEGMENTS: usize = 8;

/// How far an update is, in bytes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexingProgress {
    /// Bytes of text read.
    pub done_bytes: u64,
    /// Bytes of all texts, as they were found.
    pub total_bytes: u64,
}

/// What an update changed in the index: the names of texts, by what happened to them.
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
/// all, indexes those that are new or changed, and removes those that are not among them. Either all of
/// it happens, or the index stays as it was. A new index gets its name when it is whole, so that of
/// several processes that make it one succeeds; an index is updated by one process at a time.
///
/// # Errors
/// [`RetrievalError::Words`], [`RetrievalError::NoText`], [`RetrievalError::NotText`],
/// [`RetrievalError::NoIndex`] where the folder holds something else, [`RetrievalError::OtherVersion`],
/// [`RetrievalError::Damaged`], [`RetrievalError::Busy`], [`RetrievalError::MadeMeanwhile`],
/// [`RetrievalError::Unwritten`] and [`RetrievalError::Io`].
pub fn update(
    folder: &Path,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<Changes, RetrievalError> {
    if !WORDS.contains(&words) {
        return Err(RetrievalError::Words { words });
    }
    let is_new = !is_there(folder)?;
    if texts.is_empty() {
        return Err(RetrievalError::NoText { places: "no file".to_owned() });
    }
    if is_new {
        create(folder, texts, words, progress)
    } else {
        change(folder, texts, words, progress)
    }
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
    let is_index = folder.join(META).is_file();
    if !is_index && fs_err::read_dir(folder)?.next().is_some() {
        return Err(no_index());
    }
    Ok(is_index)
}

/// Makes an index beside the place where it will be.
fn create(
    folder: &Path,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<Changes, RetrievalError> {
    // Through a link to an empty folder, which is not to be replaced itself.
    let place = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let new = NewFolder::begin(&place)?;
    let changes = fill(new.path(), folder, texts, words, progress);
    let changes = changes.map_err(|error| new.named(error))?;
    new.finish().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => {
            RetrievalError::MadeMeanwhile { path: folder.to_owned() }
        }
        _ => error.into(),
    })?;
    Ok(changes)
}

/// Makes an index in the folder `new`, which is called `folder` in errors.
fn fill(
    new: &Path,
    folder: &Path,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<Changes, RetrievalError> {
    let (_, schema) = Fields::new();
    let index = writing(folder, || tantivy::Index::create_in_dir(new, schema))?;
    prepare(&index);
    let writer = writer(folder, &index)?;
    Update::new(folder, words, writer).run(&index, None, texts, progress)
}

/// Changes an index in its place, which is locked from before it is read.
fn change(
    folder: &Path,
    texts: &[Text],
    words: usize,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<Changes, RetrievalError> {
    let (index, _) = open(folder)?;
    let writer = writer(folder, &index)?;
    // What it is of now that nobody else can change it.
    let contents = Contents::of(&index, folder)?;
    Update::new(folder, words, writer).run(&index, contents, texts, progress)
}

/// The one writer that an index can have.
fn writer(folder: &Path, index: &tantivy::Index) -> Result<IndexWriter, RetrievalError> {
    let writer: IndexWriter = writing(folder, || index.writer_with_num_threads(1, WRITER_MEMORY))?;
    // Segments become one at the end and not meanwhile.
    writer.set_merge_policy(Box::new(NoMergePolicy));
    Ok(writer)
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

impl<'a> Update<'a> {
    fn new(folder: &'a Path, words: usize, writer: IndexWriter) -> Self {
        Self {
            folder,
            fields: Fields::new().0,
            words,
            writer,
            before: BTreeMap::new(),
            contents: Contents { format: FORMAT, words, texts: BTreeMap::new() },
            changes: Changes::default(),
        }
    }

    /// Makes of an index with these contents one of `texts`.
    fn run(
        mut self,
        index: &tantivy::Index,
        contents: Option<Contents>,
        texts: &[Text],
        progress: &mut dyn FnMut(IndexingProgress),
    ) -> Result<Changes, RetrievalError> {
        if let Some(contents) = contents {
            let is_same = contents.words == self.words;
            // A text in passages of another length is another text.
            let of_other_length = |text: IndexedText| IndexedText { sha256: String::new(), ..text };
            let texts = contents.texts.into_iter();
            let text = |text| if is_same { text } else { of_other_length(text) };
            self.before = texts.map(|(source, indexed)| (source, text(indexed))).collect();
        }
        let total_bytes = texts.iter().map(Text::bytes).sum();
        let mut done_bytes = 0;
        for text in texts {
            self.text(text)?;
            done_bytes += text.bytes();
            progress(IndexingProgress { done_bytes, total_bytes });
        }
        self.finish(index)
    }

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
        let sha256 = sha256(&content);
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
    fn add(&mut self, source: &str, content: &str) -> Result<usize, RetrievalError> {
        let passages = passages(source, content, self.words);
        for passage in &passages {
            let mut document = TantivyDocument::new();
            document.add_text(self.fields.source, &passage.source);
            document.add_u64(self.fields.first_line, passage.first_line as u64);
            document.add_u64(self.fields.last_line, passage.last_line as u64);
            document.add_text(self.fields.text, &passage.text);
            let writer = &mut self.writer;
            writing(self.folder, || match writer.add_document(document) {
                Ok(_) => Ok(()),
                // Its thread has ended; why, a commit would hear.
                Err(error) => Err(writer.prepare_commit().err().unwrap_or(error)),
            })?;
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
        let Changes { added, changed, removed, .. } = &self.changes;
        let is_changed = !(added.is_empty() && changed.is_empty() && removed.is_empty());
        let payload = serde_json::to_string(&self.contents).map_err(std::io::Error::from)?;
        let mut writer = self.writer;
        if is_changed {
            writing(self.folder, || {
                let mut commit = writer.prepare_commit()?;
                commit.set_payload(&payload);
                commit.commit()
            })?;
        }
        writing(self.folder, || merge(writer, index)).map_err(|error| match error {
            RetrievalError::Unwritten { path, reason, .. } => {
                RetrievalError::Unwritten { path, reason, left: UP_TO_DATE }
            }
            error => error,
        })?;
        Ok(self.changes)
    }
}

/// What is left where texts were changed and segments could not become one.
const UP_TO_DATE: &str =
    "its texts are up to date, but removed passages still count in scores: run the command again";

/// Makes one segment of many, and of one with removed passages, which BM25 counts until it is written
/// anew: without them, scores do not depend on the index's history.
fn merge(mut writer: IndexWriter, index: &tantivy::Index) -> tantivy::Result<()> {
    let segments = index.searchable_segment_metas()?;
    if segments.len() > SEGMENTS || segments.iter().any(|segment| segment.has_deletes()) {
        let ids: Vec<_> = segments.iter().map(|segment| segment.id()).collect();
        writer.merge(&ids).wait()?;
    }
    writer.wait_merging_threads()
}
