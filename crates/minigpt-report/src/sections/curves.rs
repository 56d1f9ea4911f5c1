//! The curves of the runs, overlaid where there are several.

use minigpt_train::{Quantity, RowSplit};

use super::words::listed;
use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::pictures::Pictures;
use crate::record::RunRecord;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    document.heading("Curves");
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let names = listed(&names);
    let losses: String = runs.iter().map(losses).collect();
    let caption = match runs.iter().all(RunRecord::is_classifier) {
        true => {
            "Cross-entropy in nats per label: of each training step, pale, with its running mean; and of the validations"
        }
        false => {
            "Cross-entropy in nats per token: of each training step, pale, with its running mean; and of the validations"
        }
    };
    let drawn = [
        (
            Quantity::Loss,
            format!(
                "Training and validation loss of {names} against steps, falling where a run learns.{losses}"
            ),
            caption,
        ),
        (
            Quantity::LearningRate,
            format!(
                "Learning rate of {names} against steps: it rises through the warm-up and follows its schedule."
            ),
            "Learning rate",
        ),
        (
            Quantity::GradNorm,
            format!("Norm of all gradients of {names} against steps, before it is clipped."),
            "Norm of all gradients before clipping, pale, with its running mean",
        ),
    ];
    let mut is_empty = true;
    for (quantity, alt, caption) in drawn {
        if let Some(picture) = pictures.curves(runs, quantity, alt, caption.to_owned())? {
            document.picture(picture);
            is_empty = false;
        }
    }
    if is_empty {
        document.note(Text::from("None yet: no run has taken a step."));
    }
    Ok(())
}

/// Where the losses of a run began and where they are, for who does not see the picture.
fn losses(run: &RunRecord) -> String {
    let of = |split| run.rows.iter().filter(move |row| row.split == split);
    let ends = |split, name: &str| {
        let (first, last) = (of(split).next()?, of(split).next_back()?);
        Some(format!(
            " {}: {name} loss {:.4} at step {}, {:.4} at step {}.",
            run.name, first.loss, first.step, last.loss, last.step
        ))
    };
    let training = ends(RowSplit::Train, "training").unwrap_or_default();
    training + &ends(RowSplit::Valid, "validation").unwrap_or_default()
}
