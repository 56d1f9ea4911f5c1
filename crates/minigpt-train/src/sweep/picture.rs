//! What a sweep came to, as a picture: bits per byte over each setting that varies.

use std::collections::BTreeMap;
use std::path::Path;

use minigpt_plot::{Axis, Chart, Figure, Form, Line, Look, Note, Scale};

use super::results::{Outcome, SweepRecord};
use crate::error::TrainError;

/// Whether there is anything to draw: a run with a validation, and something that varies.
#[must_use]
pub fn has_picture(record: &SweepRecord) -> bool {
    !figure(record).is_empty()
}

/// Draws bits per byte over each setting that varies: every run, and the mean of each value's settings. The ending of
/// `path`, `.png` or `.svg`, decides the format.
///
/// # Errors
/// [`TrainError::Plot`].
pub fn draw_sweep(record: &SweepRecord, title: &str, path: &Path) -> Result<(), TrainError> {
    let figure = Figure { title: title.to_owned(), ..figure(record) };
    Ok(figure.draw(path, Look::default())?)
}

fn figure(record: &SweepRecord) -> Figure {
    // Settings that ended early have fewer steps: they stand in no chart beside the others.
    let outcomes: Vec<&Outcome> =
        record.settings.iter().filter(|outcome| outcome.ended_at.is_none()).collect();
    let mut charts = Vec::new();
    if outcomes.iter().any(|outcome| outcome.variant.is_some()) {
        charts.extend(chart("variant", &outcomes, |outcome| outcome.variant.clone()));
    }
    let first = record.settings.first();
    for key in first.into_iter().flat_map(|outcome| outcome.varied.keys()) {
        charts.extend(chart(key, &outcomes, |outcome| outcome.varied.get(key).cloned()));
    }
    let remark = if outcomes.len() < record.settings.len() {
        "lower is better; a mark is a run, the line the mean of all at a value; without settings that ended early"
    } else {
        "lower is better; a mark is a run, the line the mean of all at a value"
    };
    Figure { title: String::new(), charts, remark: remark.to_owned() }
}

/// Bits per byte over the values of one setting; nothing where it has one value.
fn chart(
    name: &str,
    outcomes: &[&Outcome],
    value: impl Fn(&Outcome) -> Option<String>,
) -> Option<Chart> {
    let mut scores: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(value) = value(outcome) {
            let runs = outcome.runs.iter().filter_map(|run| run.bits_per_byte);
            scores.entry(value).or_default().extend(runs);
        }
    }
    scores.retain(|_, scores| !scores.is_empty());
    if scores.len() < 2 {
        return None;
    }
    let Places { places, scale, are_words } = places(&scores);
    let mut runs = Vec::new();
    let mut means = Vec::new();
    let mut notes = Vec::new();
    for (value, scores) in &scores {
        let place = places[value];
        let mean = mean(scores);
        runs.extend(scores.iter().map(|score| (place, *score)));
        means.push((place, mean));
        let note = Note {
            at: (place, mean),
            text: value.clone(),
            number: 1,
            on_right: false,
            ring: false,
        };
        notes.extend(are_words.then_some(note));
    }
    let by_place = |one: &(f64, f64), other: &(f64, f64)| one.0.total_cmp(&other.0);
    runs.sort_by(by_place);
    means.sort_by(by_place);
    let axis = if are_words { format!("{name}, by its place") } else { name.to_owned() };
    let mut chart = Chart::new("", Axis::new(axis).scale(scale), Axis::new("bits per byte"));
    // Each run by itself, so that no line joins the runs of one value.
    for (index, run) in runs.into_iter().enumerate() {
        let line = Line::new("runs", 0, Form::OpenMarks, vec![run]);
        chart.lines.push(if index == 0 { line } else { line.unlisted() });
    }
    chart.lines.push(Line::new("mean", 1, Form::Line, means));
    chart.notes = notes;
    Some(chart)
}

/// Where the values of a setting stand on an axis.
struct Places {
    places: BTreeMap<String, f64>,
    scale: Scale,
    /// Whether they are no numbers, so that each needs its name beside it.
    are_words: bool,
}

/// Numbers stand at their place, as the sizes of tokenizers do; everything else in a row, the best first.
fn places(scores: &BTreeMap<String, Vec<f64>>) -> Places {
    let number = |value: &String| {
        let number = value.strip_prefix("bpe:").unwrap_or(value).parse::<f64>();
        number.ok().filter(|number| number.is_finite())
    };
    let numbers: Option<BTreeMap<String, f64>> =
        scores.keys().map(|value| Some((value.clone(), number(value)?))).collect();
    if let Some(places) = numbers {
        let least = places.values().copied().fold(f64::INFINITY, f64::min);
        let most = places.values().copied().fold(0.0, f64::max);
        let scale = if least > 0.0 && most / least >= 4.0 { Scale::Log } else { Scale::Linear };
        return Places { places, scale, are_words: false };
    }
    let mut words: Vec<&String> = scores.keys().collect();
    words.sort_by(|one, other| mean(&scores[*one]).total_cmp(&mean(&scores[*other])));
    let numbered = words.into_iter().enumerate();
    let places = numbered.map(|(index, word)| (word.clone(), 1.0 + index as f64)).collect();
    Places { places, scale: Scale::Linear, are_words: true }
}

/// Of some scores, of which there is one at least.
fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[cfg(test)]
mod tests;
