//! The question that a run answers, and the answer: what was trained, how good it is, and against what.

use minigpt_eval::TaskFigures;
use minigpt_train::{End, FinetuneTask, Origin, RunState, SplitFigures, ValidationFigures};

use super::{table_by_run, words};
use crate::document::{Document, Text};
use crate::format::{decimals, grouped};
use crate::record::RunRecord;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Question and verdict");
    match runs {
        [run] => one(document, run),
        _ => several(document, runs),
    }
}

fn one(document: &mut Document, run: &RunRecord) {
    document.paragraph(question(run));
    for line in origins(run) {
        document.paragraph(line);
    }
    document.paragraph(verdict(run));
    if let Some(note) = state(run) {
        document.note(note);
    }
    figures(document, run);
}

fn question(run: &RunRecord) -> Text {
    let text = Text::default().strong("Question.");
    let parameters = grouped(run.parameters() as u64);
    let Some(finetune) = &run.config.finetune else {
        let text = text.plain(format!(
            " How well does a model of {parameters} parameters, trained from scratch on "
        ));
        return words::with_data(text, &run.config)
            .plain(", predict text that was held out of its training?");
    };
    let text = match finetune.fresh {
        true => text.plain(format!(
            " How well does a fresh model of {parameters} parameters in the shape of "
        )),
        false => {
            text.plain(format!(" How well does a model of {parameters} parameters, tuned from "))
        }
    };
    let text = words::with_data(text.code(&finetune.base).plain(" on "), &run.config);
    text.plain(match finetune.task {
        FinetuneTask::Lm => ", predict text that was held out of its tuning?",
        FinetuneTask::Instruct => ", answer instructions that were held out?",
        FinetuneTask::Summarize => ", summarise documents that were held out?",
        FinetuneTask::Classify => ", tell the labels of texts that were held out?",
        FinetuneTask::Prefer => ", prefer the better of two answers that were held out?",
    })
}

/// A line for each run that this one continues, the oldest first.
fn origins(run: &RunRecord) -> Vec<Text> {
    let line = |origin: &Origin| {
        let start = format!("It continues from step {} of run ", grouped(origin.step as u64));
        Text::default().plain(start).code(&origin.run).plain(".")
    };
    run.config.continued.iter().map(line).collect()
}

fn verdict(run: &RunRecord) -> Text {
    let text = Text::default().strong("Verdict.");
    let Some(best) = run.best() else {
        return match run.best_loss() {
            Some((step, loss)) => text.plain(format!(
                " So far the best validation loss is {loss:.4} nats per {}, after step {step}.",
                unit(run)
            )),
            None => text.plain(" None yet: the run has no validation."),
        };
    };
    let text = match (&run.task, run.task_kind()) {
        (Some(TaskFigures::Labels { accuracy, macro_f1, majority, confusion, .. }), _) => {
            let beyond = match accuracy > majority {
                true => "It has learnt more than which label is frequent",
                false => "It has learnt no more than which label is frequent",
            };
            text.plain(format!(
                " Its accuracy on the held-out texts is {accuracy:.4} over {} labels, its macro-F1 \
                 {macro_f1:.4}. {beyond}: the most frequent label alone would be right for \
                 {majority:.4}.",
                confusion.labels.len(),
            ))
        }
        (_, Some(FinetuneTask::Classify)) => text.plain(format!(
            " After step {} its cross-entropy on the held-out texts is {:.4} nats per label.",
            best.step, best.loss
        )),
        (Some(TaskFigures::Answers { preferences: Some(figures), .. }), _) => text.plain(format!(
            " After step {} it prefers the better answer, more than its base does, in {:.1} % of the {} held-out \
             pairs; the margin is {:.3} on average, the loss {:.4} (the base's is ln 2).",
            best.step,
            100.0 * figures.accuracy,
            grouped(figures.pairs as u64),
            figures.margin,
            figures.loss,
        )),
        (_, Some(FinetuneTask::Prefer)) => text.plain(format!(
            " After step {} the loss on held-out pairs is {:.4} nats; the base's is ln 2.",
            best.step, best.loss
        )),
        (_, None | Some(FinetuneTask::Lm)) => of_text(text, "the held-out text", run, &best),
        (_, Some(_)) => of_text(text, &answers(run), run, &best),
    };
    let text = against(text, run, &best);
    match run.summary.as_ref().and_then(|summary| summary.last) {
        Some(last) if last.step != best.step => text.plain(format!(
            " The last validation, after step {}, was worse ({:.4}): other commands use the weights of step {}, \
             which are kept.",
            last.step, last.loss, best.step
        )),
        _ => text,
    }
}

/// Held-out answers, with the number of examples that have them, where the run recorded it.
fn answers(run: &RunRecord) -> String {
    match run.start.as_ref().and_then(|start| start.valid.examples) {
        Some(1) => "the answers of the one held-out example".to_owned(),
        Some(number) => format!("the answers of {} held-out examples", grouped(number as u64)),
        None => "the held-out answers".to_owned(),
    }
}

