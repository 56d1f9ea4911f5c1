//! `minigpt compare`.

mod picture;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use minigpt_data::ModelSource;
use minigpt_eval::{ComparedModel, Measured, Metric, QUOTED, Quoted, Training};
use minigpt_plot::draw_bars;
use minigpt_train::{RowSplit, RunFolder, read_metrics};
use serde::Serialize;

use crate::args::{CompareArgs, TableFormat};
use crate::commands::classify::{NO_PERPLEXITY, refuse_classifier};
use crate::commands::eval::few_parts;
use crate::load::eval_text::EvalText;
use crate::load::model::LoadedModel;
use crate::outputs;
use crate::terminal::format::{decimals, duration, grouped};
use crate::terminal::output::{print, say};
use crate::terminal::table;

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    data: String,
    models: &'a [ComparedModel],
    quoted: &'a [Quoted],
    /// Whether the models read the text as the same number of tokens: token perplexities of others cannot be compared.
    has_comparable_tokens: bool,
}

pub(crate) fn run(args: &CompareArgs) -> Result<ExitCode> {
    let picture = outputs::picture("--out", &args.out)?;
    for source in &args.models {
        refuse_classifier(source, NO_PERPLEXITY)?;
    }
    let first = || match &args.models[0] {
        ModelSource::Path(path) => {
            let run = RunFolder::of_checkpoint(path).map(|(run, _)| run);
            Ok(run.map_or_else(|| RunFolder::open(path), Ok)?.config()?)
        }
        ModelSource::Hub(model) => bail!("{model} is no run, which would have a text"),
    };
    let text = EvalText::read(&args.text, first)?;
    let (mut models, mut token_counts) = (Vec::new(), BTreeSet::new());
    let mut few = None;
    for source in &args.models {
        let trained = LoadedModel::open(source, &args.model)?;
        let report = text.evaluate(&trained, &args.protocol)?;
        token_counts.insert(report.evaluation.tokens);
        few = few.or_else(|| report.has_few_parts().then(|| few_parts(&report)));
        models.push(ComparedModel {
            model: source.to_string(),
            parameters: trained.config().parameter_counts().total(),
            protocol: report.protocol,
            token_perplexity: report.token_perplexity,
            word_perplexity: report.word_perplexity,
            bits_per_byte: report.bits_per_byte,
            // A run's time is not that of an earlier checkpoint.
            training: trained.run().filter(|_| !trained.is_of_chosen_step()).and_then(training),
            tokens_per_second: report.tokens_per_second(),
        });
    }
    let quoted: &[Quoted] = if args.quoted { &QUOTED } else { &[] };
    // Token by token, models can be compared that read the text as the same number of tokens.
    let are_tokens_alike = token_counts.len() == 1;
    let title = format!("Models on {}", text.description());
    draw_bars(&picture, &title, &picture::panels(&models, are_tokens_alike, quoted))?;
    let description = text.description();
    let rows = || [head(), measured_rows(&models), quoted_rows(quoted)].concat();
    if args.json {
        let output = Output {
            data: description,
            models: &models,
            quoted,
            has_comparable_tokens: are_tokens_alike,
        };
        let json = serde_json::to_string_pretty(&output)?;
        print(|out| writeln!(out, "{json}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = match args.format {
        TableFormat::Text => {
            format!("{description}\n{}{}", table::text(&rows()), notes(quoted, "\n"))
        }
        TableFormat::Markdown => {
            let notes = notes(quoted, "\n\n");
            format!("{description}\n\n{}\n{notes}", table::markdown(&rows()))
        }
        TableFormat::Csv => csv(&description, &models, quoted)?,
    };
    print(|out| write!(out, "{text}"))?;
    if !are_tokens_alike {
        say("token perplexities of different tokenizers cannot be compared: compare bits per byte");
        if args.quoted {
            say("the picture leaves out the quoted figures per token");
        }
    }
    if let Some(few) = few {
        say(few.trim_end());
    }
    say(format_args!("picture: {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Time and speed of a run, where it has come to its end and its files tell.
fn training(run: &RunFolder) -> Option<Training> {
    let left_out = |error| say(format_args!("warning: {error}; its training is left out"));
    let summary = run.summary().map_err(left_out).ok()??;
    let rows = read_metrics(&run.metrics_path()).map_err(left_out).ok()?;
    let tokens = rows.iter().rev().find(|row| row.split == RowSplit::Train).map(|row| row.tokens);
    let tokens_per_second = tokens.unwrap_or_default() as f64 / summary.seconds;
    Some(Training { seconds: summary.seconds, tokens_per_second })
}

fn head() -> Vec<Vec<String>> {
    let head = [
        "model",
        "parameters",
        "token perplexity",
        "word perplexity",
        "bits per byte",
        "training",
        "training tokens/s",
        "evaluated tokens/s",
        "context/stride",
    ];
    vec![head.map(str::to_owned).to_vec()]
}

fn measured_rows(models: &[ComparedModel]) -> Vec<Vec<String>> {
    let none = || "–".to_owned();
    let row = |model: &ComparedModel| {
        let training = model.training;
        vec![
            model.model.clone(),
            grouped(model.parameters as u64),
            with_interval(model.token_perplexity, 2),
            model.word_perplexity.map_or_else(none, |measured| with_interval(measured, 2)),
            with_interval(model.bits_per_byte, 4),
            training.map_or_else(none, |training| duration(training.seconds)),
            training.map_or_else(none, |training| grouped(training.tokens_per_second as u64)),
            grouped(model.tokens_per_second as u64),
            format!("{}/{}", model.protocol.context, model.protocol.stride),
        ]
    };
    models.iter().map(row).collect()
}

fn with_interval(measured: Measured, places: usize) -> String {
    let value = decimals(measured.value, places);
    match measured.low.zip(measured.high) {
        Some((low, high)) => {
            format!("{value} ({} – {})", decimals(low, places), decimals(high, places))
        }
        None => value,
    }
}

/// Quoted figures with the number of their note.
fn quoted_rows(quoted: &[Quoted]) -> Vec<Vec<String>> {
    let none = || "–".to_owned();
    let sources = sources(quoted);
    let row = |row: &Quoted| {
        let value = if row.low == row.high {
            row.low.to_string()
        } else {
            format!("{}–{}", row.low, row.high)
        };
        let of = |metric| if row.metric == metric { value.clone() } else { none() };
        let training = if row.training.is_empty() { none() } else { row.training.to_owned() };
        let note = sources.iter().position(|source| *source == (row.source, row.protocol));
        vec![
            format!("quoted: {} [{}]", row.model, note.unwrap_or_default() + 1),
            grouped(row.parameters),
            of(Metric::Token),
            of(Metric::Word),
            none(),
            training,
            none(),
            none(),
            none(),
        ]
    };
    quoted.iter().map(row).collect()
}

/// Sources and protocols of the quoted figures, each once.
fn sources(quoted: &[Quoted]) -> Vec<(&'static str, &'static str)> {
    let mut sources: Vec<_> = quoted.iter().map(|row| (row.source, row.protocol)).collect();
    sources.dedup();
    sources
}

/// What the quoted figures are, a line each.
fn notes(quoted: &[Quoted], between: &str) -> String {
    if quoted.is_empty() {
        return String::new();
    }
    let note =
        |(index, (source, protocol))| format!("{between}[{}] {source}; {protocol}", index + 1);
    let notes: String = sources(quoted).into_iter().enumerate().map(note).collect();
    format!("\nquoted, not computed here, each by a protocol of its own:{notes}\n")
}

fn csv(data: &str, models: &[ComparedModel], quoted: &[Quoted]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "model",
        "parameters",
        "token_perplexity",
        "token_perplexity_low",
        "token_perplexity_high",
        "word_perplexity",
        "word_perplexity_low",
        "word_perplexity_high",
        "bits_per_byte",
        "bits_per_byte_low",
        "bits_per_byte_high",
        "training_seconds",
        "training_tokens_per_second",
        "evaluated_tokens_per_second",
        "data",
        "protocol",
        "quoted_from",
    ])?;
    let optional = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = |measured: Option<Measured>| match measured {
        Some(Measured { value, low, high }) => [value.to_string(), optional(low), optional(high)],
        None => Default::default(),
    };
    for row in models {
        let mut record = vec![row.model.clone(), row.parameters.to_string()];
        let [token, bytes] = [row.token_perplexity, row.bits_per_byte].map(Some);
        for measured in [token, row.word_perplexity, bytes] {
            record.extend(cells(measured));
        }
        record.push(optional(row.training.map(|training| training.seconds)));
        record.push(optional(row.training.map(|training| training.tokens_per_second)));
        record.push(row.tokens_per_second.to_string());
        record.extend([data.to_owned(), row.protocol.to_string(), String::new()]);
        writer.write_record(&record)?;
    }
    for row in quoted {
        let mut record = vec![row.model.to_owned(), row.parameters.to_string()];
        let value = (row.low == row.high).then_some(row.low);
        let figure = [optional(value), row.low.to_string(), row.high.to_string()];
        for metric in [Metric::Token, Metric::Word] {
            let is_it = row.metric == metric;
            record.extend(if is_it { figure.clone() } else { Default::default() });
        }
        record.extend(std::iter::repeat_n(String::new(), 7));
        record.extend([row.protocol.to_owned(), row.source.to_owned()]);
        writer.write_record(&record)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
