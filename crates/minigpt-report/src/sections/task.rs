//! What tuned models make of the examples that were held out.

use minigpt_eval::{
    ComparedTask, Confusion, Forgotten, PreferenceFigures, TaskFigures, WrittenAnswer,
};
use minigpt_train::FinetuneTask;

use super::words::shortened;
use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::format::{decimals, grouped};
use crate::pictures::Pictures;
use crate::record::RunRecord;

/// Answers that are shown, and characters of each.
const ANSWERS: usize = 10;
const LENGTH: usize = 600;

/// Labels whose matrix is shown as a table too.
const LABELS: usize = 12;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    // A text has a section of its own, but for what was forgotten over it.
    let of_examples = |run: &&RunRecord| {
        run.task_kind().is_some_and(|kind| kind != FinetuneTask::Lm || run.task.is_some())
    };
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
            Some(TaskFigures::Answers {
                base_perplexity,
                perplexity,
                rouge_l,
                preferences,
                forgotten,
                tasks,
                answers,
            }) => {
                let mut rows = of_perplexity([*base_perplexity, *perplexity], *rouge_l);
                rows.extend(preferences.iter().flat_map(of_preferences));
                rows.extend(forgotten.iter().map(of_forgotten));
                rows.extend(tasks.iter().map(of_task));
                if !rows.is_empty() {
                    let head = ["figure", "before tuning", "after"].map(str::to_owned).to_vec();
                    document.table("Before and after tuning", head, rows);
                }
                of_answers(document, answers);
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

type Cells = Vec<Text>;

fn of_perplexity([before, after]: [Option<f64>; 2], rouge_l: Option<f64>) -> Vec<Cells> {
    let perplexity = |value: Option<f64>| value.map(|value| decimals(value, 2));
    let mut rows = Vec::new();
    if before.is_some() || after.is_some() {
        let name = "perplexity per token of the held-out answers";
        rows.push(vec![name.into(), perplexity(before).into(), perplexity(after).into()]);
    }
    if let Some(rouge_l) = rouge_l {
        rows.push(vec!["ROUGE-L in percent".into(), None.into(), format!("{rouge_l:.2}").into()]);
    }
    rows
}

fn of_preferences(figures: &PreferenceFigures) -> [Cells; 3] {
    let PreferenceFigures { pairs, loss, margin, accuracy } = figures;
    let name = format!("loss of {} held-out preferences", grouped(*pairs as u64));
    [
        vec![name.into(), format!("{:.4}", 2_f64.ln()).into(), format!("{loss:.4}").into()],
        vec!["margin over the base".into(), "0".into(), format!("{margin:.4}").into()],
        vec![
            "preferred right, more than by the base".into(),
            None.into(),
            format!("{accuracy:.4}").into(),
        ],
    ]
}

fn of_forgotten(figures: &Forgotten) -> Cells {
    let name = format!(
        "perplexity per token of {} ({} tokens), which was not learnt",
        shortened(&figures.text, 80),
        grouped(figures.tokens as u64)
    );
    let [before, after] =
        [figures.base_perplexity, figures.perplexity].map(|value| decimals(value, 2).into());
    vec![name.into(), before, after]
}

fn of_task(task: &ComparedTask) -> Cells {
    let (name, figure) = (shortened(&task.task, 80), shortened(&task.figure, 40));
    let name = format!("{name}: {figure} of {} questions", grouped(task.questions as u64));
    let error = task.standard_error.map(|error| format!(" ± {error:.4}")).unwrap_or_default();
    vec![
        name.into(),
        format!("{:.4}", task.base).into(),
        format!("{:.4}{error}", task.tuned).into(),
    ]
}

fn of_answers(document: &mut Document, answers: &[WrittenAnswer]) {
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
        let base = answer.base.as_ref().map(|base| part("base:", base));
        let texts: Vec<String> =
            [part("asked:", &answer.prompt), part("expected:", &answer.expected)]
                .into_iter()
                .chain(base)
                .chain([part("written:", &answer.written)])
                .collect();
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
