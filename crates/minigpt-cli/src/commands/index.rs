//! `minigpt index`: passages of texts, kept on disk.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use minigpt_data::{Portion, ReadOptions, Source};
use minigpt_retrieval::{Changes, IndexingStage, SkippedText, Text, find_texts, update};
use serde::Serialize;

use crate::args::IndexArgs;
use crate::terminal::format::{counted, grouped};
use crate::terminal::output::{print, say};
use crate::terminal::progress::ByteProgress;

/// What is named instead of a file for the novels in the program.
const EMBEDDED: &str = "embedded";

/// Files that were left out, named.
const SKIPPED_SHOWN: usize = 3;

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    index: &'a Path,
    #[serde(flatten)]
    changes: &'a Changes,
    seconds: f64,
}

pub(crate) fn run(args: &IndexArgs) -> Result<ExitCode> {
    let began = Instant::now();
    let is_embedded = |path: &PathBuf| path == Path::new(EMBEDDED);
    let (embedded, paths): (Vec<_>, Vec<_>) = args.texts.iter().cloned().partition(is_embedded);
    let mut texts = find_texts(&paths, &args.out)?;
    if !embedded.is_empty() {
        texts.extend(novels()?);
    }
    let mut progress = ByteProgress::new();
    let changes = update(&args.out, &texts, args.words, &mut |at| {
        let what = match at.stage {
            IndexingStage::Reading => "reading",
            IndexingStage::Indexing => "indexing",
            IndexingStage::Writing => "writing",
        };
        progress.show(what, at.done_bytes, Some(at.total_bytes));
    })?;
    drop(progress);
    say_skipped(&changes.skipped);
    let seconds = began.elapsed().as_secs_f64();
    print(|out| {
        if args.json {
            let output = Output { index: &args.out, changes: &changes, seconds };
            serde_json::to_writer_pretty(&mut *out, &output)?;
            return writeln!(out);
        }
        write!(out, "{}", in_words(&args.out, &changes))?;
        writeln!(out, "time: {seconds:.1} s")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The novels in the program, each by its title.
fn novels() -> Result<Vec<Text>> {
    let documents = Source::Embedded.open(&ReadOptions::default())?.read_portion(Portion::All)?;
    let text = |document: String| {
        let title = document.lines().map(str::trim).find(|line| !line.is_empty());
        let name = title.unwrap_or_default().to_lowercase().replace(' ', "-");
        Text::given(format!("{EMBEDDED}/{name}"), document)
    };
    Ok(documents.into_iter().map(text).collect())
}

fn say_skipped(skipped: &[SkippedText]) {
    for SkippedText { source, reason } in skipped.iter().take(SKIPPED_SHOWN) {
        say(format_args!("left out: {source}: {reason}"));
    }
    if skipped.len() > SKIPPED_SHOWN {
        let more = grouped((skipped.len() - SKIPPED_SHOWN) as u64);
        say(format_args!("left out: {more} more that are no text (--json names them)"));
    }
}

fn in_words(index: &Path, changes: &Changes) -> String {
    let count = |number: usize| grouped(number as u64);
    format!(
        "{}: {} of {}\ntexts: {} new, {} changed, {} removed, {} as they were\n",
        index.display(),
        counted(changes.passages, "passage"),
        counted(changes.texts, "text"),
        count(changes.added.len()),
        count(changes.changed.len()),
        count(changes.removed.len()),
        count(changes.unchanged),
    )
}
