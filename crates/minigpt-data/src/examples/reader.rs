//! Examples of a task from all files of a source, with those that are invalid counted or refused.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::conversation::Conversation;
use super::places::ExampleFiles;
use super::preference::Preference;
use super::records::{FileLine, Record, visit};
use super::{Dialogue, LabelledText, turns_of};
use crate::files::DataFile;
use crate::{ChatTemplate, DataError, Download, ReadOptions, Source, Tokenizer};

/// Reads examples. Those that are invalid are errors, or they are left out and counted.
#[derive(Debug)]
pub struct ExampleReader {
    options: ReadOptions,
    skips_bad: bool,
    skipped: SkippedExamples,
}

/// The examples of a source in the parts that the source itself has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitExamples<T> {
    /// Those of its files, or of those that are for training.
    pub train: Vec<T>,
    /// Those of the files that the source has for validation, if it has some.
    pub valid: Option<Vec<T>>,
}

/// Invalid examples that were left out instead of refusing their file, counted by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedExamples {
    /// For each reason how many, and where the first stands.
    reasons: BTreeMap<String, (usize, FileLine)>,
}

impl SkippedExamples {
    /// How many were left out, for all reasons together.
    #[must_use]
    pub fn number(&self) -> usize {
        self.reasons.values().map(|(number, _)| number).sum()
    }

    /// The reasons with how many there are of each and where the first stands, the most frequent first.
    #[must_use]
    pub fn reasons(&self) -> Vec<(&str, usize, &FileLine)> {
        let mut reasons: Vec<_> = self
            .reasons
            .iter()
            .map(|(reason, (number, first))| (reason.as_str(), *number, first))
            .collect();
        reasons.sort_by_key(|(_, number, _)| std::cmp::Reverse(*number));
        reasons
    }

    fn count(&mut self, place: FileLine, reason: String) {
        self.reasons.entry(reason).or_insert((0, place)).0 += 1;
    }
}

impl ExampleReader {
    /// Of `options`, those count that say how the files' bytes are read, and where the hub is: `lossy`, `separator` and
    /// `hub`.
    #[must_use]
    pub fn new(options: ReadOptions, skips_bad: bool) -> Self {
        Self { options, skips_bad, skipped: SkippedExamples::default() }
    }

    /// The examples that were left out so far, by reason.
    #[must_use]
    pub fn skipped(&self) -> &SkippedExamples {
        &self.skipped
    }

    /// Conversations and instructions, as [`Dialogue`] has them.
    ///
    /// # Errors
    /// [`DataError::BadExample`] for a record that is none or that the template refuses, [`DataError::NoExamples`],
    /// [`DataError::NoExampleFiles`], and those of finding and reading files.
    pub fn instructions(
        &mut self,
        source: &Source,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        progress: &mut dyn FnMut(Download),
    ) -> Result<SplitExamples<Dialogue>, DataError> {
        self.read(source, progress, |record| {
            dialogue(record, Conversation::of(record, template)?, template, tokenizer)
        })
    }

    /// Records with `document` and `summary`.
    ///
    /// # Errors
    /// As [`instructions`](Self::instructions).
    pub fn summaries(
        &mut self,
        source: &Source,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        progress: &mut dyn FnMut(Download),
    ) -> Result<SplitExamples<Dialogue>, DataError> {
        self.read(source, progress, |record| {
            dialogue(record, Conversation::of_summary(record)?, template, tokenizer)
        })
    }

    /// Two answers each.
    ///
    /// # Errors
    /// As [`instructions`](Self::instructions).
    pub fn preferences(
        &mut self,
        source: &Source,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        progress: &mut dyn FnMut(Download),
    ) -> Result<SplitExamples<Preference>, DataError> {
        self.read(source, progress, |record| Preference::of(record, template, tokenizer))
    }

    /// Records with `text` and `label`.
    ///
    /// # Errors
    /// As [`instructions`](Self::instructions).
    pub fn labelled(
        &mut self,
        source: &Source,
        progress: &mut dyn FnMut(Download),
    ) -> Result<SplitExamples<LabelledText>, DataError> {
        self.read(source, progress, |record| {
            let (text, label) = (record.text("text")?.to_owned(), record.name("label")?);
            Ok(LabelledText { place: record.place.clone(), text, label })
        })
    }

    fn read<T>(
        &mut self,
        source: &Source,
        progress: &mut dyn FnMut(Download),
        of_record: impl Fn(&Record) -> Result<T, String>,
    ) -> Result<SplitExamples<T>, DataError> {
        let ExampleFiles { train, valid, .. } =
            &ExampleFiles::find(source, &self.options, progress)?;
        let train = self.read_files(train, source, &of_record)?;
        let valid = match valid.is_empty() {
            true => None,
            false => Some(self.read_files(valid, source, &of_record)?),
        };
        Ok(SplitExamples { train, valid })
    }

    fn read_files<T>(
        &mut self,
        files: &[DataFile],
        source: &Source,
        of_record: &impl Fn(&Record) -> Result<T, String>,
    ) -> Result<Vec<T>, DataError> {
        let Self { options, skips_bad, skipped } = self;
        let mut examples = Vec::new();
        for file in files {
            visit(file, options, &mut |place, record| {
                match record.and_then(|record| of_record(&record)) {
                    Ok(example) => examples.push(example),
                    Err(reason) if *skips_bad => skipped.count(place, reason),
                    Err(reason) => return Err(place.bad(reason)),
                }
                Ok(())
            })?;
        }
        if examples.is_empty() {
            let path = match files {
                [file] => file.name.clone(),
                _ => source.to_string().into(),
            };
            let left_out = skipped.reasons().first().map(|(reason, ..)| (*reason).to_owned());
            return Err(match left_out {
                Some(reason) => {
                    DataError::OnlyBadExamples { path, number: skipped.number(), reason }
                }
                None => DataError::NoExamples { path },
            });
        }
        Ok(examples)
    }
}

/// What a record says, as the template puts it.
fn dialogue(
    record: &Record,
    Conversation { messages, options }: Conversation,
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
) -> Result<Dialogue, String> {
    let turns = turns_of(template, tokenizer, &messages, &options)?;
    Ok(Dialogue { place: record.place.clone(), turns })
}

/// Pairs of places of examples that say the same, the earlier first: `key` is what an example says.
pub fn repeated<'a, T, K: Hash + Eq>(
    examples: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<[usize; 2]>
where
    T: 'a,
{
    let mut first = HashMap::new();
    let mut pairs = Vec::new();
    for (index, example) in examples.into_iter().enumerate() {
        match first.entry(key(example)) {
            Entry::Vacant(place) => _ = place.insert(index),
            Entry::Occupied(earlier) => pairs.push([*earlier.get(), index]),
        }
    }
    pairs
}
