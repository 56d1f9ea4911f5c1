//! What the model wrote, from its first validation to its end.

use minigpt_train::Sample;

use super::words::shortened;
use crate::document::{Document, Text};
use crate::record::RunRecord;

/// Samples of the way that are shown of one run, and characters of each.
const SAMPLES: usize = 6;
const LENGTH: usize = 700;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    let writing: Vec<&RunRecord> = runs.iter().filter(|run| !run.is_classifier()).collect();
    if writing.is_empty() {
        return;
    }
    document.heading("Samples during training");
    for run in &writing {
        if runs.len() > 1 {
            document.subheading(&run.name);
        }
        // Of several runs the last is enough to compare.
        let most = if runs.len() > 1 { 1 } else { SAMPLES };
        of_run(document, run, most);
    }
}

fn of_run(document: &mut Document, run: &RunRecord, most: usize) {
    let last = run.summary.iter().flat_map(|summary| &summary.samples);
    if run.samples.is_empty() && last.clone().next().is_none() {
        document.note(
            Text::from("None yet: the run has no validation. ")
                .code(run.command("generate", "--prompt \"…\""))
                .plain(" generates text once the run has a checkpoint."),
        );
        return;
    }
    document.paragraph(
        Text::from("Continuations of ")
            .code(shortened(run.config.sample.prompt.trim(), 80))
            .plain(", not selected."),
    );
    for sample in spread(&run.samples, most) {
        let label = format!("After step {}:", sample.step);
        document.verbatim(label, shortened(sample.text.trim_matches('\n'), LENGTH));
    }
    let number = last.clone().count();
    let is_shown = |(_, text): &(usize, &String)| {
        let shown = run.samples.last().map(|sample| sample.text.trim_matches('\n'));
        shown != Some(text.trim_matches('\n'))
    };
    let last = (1..).zip(last).filter(is_shown);
    for (place, sample) in last.take(if most == 1 { 1 } else { usize::MAX }) {
        let label = match number {
            1 => "At the end:".to_owned(),
            _ => format!("At the end, sample {place} of {number}:"),
        };
        document.verbatim(label, shortened(sample.trim_matches('\n'), LENGTH));
    }
}

/// At most so many of the samples, the first and the last among them, and the others as far apart as can be.
fn spread(samples: &[Sample], most: usize) -> Vec<&Sample> {
    if samples.len() <= most {
        return samples.iter().collect();
    }
    let last = samples.len() - 1;
    match most {
        0 => Vec::new(),
        1 => vec![&samples[last]],
        _ => (0..most).map(|place| &samples[place * last / (most - 1)]).collect(),
    }
}

#[cfg(test)]
mod tests;
