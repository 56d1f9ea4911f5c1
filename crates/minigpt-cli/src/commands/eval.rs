//! `minigpt eval`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use minigpt_data::ModelSource;
use minigpt_eval::{
    Accuracy, Bootstrap, EvalReport, Measured, Protocol, Recited, SavedEvaluation, Task,
    TaskReport, TaskScores, Unit, answer,
};
use minigpt_files::sha256;
use minigpt_report::draw_loss_sources;
use serde::Serialize;

use crate::args::{EvalArgs, WeightsArgs, WeightsChoice};
use crate::commands::classify::{NO_PERPLEXITY, refuse_classifier};
use crate::load::eval_text::EvalText;
use crate::load::model::LoadedModel;
use crate::load::{questions, readers};
use crate::terminal::format::{counted, decimals, duration, grouped};
use crate::terminal::output::print;
use crate::terminal::progress::CountProgress;
use crate::terminal::table;

pub(crate) fn run(args: &EvalArgs) -> Result<ExitCode> {
    for source in args.sources() {
        refuse_classifier(source, NO_PERPLEXITY)?;
    }
    match (&args.source, args.tasks.as_slice()) {
        (Some(source), [_, ..]) => answer_tasks(args, source)?,
        _ => read_text(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read_text(args: &EvalArgs) -> Result<()> {
    let (sources, dynamic) = (args.sources(), args.beyond.dynamic());
    let models = readers::open_all(&sources, &args.model, dynamic.is_some())?;
    let block_size = models.iter().map(|model| model.config().block_size).min().unwrap_or(0);
    let width = models.iter().map(|model| model.config().n_embd).max().unwrap_or(1);
    let cache = args.beyond.cache(width);
    let protocol = args.protocol.protocol(block_size);
    let protocol = Protocol { models: models.len(), cache, dynamic, ..protocol };
    protocol.validate(block_size)?;
    let first = &models[0];
    let text = EvalText::read(&args.text, || {
        let run = first.run().context("the model is of no run, which would have a text")?;
        Ok(run.config()?)
    })?;
    let readers = models.iter().zip(&sources);
    let readers = readers.map(|(model, source)| readers::reader(model, source, protocol));
    let readers = readers.collect::<Result<_>>()?;
    let report = text.evaluate_by(&first.tokenizer, readers, protocol, &args.protocol)?;
    // An ensemble is no run's own.
    let folder = || match models.as_slice() {
        [one] => one.folder_for("evaluation"),
        _ => PathBuf::from("evaluation"),
    };
    let folder = args.out.clone().unwrap_or_else(folder);
    fs_err::create_dir_all(&folder)?;
    let protocol = report.protocol;
    let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
    let mut name = format!("{}-{}", text.file_name(), protocol.file_name());
    if models.len() > 1 {
        // Of these models and no others.
        name += &format!("-{}", &sha256(names.join(","))[..8]);
    }
    let other = other_weights(&args.model);
    if !other.is_empty() {
        let plain = |c: char| if c.is_alphanumeric() || "._".contains(c) { c } else { '-' };
        name += &format!("-{}", other.join("-").chars().map(plain).collect::<String>());
    }
    // Not `with_extension`, which would take the end of a name for one.
    let files = ["png", "json"].map(|extension| folder.join(format!("{name}.{extension}")));
    // The protocol says how many; the title has room for one name.
    let others = if models.len() > 1 { " and others" } else { "" };
    let title = format!("{}{others} on {}: {protocol}", first.name(), text.description());
    draw_loss_sources(&files[0], &title, &report)?;
    let parameters = models.iter().map(|model| model.config().parameter_counts().total());
    // What `--json` prints, and what the file beside the picture holds.
    let saved = SavedEvaluation {
        model: names.join(","),
        step: Some(first).filter(|_| models.len() == 1).and_then(LoadedModel::checkpoint_step),
        parameters: parameters.sum(),
        data: text.source.clone(),
        split: text.portion.to_string(),
        detokenizer: text.detokenizer.map(|detokenizer| detokenizer.to_string()),
        documents: text.documents.len(),
        description: std::iter::once(format!("{protocol}, each token predicted once"))
            .chain(other)
            .collect::<Vec<_>>()
            .join(", "),
        tokens_per_second: report.tokens_per_second(),
        files: files.clone(),
        command: std::env::args().collect(),
        report,
    };
    let json = serde_json::to_string_pretty(&saved)?;
    minigpt_files::write(&files[1], &json)?;
    if args.json {
        return print(|out| writeln!(out, "{json}"));
    }
    print(|out| {
        write!(out, "{}", in_words(&text, &saved.report))?;
        files.iter().try_for_each(|file| writeln!(out, "{}", file.display()))
    })
}

/// What makes the model another than it is as it is stored: figures of it are no other's.
fn other_weights(args: &WeightsArgs) -> Vec<String> {
    let WeightsChoice(weights) = args.weights;
    let weights = weights.map(|weight_type| format!("{weight_type} weights"));
    let adapter = args.model.adapter.as_ref();
    let adapter = adapter.map(|folder| format!("adapter {}", folder.display()));
    let average = args.model.average.then(|| "averaged weights".to_owned());
    [weights, adapter, average].into_iter().flatten().collect()
}

fn in_words(text: &EvalText, report: &EvalReport) -> String {
    let sums = report.evaluation;
    let figures = [
        ("token perplexity", Some(report.token_perplexity), 2, ""),
        // A text without spaces has none.
        ("word perplexity", report.word_perplexity, 2, ""),
        ("bits per byte", Some(report.bits_per_byte), 4, ""),
        ("bits per character", Some(report.bits_per_character), 4, ""),
        ("tokens predicted right", Some(percent(report.accuracy)), 2, " %"),
    ];
    let head = ["", "value", "95 % interval"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = figures
        .into_iter()
        .filter_map(|(name, measured, places, unit)| {
            let Measured { value, low, high } = measured?;
            let shown = |value| format!("{}{unit}", decimals(value, places));
            let interval = match low.zip(high) {
                Some((low, high)) => format!("{} – {}", shown(low), shown(high)),
                None => "–".to_owned(),
            };
            Some(vec![name.to_owned(), shown(value), interval])
        })
        .collect();
    let intervals = if report.token_perplexity.low.is_some() {
        let (bootstrap, parts) = (report.bootstrap, grouped(report.parts as u64));
        format!(
            "intervals: {} resamples of the {parts} {}, seed {}\n{}",
            bootstrap.resamples,
            bootstrap.unit,
            bootstrap.seed,
            if report.has_few_parts() { few_parts(report) } else { String::new() },
        )
    } else {
        String::new()
    };
    let padding = match report.padding {
        0 => String::new(),
        ids => format!(
            "vocabulary: {} ids of the model are not the tokenizer's and get no probability\n",
            grouped(ids as u64)
        ),
    };
    let beyond = match report.protocol.is_plain() {
        true => "",
        false => "note: not to be compared with figures of one model with fixed weights\n",
    };
    let recited = report.recited.as_ref().map(recited_in_words).unwrap_or_default();
    let documents = match text.documents.len() {
        1 => "1 document".to_owned(),
        number => format!("{} documents", grouped(number as u64)),
    };
    format!(
        "text: {}: {documents}, {} bytes, {} words, {} tokens\nprotocol: {}, each token predicted once\n{beyond}{padding}\n{}\n{intervals}{recited}time: {}, {} tokens/s\n",
        text.description(),
        grouped(sums.bytes),
        grouped(sums.words),
        grouped(sums.tokens as u64),
        report.protocol,
        table::text(&[vec![head], rows].concat()),
        duration(report.seconds),
        grouped(report.tokens_per_second() as u64),
    )
}

/// That intervals of few parts say little, and what makes more.
pub(super) fn few_parts(report: &EvalReport) -> String {
    let more = match report.bootstrap.unit {
        Unit::Windows => "a shorter --context or a longer text makes more",
        Unit::Documents => "--resample windows makes more",
    };
    format!(
        "note: intervals from fewer than {} {} say too little: {more}\n",
        Bootstrap::ENOUGH,
        report.bootstrap.unit
    )
}

/// What hints at text that the model has learnt.
fn recited_in_words(recited: &Recited) -> String {
    let Recited { passages, tokens, longest } = *recited;
    match passages {
        0 => format!("recited: no passage; at most {longest} tokens in a row predicted right\n"),
        _ => format!(
            "recited: {} tokens, in {} of {} or more predicted right in a row, the longest {longest}: the model \
             may have learnt them, or copied what stands before\n",
            grouped(tokens as u64),
            counted(passages, "passage"),
            Recited::LEAST,
        ),
    }
}

fn percent(part: Measured) -> Measured {
    let times_hundred = |value: f64| 100.0 * value;
    Measured {
        value: times_hundred(part.value),
        low: part.low.map(times_hundred),
        high: part.high.map(times_hundred),
    }
}

/// What `--tasks --json` prints, one for each file.
#[derive(Serialize)]
struct TaskOutput<'a> {
    model: String,
    task: &'a Path,
    #[serde(flatten)]
    report: &'a TaskReport,
}

fn answer_tasks(args: &EvalArgs, source: &ModelSource) -> Result<()> {
    // All files first: a bad line is better told before the model has worked.
    let tasks = questions::read_all(&args.tasks)?;
    let trained = LoadedModel::open(source, &args.model)?;
    for task in &tasks {
        let mut progress: Option<CountProgress> = None;
        let batch_size = args.protocol.batch_size as usize;
        let report =
            answer(&trained.model, &trained.tokenizer, task, batch_size, &mut |done, total| {
                progress
                    .get_or_insert_with(|| CountProgress::new("answering", total, "continuations"))
                    .show(done);
            })?;
        drop(progress);
        if args.json {
            let output =
                TaskOutput { model: source.to_string(), task: &task.path, report: &report };
            let json = serde_json::to_string_pretty(&output)?;
            print(|out| writeln!(out, "{json}"))?;
        } else {
            print(|out| write!(out, "{}", task_in_words(task, &report)))?;
        }
    }
    Ok(())
}

fn task_in_words(task: &Task, report: &TaskReport) -> String {
    let row = |name: &str, value: f64| vec![name.to_owned(), format!("{value:.4}"), String::new()];
    let accuracy = |name: &str, accuracy: Accuracy| {
        let error = accuracy.standard_error.map(|error| format!("± {error:.4}"));
        vec![name.to_owned(), format!("{:.4}", accuracy.value), error.unwrap_or_default()]
    };
    let (kind, rows) = match report.scores {
        TaskScores::MultipleChoice { acc, acc_norm, chance } => (
            "multiple choice by likelihood",
            vec![accuracy("acc", acc), accuracy("acc_norm", acc_norm), row("chance", chance)],
        ),
        TaskScores::Cloze { acc, perplexity } => (
            "last word from all before it",
            vec![accuracy("acc", acc), row("perplexity", perplexity)],
        ),
    };
    let questions = grouped(report.questions as u64);
    format!("{}: {questions} questions, {kind}\n{}", task.path.display(), table::text(&rows))
}
