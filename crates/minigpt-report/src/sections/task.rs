//! What tuned models make of the examples that were held out.

use minigpt_eval::{Confusion, TaskFigures, WrittenAnswer};
use minigpt_train::FinetuneTask;

use super::words::shortened;
use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::format::{decimals, grouped};
use crate::pictures::Pictures;
use crate::record::RunRecord;

/// Answers that are shown, and characters of each.
const ANSWERS: usize = 4;
const LENGTH: usize = 600;

/// Labels whose matrix is shown as a table too.
const LABELS: usize = 12;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    let of_examples =
        |run: &&RunRecord| run.task_kind().is_some_and(|kind| kind != FinetuneTask::Lm);
    let tuned: Vec<&RunRecord> = runs.iter().filter(of_examples).collect();
    if tuned.is_empty() {
        return Ok(());
    }
    document.heading("The task on held-out examples");
    for run in tuned {
        if runs.len() > 1 {
            document.subheading(&run.name);
        }
        match &run.task {
            None => document.note(
                Text::from("Not measured: that comes at the end of a run. ")
                    .code(run.command("train --resume", ""))
                    .plain(" takes it there, if it is not."),
            ),
            Some(TaskFigures::Answers { base_perplexity, perplexity, rouge_l, answers }) => {
                of_answers(document, [*base_perplexity, *perplexity], *rouge_l, answers);
            }
            Some(TaskFigures::Labels { confusion, accuracy, macro_f1, majority, .. }) => {
                of_labels(document, [*accuracy, *macro_f1, *majority], confusion);
                let alt = format!(
                    "Confusion matrix of {} labels: a row for each true label, a column for each predicted one. \
                     The table below has its counts, or the folder's file.",
                    confusion.labels.len()
                );
                let caption = "Confusion matrix of the held-out texts".to_owned();
                if let Some(picture) = pictures.confusion(run, confusion, alt, caption)? {
                    document.picture(picture);
                }
                counts(document, confusion);
            }
        }
    }
    Ok(())
}

fn of_answers(
    document: &mut Document,
    [before, after]: [Option<f64>; 2],
    rouge_l: Option<f64>,
    answers: &[WrittenAnswer],
) {
    let perplexity = |value: Option<f64>| value.map(|value| decimals(value, 2));
    let mut rows: Vec<Vec<Text>> = vec![vec![
        "perplexity per token of the answers".into(),
        perplexity(before).into(),
        perplexity(after).into(),
    ]];
    if let Some(rouge_l) = rouge_l {
        rows.push(vec!["ROUGE-L in percent".into(), None.into(), format!("{rouge_l:.2}").into()]);
    }
    let head = ["figure", "before tuning", "after"].map(str::to_owned).to_vec();
    document.table("Held-out answers before and after tuning", head, rows);
    if answers.is_empty() {
        return;
    }
    document.paragraph(
        "Answers as the best model writes them, always by the most probable token, in the order of the file and \
         chosen by nobody:",
    );
    for answer in answers.iter().take(ANSWERS) {
        let part = |name: &str, text: &str| {
            let text = shortened(text.trim(), LENGTH).replace('\n', "\n          ");
            format!("{name:<10}{text}")
        };
        let texts = [
            part("asked:", &answer.prompt),
            part("expected:", &answer.expected),
            part("written:", &answer.written),
        ];
        document.verbatim(format!("Line {} of the file:", answer.line), texts.join("\n"));
    }
}

fn of_labels(document: &mut Document, figures: [f64; 3], confusion: &Confusion) {
    let names = ["accuracy", "macro-F1", "accuracy of the most frequent label alone"];
    let mut rows: Vec<Vec<Text>> = names
        .into_iter()
        .zip(figures)
        .map(|(name, value)| vec![name.into(), format!("{value:.4}").into()])
        .collect();
    rows.push(vec!["labels".into(), grouped(confusion.labels.len() as u64).into()]);
    let head = ["figure", "value"].map(str::to_owned).to_vec();
    document.table("Held-out texts", head, rows);
}

fn counts(document: &mut Document, confusion: &Confusion) {
    if confusion.labels.len() > LABELS {
        return;
    }
    let taken_for =
        confusion.labels.iter().map(|label| format!("predicted {}", shortened(label, 40)));
    let head = std::iter::once("true label".to_owned()).chain(taken_for).collect();
    let row = |(label, counts): (&String, &Vec<usize>)| {
        let counts = counts.iter().map(|count| grouped(*count as u64).into());
        std::iter::once(Text::from(shortened(label, 40))).chain(counts).collect()
    };
    let rows = confusion.labels.iter().zip(&confusion.counts).map(row).collect();
    document.table("Held-out texts by true and predicted label", head, rows);
}
