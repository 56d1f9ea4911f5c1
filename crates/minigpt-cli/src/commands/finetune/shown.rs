//! Examples as a model reads them, with what it learns marked.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
use minigpt_data::{Passage, TokenRow, Tokenizer, passages};
use minigpt_train::{FinetuneTask, HeldOut, RunConfig, TokenData, TokenSet};

use crate::terminal::format::grouped;
use crate::terminal::output::{stdout_is_terminal, stream};

/// What is learnt: green on a terminal.
const LEARNT: Style = AnsiColor::Green.on_default();

/// Characters of a passage that is not learnt, from its start and its end.
const CONTEXT: usize = 1000;

/// Prints the first examples of the file that are learnt. What the model learns to write is green on a terminal, and
/// stands between ⟦ and ⟧ elsewhere.
pub(super) fn show_examples(
    config: &RunConfig,
    data: &TokenData,
    held_out: Option<&HeldOut>,
    number: usize,
) -> Result<()> {
    let (tokenizer, task) =
        (&data.tokenizer, config.finetune.as_ref().map(|finetune| finetune.task));
    stream(|out| match &data.train {
        TokenSet::Examples(rows) => {
            // One by one, whatever rows they share.
            let examples = rows.rows().iter().flat_map(TokenRow::examples);
            for (index, row) in examples.take(number).enumerate() {
                if task == Some(FinetuneTask::Classify) {
                    let labels = config.finetune.as_ref().map(|finetune| &finetune.labels[..]);
                    labelled(out, index, tokenizer, &row, labels.unwrap_or_default())?;
                } else {
                    example(out, &format!("example {}", index + 1), tokenizer, &row)?;
                }
            }
            Ok(())
        }
        TokenSet::Preferences(set) => {
            for (index, pair) in set.token_pairs().iter().take(number).enumerate() {
                example(out, &format!("example {}, chosen", index + 1), tokenizer, &pair.chosen)?;
                example(
                    out,
                    &format!("example {}, rejected", index + 1),
                    tokenizer,
                    &pair.rejected,
                )?;
            }
            Ok(())
        }
        TokenSet::Text(_) => Ok(()),
    })?;
    if held_out.is_none() {
        bail!("--show: all of a text is learnt: look at it with `minigpt data stats`");
    }
    Ok(())
}

fn example(
    out: &mut dyn Write,
    name: &str,
    tokenizer: &Tokenizer,
    row: &TokenRow,
) -> std::io::Result<()> {
    let passages = passages(tokenizer, row).map_err(std::io::Error::other)?;
    let tokens: usize = passages.iter().map(|passage| passage.tokens).sum();
    head(out, name, tokens, row.predicted())?;
    for Passage { text, is_learnt, .. } in &passages {
        if *is_learnt {
            learnt(out, text)?;
        } else {
            write!(out, "{}", shortened(text))?;
        }
    }
    writeln!(out, "\n")
}

/// A text with its label, which is what is learnt.
fn labelled(
    out: &mut dyn Write,
    index: usize,
    tokenizer: &Tokenizer,
    row: &TokenRow,
    labels: &[String],
) -> std::io::Result<()> {
    let text = tokenizer.decode(&row.inputs).map_err(std::io::Error::other)?;
    let label =
        row.targets.last().copied().flatten().and_then(|number| labels.get(number as usize));
    head(out, &format!("example {}", index + 1), row.inputs.len(), 1)?;
    write!(out, "{} ", shortened(&text))?;
    learnt(out, label.map_or("", String::as_str))?;
    writeln!(out, "\n")
}

fn head(out: &mut dyn Write, name: &str, tokens: usize, learnt: usize) -> std::io::Result<()> {
    let [tokens, learnt] = [tokens, learnt].map(|number| grouped(number as u64));
    writeln!(out, "-- {name}: {tokens} tokens, {learnt} learnt")
}

fn learnt(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    if stdout_is_terminal() {
        write!(out, "{LEARNT}{text}{LEARNT:#}")
    } else {
        write!(out, "⟦{text}⟧")
    }
}

/// A text without its middle where it has more than a screen.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= 2 * CONTEXT {
        return text.to_owned();
    }
    let start: String = text.chars().take(CONTEXT).collect();
    let end: String = text.chars().skip(length - CONTEXT).collect();
    format!("{start} […] {end}")
}
