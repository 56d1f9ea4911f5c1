//! Making an index what its texts are now.

use std::collections::BTreeMap;
use std::path::Path;

use minigpt_files::sha256;
use serde::Serialize;

use crate::analyzer::ANALYZER;
use crate::chunk::{WORDS, stretches};
use crate::contents::{Contents, IndexedText};
use crate::file::{is_there, open, write};
use crate::inverted::Inverted;
use crate::texts::Reading;
use crate::{PASSAGE_WORDS, RetrievalError, Text};

/// Text of an index at most: it is made in memory, and read into it.
const TEXT: u64 = 1 << 30;

/// Bytes of passages between two calls that tell of progress.
const PROGRESS: u64 = 1 << 20;

/// What an update does first, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexingStage {
    /// Reads all texts, to see which have changed.
    Reading,
    /// Makes the index, where one has.
    Indexing,
    /// Writes the index that was made.
    Writing,
}

/// How far a stage of an update is, in bytes of text, and of the index while it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexingProgress {
    /// What it does.
    pub stage: IndexingStage,
    /// Bytes that it is done with.
    pub done_bytes: u64,
    /// Bytes of all texts, or of the index.
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
    /// The most words of a passage.
    pub words: usize,
}

/// A file of a folder that is no text, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedText {
    /// The file.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// Makes the index in `folder` one of exactly these texts, in passages of at most `words` words: reads all, and
/// where one is new, has changed or is not among them any more, makes the index again. Without `words`, passages
/// have as many as those of the index, and [`PASSAGE_WORDS`] in a new one. Of two texts of one name the latter
/// counts. Either all of it happens, or the index stays as it was; of several processes that make it at once, the
/// last one's is there.
///
/// # Errors
/// [`RetrievalError::Words`], [`RetrievalError::NoText`], [`RetrievalError::NotText`],
/// [`RetrievalError::NoIndex`] where the folder holds something else, [`RetrievalError::OtherVersion`],
/// [`RetrievalError::Damaged`], [`RetrievalError::TooMuch`], [`RetrievalError::Unwritten`] and
/// [`RetrievalError::Io`].
pub fn update(
    folder: &Path,
    texts: &[Text],
    words: Option<usize>,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<Changes, RetrievalError> {
    if let Some(words) = words.filter(|words| !WORDS.contains(words)) {
        return Err(RetrievalError::Words { words });
    }
    let before = if is_there(folder)? { Some(open(folder)?.contents) } else { None };
    let words = words.or(before.as_ref().map(|before| before.words)).unwrap_or(PASSAGE_WORDS);
    if texts.is_empty() {
        return Err(RetrievalError::NoText { places: "no file".to_owned() });
    }
    let (read, skipped) = read(texts, progress)?;
    let mut changes = Changes { skipped, texts: read.len(), words, ..Changes::default() };
    changes.compare(before.as_ref(), &read, words);
    if let Some(before) = before.filter(|_| !changes.are_any()) {
        changes.passages = before.passages();
        return Ok(changes);
    }
    let names = read.keys().chain(changes.skipped.iter().map(|text| &text.source));
    let nothing = RetrievalError::NoText { places: places(names) };
    let (contents, inverted) = index(read, words, progress)?;
    changes.passages = contents.passages();
    if changes.passages == 0 {
        return Err(nothing);
    }
    write(folder, contents, &inverted.finish(), &mut |done_bytes, total_bytes| {
        progress(IndexingProgress { stage: IndexingStage::Writing, done_bytes, total_bytes });
    })?;
    Ok(changes)
}

/// A text as it was read.
struct ReadText {
    content: String,
    sha256: String,
}

/// Reads all texts; those that are left out come with the reason.
fn read(
    texts: &[Text],
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<(BTreeMap<String, ReadText>, Vec<SkippedText>), RetrievalError> {
    let total_bytes = texts.iter().map(Text::bytes).sum();
    let (mut read, mut skipped) = (BTreeMap::new(), Vec::new());
    let (mut done_bytes, mut held) = (0, 0);
    for text in texts {
        let source = text.source().to_owned();
        match text.read()? {
            Reading::Text(content) => {
                held += content.len() as u64;
                if held > TEXT {
                    return Err(RetrievalError::TooMuch { most: "1 GiB of text" });
                }
                let sha256 = sha256(&content);
                read.insert(source, ReadText { content, sha256 });
            }
            Reading::Gone => {}
            Reading::Skipped(reason) => skipped.push(SkippedText { source, reason }),
        }
        done_bytes += text.bytes();
        progress(IndexingProgress { stage: IndexingStage::Reading, done_bytes, total_bytes });
    }
    Ok((read, skipped))
}

impl Changes {
    /// Whether the index has to be made again.
    fn are_any(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }

    /// What has become of the texts of an index.
    fn compare(
        &mut self,
        before: Option<&Contents>,
        texts: &BTreeMap<String, ReadText>,
        words: usize,
    ) {
        let none = BTreeMap::new();
        let before_texts = before.map_or(&none, |before| &before.texts);
        // A text in passages of another length is another text.
        let is_same_length = before.is_some_and(|before| before.words == words);
        for (source, text) in texts {
            match before_texts.get(source) {
                None => self.added.push(source.clone()),
                Some(before) if is_same_length && before.sha256 == text.sha256 => {
                    self.unchanged += 1;
                }
                Some(_) => self.changed.push(source.clone()),
            }
        }
        let is_gone = |source: &&String| !texts.contains_key(*source);
        self.removed = before_texts.keys().filter(is_gone).cloned().collect();
    }
}

/// Cuts all texts into passages, and indexes them.
fn index(
    texts: BTreeMap<String, ReadText>,
    words: usize,
    progress: &mut dyn FnMut(IndexingProgress),
) -> Result<(Contents, Inverted), RetrievalError> {
    let total: usize = texts.values().map(|text| text.content.len()).sum();
    let (mut inverted, mut told) = (Inverted::with_capacity(total), 0);
    let mut contents = Contents { analyzer: ANALYZER.to_owned(), words, texts: BTreeMap::new() };
    for (source, ReadText { content, sha256 }) in texts {
        let stretches = stretches(&content, words);
        for stretch in &stretches {
            inverted.add(&stretch.lines, &content[stretch.bytes.clone()])?;
            if inverted.bytes() >= told + PROGRESS {
                told = inverted.bytes();
                let (stage, total_bytes) = (IndexingStage::Indexing, total as u64);
                progress(IndexingProgress { stage, done_bytes: told, total_bytes });
            }
        }
        contents.texts.insert(source, IndexedText { sha256, passages: stretches.len() });
    }
    Ok((contents, inverted))
}

/// What to call all texts in an error.
fn places<'a>(mut names: impl Iterator<Item = &'a String>) -> String {
    match (names.next(), names.count()) {
        (None, _) => "no file".to_owned(),
        (Some(one), 0) => one.to_owned(),
        (Some(first), more) => format!("{first} and {more} more"),
    }
}