fn of_text(text: Text, what: &str, run: &RunRecord, best: &ValidationFigures) -> Text {
    let of_words = best
        .word_perplexity
        .map(|perplexity| format!(", {} per word", decimals(perplexity, 2)))
        .unwrap_or_default();
    text.plain(format!(
        " After step {} its perplexity on {what} is {} per token{}{of_words}, or {:.4} bits per byte.",
        best.step,
        decimals(best.token_perplexity, 2),
        interval(run, best).unwrap_or_default(),
        best.bits_per_byte,
    ))
}

/// The interval of the perplexity, where `minigpt eval` measured the same.
fn interval(run: &RunRecord, best: &ValidationFigures) -> Option<String> {
    let is_same = |value: f64| (value / best.token_perplexity - 1.0).abs() < 1e-4;
    let mut measured = run.evaluations.iter().map(|saved| saved.report.token_perplexity);
    let measured = measured.find(|measured| is_same(measured.value))?;
    let [low, high] = [measured.low?, measured.high?].map(|value| decimals(value, 2));
    Some(format!(" (95 % bootstrap interval {low} – {high})"))
}

/// What the best validation is better than.
fn against(text: Text, run: &RunRecord, best: &ValidationFigures) -> Text {
    if let Some(base) = run.summary.as_ref().and_then(|summary| summary.base) {
        let (name, before, after) = match run.task_kind() {
            Some(FinetuneTask::Classify) => ("cross-entropy per label", base.loss, best.loss),
            Some(FinetuneTask::Prefer) => ("loss per pair", base.loss, best.loss),
            _ => ("perplexity per token", base.token_perplexity, best.token_perplexity),
        };
        let change = match after < before {
            true => "tuning has lowered it",
            false => "tuning has not lowered it",
        };
        let [before, after] = [before, after].map(|value| decimals(value, 2));
        return text.plain(format!(
            " Before tuning its {name} was {before}, now it is {after}: {change}."
        ));
    }
    if run.task_kind().is_some_and(|kind| kind != FinetuneTask::Lm) {
        return text;
    }
    let vocabulary = run.config.model.vocab_size;
    let guess = format!("a uniform guess has perplexity {}", grouped(vocabulary as u64));
    match run.unigram_perplexity() {
        Some(unigram) if best.token_perplexity < unigram => text.plain(format!(
            " That is better than what the frequencies of the training tokens alone predict, {} per token, \
             which is what a model without any context can reach; {guess}.",
            decimals(unigram, 2)
        )),
        Some(unigram) => text.plain(format!(
            " That is no better than what the frequencies of the training tokens alone predict, {} per token: \
             the model has not learnt to use its context.",
            decimals(unigram, 2)
        )),
        None => text.plain(format!(" To compare: {guess}.")),
    }
}

fn unit(run: &RunRecord) -> &'static str {
    match run.task_kind() {
        Some(FinetuneTask::Classify) => "label",
        Some(FinetuneTask::Prefer) => "pair",
        _ => "token",
    }
}

/// What a reader must know of a run that has not come to its end.
fn state(run: &RunRecord) -> Option<Text> {
    let step = run.rows.last().map(|row| row.step);
    let at = step.map(|step| format!("step {step}")).unwrap_or_else(|| "its first step".to_owned());
    match (run.state, run.summary.as_ref().map(|summary| summary.end)) {
        (RunState::Training, _) => {
            Some(format!("The run is still training: this is what it has come to at {at}.").into())
        }
        (RunState::Interrupted, Some(End::OutOfTime)) => Some(
            Text::from(format!(
                "The run ended at {at} because its time was over, before its planned end. "
            ))
            .code(run.command("train --resume", ""))
            .plain(" resumes it."),
        ),
        (RunState::Interrupted | RunState::Damaged, _) => Some(
            Text::from(format!("The run was stopped at {at}, before its end. "))
                .code(run.command("train --resume", ""))
                .plain(" resumes it."),
        ),
        (RunState::Finished, Some(End::Patience)) => Some(
            format!("The run ended at {at}, because its validation loss no longer fell.").into(),
        ),
        (RunState::Finished, _) => None,
    }
}

/// Every validation that the summary has, as a table.
fn figures(document: &mut Document, run: &RunRecord) {
    let Some(summary) = &run.summary else { return };
    let is_last_best = summary.best == summary.last;
    let rows = [
        ("before tuning", summary.base),
        (if is_last_best { "best and last" } else { "best" }, summary.best),
        ("last", summary.last.filter(|_| !is_last_best)),
        ("moving average of the weights", summary.average),
    ];
    let rows: Vec<Vec<Text>> = rows
        .into_iter()
        .filter_map(|(name, figures)| Some(row(name, &figures?, run.predicts_tokens())))
        .collect();
    let mut head: Vec<String> = ["weights", "step"]
        .into_iter()
        .map(str::to_owned)
        .chain([format!("nats per {}", unit(run))])
        .collect();
    let mut caption = "Validation on all that was held out";
    if run.predicts_tokens() {
        head.extend(["token perplexity", "word perplexity", "bits per byte"].map(str::to_owned));
        caption = "Validation on all that was held out, each token predicted once";
    }
    document.table(caption, head, rows);
}

