//! What tuning came to: the best model on what was held out, beside its base.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use minigpt_data::{ChatTemplate, Dialogue, LabelledText, ModelSource, Tokenizer};
use minigpt_eval::{
    Confusion, PreferenceFigures, TaskFigures, WrittenAnswer, confusion, rouge_l_of_answers,
    write_answers,
};
use minigpt_model::Gpt;
use minigpt_plot::draw_confusion;
use minigpt_train::{
    End, FinetuneTask, HeldOut, RowSplit, RunConfig, RunFolder, Summary, TrainError,
    ValidationFigures, read_metrics, write_json,
};

use super::compared::Comparison;
use crate::args::SessionArgs;
use crate::commands::session::display::print_event;
use crate::load::model::TrainedModel;
use crate::terminal::format::{counted, decimals, grouped};
use crate::terminal::output::{print, say};
use crate::terminal::progress::CountProgress;
use crate::terminal::table;

/// Answers that are written to be looked at, and summaries that are written to be measured.
const ANSWERS: usize = 10;
const SUMMARIES: usize = 100;
/// Answers that are shown.
const SHOWN: usize = 3;
/// Held-out examples below which their perplexity says little of others.
const FEW: usize = 20;

/// Measures the best model on what was held out, unless the run was interrupted.
pub(in crate::commands) fn report(
    path: &Path,
    config: &RunConfig,
    held_out: Option<HeldOut>,
    summary: &Summary,
    comparison: &Comparison,
    device: &Device,
    session: &SessionArgs,
) -> Result<()> {
    if summary.end == End::Interrupted {
        return Ok(());
    }
    let run = RunFolder::open(path)?;
    let mut damaged = |error: TrainError| {
        say(format_args!("warning: {error}; the checkpoint before it is used"));
    };
    if let Some(adapter) = run.write_adapter(device, &mut damaged)? {
        say(format_args!("adapter: {}", adapter.display()));
    }
    if held_out.is_none() && comparison.is_empty() {
        return Ok(());
    }
    let folder = path.join("evaluation");
    fs_err::create_dir_all(&folder)?;
    let task = config.finetune.as_ref().map_or(FinetuneTask::Lm, |finetune| finetune.task);
    let examples = held_out.as_ref().map_or(0, HeldOut::len);
    let figures = match held_out {
        Some(HeldOut::Labelled(texts)) => {
            of_labels(&run, config, &texts, &folder, device, &mut damaged)?
        }
        others => {
            let dialogues = match others {
                Some(HeldOut::Dialogues(dialogues)) => dialogues,
                Some(HeldOut::Preferences(pairs)) => {
                    let preferred = |pair: minigpt_data::Preference| Dialogue {
                        place: pair.place,
                        turns: pair.chosen.turns,
                    };
                    pairs.into_iter().map(preferred).collect()
                }
                _ => Vec::new(),
            };
            let (model, _) = run.best_as_trained(device, &mut damaged)?;
            of_answers(&run, config, &dialogues, summary, comparison, &model, device)?
        }
    };
    if let TaskFigures::Labels { confusion, .. } = &figures {
        say_if_nothing_was_learnt(confusion, config.data.valid.is_none());
    }
    // For `minigpt report` too.
    write_json(&folder.join(format!("{task}.json")), &figures)?;
    if session.json {
        return print_event("task", &figures);
    }
    print(|out| show(&figures, examples, out))
}

