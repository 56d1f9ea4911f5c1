//! What `minigpt eval` measured: perplexities by protocol with their intervals, and where the loss comes from.

use minigpt_eval::{ContextLoss, FrequencyLoss, Measured, Recited, SavedEvaluation};
use minigpt_plot::often;
use minigpt_train::FinetuneTask;

use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::format::{decimals, grouped};
use crate::pictures::Pictures;
use crate::record::RunRecord;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    // A classifier predicts no text.
    let runs: Vec<&RunRecord> = runs.iter().filter(|run| !run.is_classifier()).collect();
    if runs.is_empty() {
        return Ok(());
    }
    document.heading("Perplexity by protocol");
    protocols(document, &runs);
    for run in runs.iter().filter(|run| run.evaluations.is_empty()) {
        let name = if runs.len() > 1 { format!(" of {}", run.name) } else { String::new() };
        // Examples are no text that could be read in windows.
        let is_of_text = run.task_kind().is_none_or(|kind| kind == FinetuneTask::Lm);
        let data = if is_of_text { "" } else { "--data embedded" };
        document.note(
            Text::from(format!("There is no evaluation{name} in its folder. "))
                .code(run.command("eval", data))
                .plain(" makes one with intervals, and with ")
                .code("--stride")
                .plain(" another by windows that overlap."),
        );
    }
    if runs.iter().all(|run| run.evaluations.is_empty()) {
        return Ok(());
    }
    document.heading("Where the loss comes from");
    for run in &runs {
        let is_disjoint = |saved: &&SavedEvaluation| {
            let protocol = saved.report.protocol;
            protocol.stride == protocol.context && protocol.is_plain()
        };
        // Where windows overlap, few tokens have little context.
        let disjoint = run.evaluations.iter().find(is_disjoint);
        let Some(saved) = disjoint.or(run.evaluations.first()) else { continue };
        if runs.len() > 1 {
            document.subheading(&run.name);
        }
        where_the_loss_is(document, run, saved, pictures)?;
    }
    Ok(())
}

fn protocols(document: &mut Document, runs: &[&RunRecord]) {
    let head = [
        "text and protocol",
        "token perplexity",
        "word perplexity",
        "bits per byte",
        "bits per character",
        "tokens predicted right",
        "recited tokens (longest passage)",
    ];
    let row = |(run, saved): (&RunRecord, &SavedEvaluation)| {
        let report = &saved.report;
        let name = if runs.len() > 1 { format!("{}: ", run.name) } else { String::new() };
        let detokenized = match &saved.detokenizer {
            Some(detokenizer) => format!(", detokenized as {detokenizer}"),
            None => String::new(),
        };
        let step = saved.step.map(|step| format!("; weights of step {step}")).unwrap_or_default();
        let text = format!(
            "{name}{}, {}{detokenized}; {}{step}",
            saved.data, saved.split, saved.description
        );
        vec![
            text.into(),
            measured(report.token_perplexity, 2).into(),
            report.word_perplexity.map(|perplexity| measured(perplexity, 2)).into(),
            measured(report.bits_per_byte, 4).into(),
            measured(report.bits_per_character, 4).into(),
            percent(report.accuracy).into(),
            report.recited.map(recited).into(),
        ]
    };
    let saved = runs.iter().flat_map(|run| run.evaluations.iter().map(|saved| (*run, saved)));
    let rows = saved.map(row).collect();
    let caption = "Each figure with its 95 % bootstrap interval";
    document.table(caption, head.map(str::to_owned).to_vec(), rows);
    let few = runs.iter().flat_map(|run| &run.evaluations).map(|saved| &saved.report);
    for report in few.filter(|report| report.has_few_parts()) {
        document.note(format!(
            "The intervals of {} are from {} {}, which is too few: they say little.",
            report.protocol,
            grouped(report.parts as u64),
            report.bootstrap.unit,
        ));
    }
}

fn recited(recited: Recited) -> String {
    match recited.passages {
        0 => "0".to_owned(),
        _ => format!("{} ({})", grouped(recited.tokens as u64), recited.longest),
    }
}

fn measured(measured: Measured, places: usize) -> String {
    with_interval(measured, |value| decimals(value, places))
}

fn percent(measured: Measured) -> String {
    with_interval(measured, |part| format!("{}\u{a0}%", decimals(100.0 * part, 2)))
}

fn with_interval(Measured { value, low, high }: Measured, shown: impl Fn(f64) -> String) -> String {
    match low.zip(high) {
        // The interval stays in one line, for which its spaces are no-break spaces.
        Some((low, high)) => {
            format!("{} ({}\u{a0}–\u{a0}{})", shown(value), shown(low), shown(high))
        }
        None => shown(value),
    }
}

fn where_the_loss_is(
    document: &mut Document,
    run: &RunRecord,
    saved: &SavedEvaluation,
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    let report = &saved.report;
    let (positions, classes) = (often(&report.by_context, |at| at.tokens), &report.by_frequency);
    if positions.is_empty() || classes.is_empty() {
        return Ok(());
    }
    let [first, last] = [&positions[0], &positions[positions.len() - 1]];
    let alt = format!(
        "Left, loss against the number of tokens read before, from {:.3} nats after {} to {:.3} after {}; right, a bar \
         for each class of token frequency. The tables below have the values.",
        first.loss, first.seen, last.loss, last.seen
    );
    let caption = format!(
        "Loss by position in the context and by frequency of the token: {}, {}; {}",
        saved.data, saved.split, saved.description
    );
    document.picture(pictures.losses(run, saved, alt, caption)?);
    let row = |at: &ContextLoss| {
        vec![
            grouped(at.seen as u64).into(),
            grouped(at.tokens as u64).into(),
            format!("{:.4}", at.loss).into(),
        ]
    };
    let head = ["tokens read before", "tokens predicted", "nats per token"].map(str::to_owned);
    let last = last.seen;
    let is_shown = |at: &&ContextLoss| at.seen.is_power_of_two() || at.seen == last;
    let rows = positions.iter().filter(is_shown).map(row).collect();
    document.table("Loss by position in the context", head.to_vec(), rows);
    let row = |class: &FrequencyLoss| {
        let range = match class.from == class.to {
            true => grouped(class.from as u64),
            false => format!("{} – {}", grouped(class.from as u64), grouped(class.to as u64)),
        };
        vec![
            range.into(),
            grouped(class.ids as u64).into(),
            grouped(class.tokens as u64).into(),
            format!("{:.4}", class.loss).into(),
        ]
    };
    let head =
        ["occurrences in the text", "different tokens", "tokens predicted", "nats per token"];
    let rows = classes.iter().map(row).collect();
    document.table("Loss by frequency of the token", head.map(str::to_owned).to_vec(), rows);
    Ok(())
}