fn row(name: &str, figures: &ValidationFigures, predicts_tokens: bool) -> Vec<Text> {
    let mut row = vec![
        name.into(),
        grouped(figures.step as u64).into(),
        format!("{:.4}", figures.loss).into(),
    ];
    if predicts_tokens {
        row.push(decimals(figures.token_perplexity, 2).into());
        row.push(figures.word_perplexity.map(|perplexity| decimals(perplexity, 2)).into());
        row.push(format!("{:.4}", figures.bits_per_byte).into());
    }
    row
}

fn several(document: &mut Document, runs: &[RunRecord]) {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let names = words::listed(&names);
    document.paragraph(
        Text::default()
            .strong("Question.")
            .plain(format!(" Which of the runs {names} predicts best what was held out?")),
    );
    document.paragraph(Text::default().strong("Verdict.").plain(format!(" {}", ranking(runs))));
    table_by_run(
        document,
        "The best validation of each run, on all that it held out",
        runs,
        &[
            ("state", &|run| Some(run.state.to_string().into())),
            ("parameters", &|run| Some(grouped(run.parameters() as u64).into())),
            ("step", &|run| Some(grouped(run.best_loss()?.0 as u64).into())),
            ("nats per token", &|run| {
                let loss = run.best_loss().filter(|_| run.predicts_tokens())?.1;
                Some(format!("{loss:.4}").into())
            }),
            ("nats per label", &|run| {
                let loss = run.best_loss().filter(|_| run.is_classifier())?.1;
                Some(format!("{loss:.4}").into())
            }),
            ("nats per pair", &|run| {
                let is_of_pairs = run.task_kind() == Some(FinetuneTask::Prefer);
                Some(format!("{:.4}", run.best_loss().filter(|_| is_of_pairs)?.1).into())
            }),
            ("token perplexity", &|run| {
                let best = run.best().filter(|_| run.predicts_tokens())?;
                Some(decimals(best.token_perplexity, 2).into())
            }),
            ("token perplexity before tuning", &|run| {
                let base = run.summary.as_ref()?.base.filter(|_| run.predicts_tokens())?;
                Some(decimals(base.token_perplexity, 2).into())
            }),
            ("token perplexity of a unigram model", &|run| {
                Some(decimals(run.unigram_perplexity()?, 2).into())
            }),
            ("word perplexity", &|run| {
                let best = run.best().filter(|_| !run.is_classifier())?;
                Some(decimals(best.word_perplexity?, 2).into())
            }),
            ("bits per byte", &|run| {
                let best = run.best().filter(|_| run.predicts_tokens())?;
                Some(format!("{:.4}", best.bits_per_byte).into())
            }),
        ],
    );
    for run in runs {
        for note in origins(run).into_iter().chain(state(run)) {
            let mut named = Text::default().strong(format!("{}.", run.name)).plain(" ");
            named.spans.extend(note.spans);
            document.note(named);
        }
    }
}

/// Which run is best, where their figures can be compared.
fn ranking(runs: &[RunRecord]) -> String {
    let all = |same: &dyn Fn(&RunRecord) -> bool| runs.iter().all(same);
    let first = &runs[0];
    // Of one name may be different texts, in which case their sizes mostly differ; how many tokens a text has is the
    // tokenizer's.
    let size = |run: &RunRecord| {
        let SplitFigures { examples, bytes, words, characters, .. } = run.start.as_ref()?.valid;
        Some((examples, bytes, words, characters))
    };
    let sizes: Vec<_> = runs.iter().filter_map(size).collect();
    let has_one_size = sizes.windows(2).all(|pair| pair[0] == pair[1]);
    let text = |run: &RunRecord| {
        let data = &run.config.data;
        (data.source.clone(), data.valid.clone(), data.lines, run.task_kind())
    };
    if !has_one_size || !all(&|run| text(run) == text(first)) {
        return "The runs were validated on different texts or tasks: their figures do not rank them.".to_owned();
    }
    if !all(&|run| run.best().is_some()) {
        return "Not every run has come to its end: their figures do not rank them yet.".to_owned();
    }
    let has_one_tokenizer = all(&|run| run.config.data.tokenizer == first.config.data.tokenizer);
    let (what, value): (&str, fn(&ValidationFigures) -> f64) =
        match (first.is_classifier(), has_one_tokenizer) {
            (true, _) => ("nats per label", |best| best.loss),
            (false, true) => ("token perplexity", |best| best.token_perplexity),
            // Tokens of different tokenizers are not the same pieces of text.
            (false, false) => ("bits per byte", |best| best.bits_per_byte),
        };
    let mut ranked: Vec<(&str, f64)> =
        runs.iter().filter_map(|run| Some((run.name.as_str(), value(&run.best()?)))).collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let places = if what == "token perplexity" { 2 } else { 4 };
    let ranked: Vec<String> = ranked
        .iter()
        .map(|(name, value)| format!("{name} ({})", decimals(*value, places)))
        .collect();
    let ranked: Vec<&str> = ranked.iter().map(String::as_str).collect();
    format!("By {what} of the best validation, from the best: {}.", words::listed(&ranked))
}

#[cfg(test)]
mod tests;