fn of_answers(
    run: &RunFolder,
    config: &RunConfig,
    dialogues: &[Dialogue],
    summary: &Summary,
    comparison: &Comparison,
    model: &Gpt,
    device: &Device,
) -> Result<TaskFigures> {
    let finetune = config.finetune.as_ref().context("the run tunes a model")?;
    let tokenizer = run.tokenizer()?;
    let is_summary = finetune.task == FinetuneTask::Summarize;
    let most = dialogues.len().min(if is_summary { SUMMARIES } else { ANSWERS });
    let answers = |model: &Gpt, most: usize, what: &'static str| match &finetune.template {
        Some(template) if most > 0 => written(model, &tokenizer, template, dialogues, most, what),
        _ => Ok(Vec::new()),
    };
    let mut written = answers(model, most, "answering")?;
    let rouge_l = is_summary.then(|| rouge_l_of_answers(&written));
    let (mut forgotten, mut tasks) = (None, Vec::new());
    if let Some(base) = base_of(run, config, comparison.is_average, device) {
        for (answer, of_base) in
            written.iter_mut().zip(answers(&base, most.min(ANSWERS), "answering as the base")?)
        {
            answer.base = Some(of_base.written);
        }
        (forgotten, tasks) = comparison.measure(&base, model, &tokenizer)?;
    }
    let of_preferences = finetune.task == FinetuneTask::Prefer;
    let perplexity = |figures: Option<ValidationFigures>| {
        figures.filter(|_| !of_preferences && !dialogues.is_empty()).map(|at| at.token_perplexity)
    };
    Ok(TaskFigures::Answers {
        base_perplexity: perplexity(summary.base),
        perplexity: perplexity(summary.best),
        rouge_l,
        preferences: match of_preferences {
            true => preferences(run, dialogues.len(), summary)?,
            false => None,
        },
        forgotten,
        tasks,
        answers: written,
    })
}

/// What the best validation says of preferences.
fn preferences(
    run: &RunFolder,
    pairs: usize,
    summary: &Summary,
) -> Result<Option<PreferenceFigures>> {
    let Some(best) = summary.best else { return Ok(None) };
    let rows = read_metrics(&run.metrics_path())?;
    let row = rows.iter().find(|row| row.split == RowSplit::Valid && row.step == best.step);
    Ok(row.and_then(|row| {
        let (margin, accuracy) = (row.margin?, row.accuracy?);
        Some(PreferenceFigures { pairs, loss: row.loss, margin, accuracy })
    }))
}

/// The model that was tuned: the frozen weights that the run keeps, or the model loaded once more; where it is gone, only
/// the tuned one is measured.
fn base_of(run: &RunFolder, config: &RunConfig, is_average: bool, device: &Device) -> Option<Gpt> {
    let finetune = config.finetune.as_ref().filter(|finetune| !finetune.fresh)?;
    let load = || {
        if let Some(base) = run.frozen_base(device)? {
            return Ok(base.with_precision(config.training.precision));
        }
        let source: ModelSource = finetune.base.parse()?;
        anyhow::Ok(TrainedModel::load_onto(&source, is_average, device)?.model)
    };
    load()
        .inspect_err(|error| {
            say(format_args!(
                "warning: the base is not measured beside the tuned model: {error:#}"
            ));
        })
        .ok()
}

fn written(
    model: &Gpt,
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    dialogues: &[Dialogue],
    most: usize,
    what: &'static str,
) -> Result<Vec<WrittenAnswer>> {
    let mut progress = CountProgress::new(what, most, "examples");
    let mut show = |done| progress.show(done);
    Ok(write_answers(model, tokenizer, template, dialogues, most, &mut show)?)
}

fn of_labels(
    run: &RunFolder,
    config: &RunConfig,
    texts: &[LabelledText],
    folder: &Path,
    device: &Device,
    damaged: &mut dyn FnMut(TrainError),
) -> Result<TaskFigures> {
    let (classifier, _) = run.best_classifier(device, damaged)?;
    let mut progress = CountProgress::new("classifying", texts.len(), "texts");
    let batch_size = config.training.batch_size;
    let tokenizer = run.tokenizer()?;
    let confusion = confusion(&classifier, &tokenizer, texts, batch_size, &mut |done| {
        progress.show(done);
    })?;
    let picture = folder.join("confusion.png");
    let title = format!("{}: {} held out", run.name(), config.data.source);
    let figures = confusion.to_string();
    draw_confusion(&picture, &title, &figures, &confusion.labels, &confusion.counts)?;
    let (accuracy, macro_f1) = (confusion.accuracy(), confusion.macro_f1());
    Ok(TaskFigures::Labels {
        accuracy,
        macro_f1,
        majority: confusion.majority(),
        confusion,
        picture,
    })
}

