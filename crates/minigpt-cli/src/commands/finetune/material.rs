//! What a run learns from, read and told.

use std::path::Path;

use anyhow::{Result, ensure};
use minigpt_data::{Source, Tokenizer, similar_labels};
use minigpt_train::{ExampleData, FinetuneTask, HeldOut, RunConfig, TokenData};
use std::io::IsTerminal;

use crate::load::tokens;
use crate::terminal::format::grouped;
use crate::terminal::output::say;
use crate::terminal::progress::ByteProgress;

/// What a run learns from, and the held-out examples, where it learns from some.
pub(in crate::commands) struct Material {
    pub(in crate::commands) data: TokenData,
    pub(in crate::commands) held_out: Option<HeldOut>,
}

/// Reads what `config` asks for, and completes it by what examples tell.
pub(in crate::commands) fn read(
    config: &mut RunConfig,
    tokenizer: &Tokenizer,
    cache: Option<&Path>,
) -> Result<Material> {
    let task = config.finetune.as_ref().map(|finetune| finetune.task);
    if task == Some(FinetuneTask::Lm) {
        let data = TokenData::from(&tokens::prepare(&config.data, cache)?);
        return Ok(Material { data, held_out: None });
    }
    ensure!(
        config.data.source != Source::Stdin || !std::io::stdin().is_terminal(),
        "standard input is a terminal: expected examples piped in, as in `cat chats.jsonl | minigpt …`"
    );
    let mut progress = ByteProgress::new();
    let examples = ExampleData::read(config, tokenizer, &mut |download| {
        let what = format!("downloading {}", download.file);
        progress.show(&what, download.done_bytes, Some(download.total_bytes));
    })?;
    drop(progress);
    tell(config, &examples);
    Ok(Material { data: examples.tokens, held_out: Some(examples.held_out) })
}

/// Reasons and repeated examples that are told one by one.
const TOLD: usize = 5;

/// Says what was read and what is odd about it.
fn tell(config: &RunConfig, examples: &ExampleData) {
    let [learnt, kept_out] = examples.kept().map(|number| grouped(number as u64));
    let sources = match config.finetune.as_ref().map(|finetune| &finetune.sources[..]) {
        Some(sources @ [_, ..]) => {
            sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        _ => config.data.source.to_string(),
    };
    let left_out = match examples.left_out {
        0 => String::new(),
        number => format!(", {} longer than the context left out", grouped(number as u64)),
    };
    say(format_args!(
        "data: {sources}, read now: {learnt} examples to learn, {kept_out} held out{left_out}"
    ));
    if let Some(length) = config.finetune.as_ref().and_then(|finetune| finetune.pack) {
        let [rows, length] = [examples.rows(), length].map(|number| grouped(number as u64));
        say(format_args!(
            "packed: {learnt} examples in {rows} rows of at most {length} tokens; a longer one has a row of its own"
        ));
    }
    if examples.shortened > 0 {
        let number = grouped(examples.shortened as u64);
        say(format_args!(
            "shortened: {number} conversations lost their last turns to fit the context"
        ));
    }
    tell_skipped(examples);
    tell_repeated(examples);
    let labels = config.finetune.as_ref().map(|finetune| &finetune.labels[..]).unwrap_or_default();
    for [one, other] in similar_labels(labels) {
        say(format_args!(
            "warning: the labels {one:?} and {other:?} are two: write them alike if they mean one"
        ));
    }
}

fn tell_skipped(examples: &ExampleData) {
    let number = examples.skipped.number();
    if number == 0 {
        return;
    }
    say(format_args!("left out: {} invalid examples", grouped(number as u64)));
    let reasons = examples.skipped.reasons();
    for (reason, number, first) in reasons.iter().take(TOLD) {
        let number = grouped(*number as u64);
        say(format_args!("  {number} for {reason}; the first is {first}"));
    }
    if reasons.len() > TOLD {
        say(format_args!("  and others for {} more reasons", reasons.len() - TOLD));
    }
}

fn tell_repeated(examples: &ExampleData) {
    let repeated = &examples.repeated;
    if repeated.is_empty() {
        return;
    }
    let leaked = repeated.iter().filter(|pair| pair.is_leaked).count();
    let held_out = match leaked {
        0 => String::new(),
        number => format!(
            ", and {} of them are held out and learnt too, so that they measure what is learnt by heart",
            grouped(number as u64)
        ),
    };
    let number = grouped(repeated.len() as u64);
    say(format_args!("warning: {number} examples say what an earlier one says{held_out}"));
    // Those that are leaked first.
    let mut pairs: Vec<_> = repeated.iter().collect();
    pairs.sort_by_key(|pair| !pair.is_leaked);
    for pair in pairs.iter().take(TOLD) {
        say(format_args!("  {} says what {} says", pair.later, pair.earlier));
    }
    if pairs.len() > TOLD {
        say(format_args!("  and {} more", grouped((pairs.len() - TOLD) as u64)));
    }
}
