//! What a report says, section by section; each is of one run or of several.

mod attention;
mod curves;
mod limits;
mod machine;
mod model;
mod perplexity;
mod recipe;
mod reproduce;
mod samples;
mod speed;
mod task;
mod verdict;
mod words;

use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::pictures::Pictures;
use crate::record::RunRecord;

/// The report of the runs, with its pictures drawn.
pub(crate) fn document(
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<Document, ReportError> {
    let title = match runs {
        [run] => format!("Report of the run {}", run.name),
        _ => {
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            format!("Report of the runs {}", words::listed(&names))
        }
    };
    let mut document = Document { title, ..Document::default() };
    verdict::add(&mut document, runs);
    task::add(&mut document, runs, pictures)?;
    model::add(&mut document, runs);
    recipe::add(&mut document, runs);
    curves::add(&mut document, runs, pictures)?;
    perplexity::add(&mut document, runs, pictures)?;
    samples::add(&mut document, runs);
    attention::add(&mut document, runs, pictures)?;
    speed::add(&mut document, runs, pictures)?;
    machine::add(&mut document, runs);
    reproduce::add(&mut document, runs);
    limits::add(&mut document, runs);
    problems(&mut document, runs, pictures);
    Ok(document)
}

/// What a row of facts is called, and what it says of a run.
type FactRow<'a> = (&'a str, &'a dyn Fn(&RunRecord) -> Option<Text>);

/// A table with a column for each run. A row in which no run has anything is left out.
fn table_by_run(document: &mut Document, caption: &str, runs: &[RunRecord], rows: &[FactRow<'_>]) {
    let value = if runs.len() == 1 { vec!["value".to_owned()] } else { names(runs) };
    let head = [vec!["quantity".to_owned()], value].concat();
    let mut filled = Vec::new();
    for (name, cell) in rows {
        let cells: Vec<Option<Text>> = runs.iter().map(cell).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| None.into()));
            filled.push(std::iter::once(Text::from(*name)).chain(cells).collect());
        }
    }
    document.table(caption, head, filled);
}

fn names(runs: &[RunRecord]) -> Vec<String> {
    runs.iter().map(|run| run.name.clone()).collect()
}

/// What of the runs' folders could not be read or drawn, if there is any.
fn problems(document: &mut Document, runs: &[RunRecord], pictures: &Pictures<'_>) {
    let problems = runs.iter().flat_map(|run| &run.problems).chain(&pictures.problems);
    let problems: Vec<Text> = problems.map(|problem| problem.as_str().into()).collect();
    if !problems.is_empty() {
        document.heading("What could not be read or drawn");
        document.list(problems);
    }
}