/// Says that a classifier is no better than always giving the most frequent label, and why that may be.
fn say_if_nothing_was_learnt(confusion: &Confusion, is_tail: bool) {
    let (accuracy, majority) = (confusion.accuracy(), confusion.majority());
    if accuracy > majority {
        return;
    }
    let found = match majority {
        1.0.. => "all held-out texts have the same label, so that their accuracy says nothing",
        _ => "the classifier is no better than always giving the most frequent label",
    };
    let why = match is_tail {
        true => {
            "The last tenth of the file was held out: if it is sorted by label, shuffle it, or give --valid. Else"
        }
        false => "Perhaps",
    };
    say(format_args!(
        "warning: {found}. {why} train longer, by more --epochs, or raise --learning-rate"
    ));
}

fn show(figures: &TaskFigures, examples: usize, out: &mut impl Write) -> std::io::Result<()> {
    match figures {
        TaskFigures::Answers {
            base_perplexity,
            perplexity,
            rouge_l,
            preferences,
            forgotten,
            tasks,
            answers,
        } => {
            if let (Some(before), Some(after)) = (base_perplexity, perplexity) {
                writeln!(
                    out,
                    "\nheld-out answers: perplexity {before:.2} before, {after:.2} after, on {}{}",
                    counted(examples, "example"),
                    if examples < FEW { ": too few to say how it is on others" } else { "" },
                )?;
            }
            if let Some(rouge_l) = rouge_l {
                writeln!(out, "ROUGE-L of {} summaries: {rouge_l:.2} %", answers.len())?;
            }
            if let Some(PreferenceFigures { pairs, loss, margin, accuracy }) = preferences {
                writeln!(
                    out,
                    "\nheld-out preferences: {:.1} % of {pairs} preferred right, margin {margin:.4}, loss {loss:.4} (the base's: {:.4})",
                    100.0 * accuracy,
                    2_f64.ln(),
                )?;
            }
            if let Some(forgotten) = forgotten {
                writeln!(
                    out,
                    "\nforgotten: perplexity {} before, {} after on {} ({} tokens)",
                    decimals(forgotten.base_perplexity, 2),
                    decimals(forgotten.perplexity, 2),
                    forgotten.text,
                    grouped(forgotten.tokens as u64),
                )?;
            }
            if !tasks.is_empty() {
                let head = ["task", "figure", "base", "tuned", ""].map(str::to_owned).to_vec();
                let row = |task: &minigpt_eval::ComparedTask| {
                    let error = task.standard_error.map(|error| format!("± {error:.4}"));
                    vec![
                        task.task.clone(),
                        task.figure.clone(),
                        format!("{:.4}", task.base),
                        format!("{:.4}", task.tuned),
                        error.unwrap_or_default(),
                    ]
                };
                let rows = std::iter::once(head).chain(tasks.iter().map(row)).collect::<Vec<_>>();
                write!(out, "\n{}", table::text(&rows))?;
            }
            show_answers(&answers[..SHOWN.min(answers.len())], out)
        }
        TaskFigures::Labels { accuracy, macro_f1, majority, confusion, picture } => {
            writeln!(
                out,
                "\nheld-out texts: accuracy {accuracy:.4}, macro-F1 {macro_f1:.4} on {} (the most frequent label alone: {majority:.4})",
                confusion.texts()
            )?;
            writeln!(out, "confusion matrix: {}", picture.display())
        }
    }
}

fn show_answers(answers: &[WrittenAnswer], out: &mut impl Write) -> std::io::Result<()> {
    let indented = |text: &str| text.trim_end().replace('\n', "\n  ");
    for WrittenAnswer { prompt, expected, written, base, .. } in answers {
        writeln!(out, "\n  {}", indented(prompt))?;
        writeln!(out, "  expected: {}", indented(expected))?;
        if let Some(base) = base {
            writeln!(out, "  base:     {}", indented(base))?;
        }
        writeln!(out, "  written:  {}", indented(written))?;
    }
    Ok(())
}
