//! What the heads attend to, where `minigpt attention` was asked.

use minigpt_text::{Habit, HeadHabits};

use super::words::shortened;
use crate::document::{Document, Text};
use crate::error::ReportError;
use crate::format::grouped;
use crate::pictures::Pictures;
use crate::record::{ATTENTION_FOLDER, RunRecord};

/// Heads whose habits are listed; of larger models those that have one.
const HEADS: usize = 48;

pub(super) fn add(
    document: &mut Document,
    runs: &[RunRecord],
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    let runs_with_text: Vec<&RunRecord> = runs.iter().filter(|run| !run.is_classifier()).collect();
    if runs_with_text.is_empty() {
        return Ok(());
    }
    document.heading("Attention and habits");
    for run in runs_with_text {
        if runs.len() > 1 {
            document.subheading(&run.name);
        }
        of_run(document, run, pictures)?;
    }
    Ok(())
}

fn of_run(
    document: &mut Document,
    run: &RunRecord,
    pictures: &mut Pictures<'_>,
) -> Result<(), ReportError> {
    let Some(saved) = &run.attention else {
        document.note(
            Text::from("Not in the folder. ")
                .code(run.command("attention", "\"The scientist discovered\""))
                .plain(" draws what every head attends to, and measures what it does."),
        );
        return Ok(());
    };
    // The longest text shows most.
    if let Some(picture) = saved.pictures.last() {
        let after = shortened(&picture.after, 200);
        let alt = format!(
            "Heat maps of the attention weights of all heads that were drawn, while the model chose {:?} after {:?}: a row for \
             each token that attends, a column for each that is attended to.",
            picture.chosen, after
        );
        let caption =
            format!("Attention while the model chose {:?} after {:?}", picture.chosen, after);
        if let Some(picture) = pictures.copy(run, ATTENTION_FOLDER, &picture.file, alt, caption)? {
            document.picture(picture);
        }
    }
    habits(document, &saved.habits);
    Ok(())
}

fn habits(document: &mut Document, habits: &[HeadHabits]) {
    if habits.is_empty() {
        return;
    }
    let is_listed = |head: &&HeadHabits| habits.len() <= HEADS || head.habit != Habit::Spread;
    let row = |head: &HeadHabits| {
        let parts = [head.previous, head.itself, head.first, head.induction, head.spread];
        let mut row: Vec<Text> = vec![
            format!("layer {}, head {}", head.layer, head.head).into(),
            name(head.habit).into(),
        ];
        row.extend(parts.map(|part| Text::from(format!("{part:.3}"))));
        row
    };
    let listed = habits.iter().filter(is_listed).count();
    let rows = habits.iter().filter(is_listed).take(HEADS).map(row).collect();
    let head = ["head", "habit", "previous", "itself", "first", "induction", "spread"];
    let caption = "Mean attention of each head on each kind of target, on text of the run's kind";
    document.table(caption, head.map(str::to_owned).to_vec(), rows);
    document.paragraph(
        "The targets are the token before (previous), the token itself, the first token, and what followed an earlier \
         occurrence of the token (induction). A head's habit is the target with the most attention, where that is at \
         least a tenth of it and three times what even attention would give. Otherwise its habit is spread. The column \
         spread is the entropy of its attention over the largest one.",
    );
    if listed < habits.len() || listed > HEADS {
        document.paragraph(format!(
            "Of {} heads those whose habit is not spread are listed, as far as they fit.",
            grouped(habits.len() as u64)
        ));
    }
}

fn name(habit: Habit) -> &'static str {
    match habit {
        Habit::Previous => "previous",
        Habit::Itself => "itself",
        Habit::First => "first",
        Habit::Induction => "induction",
        Habit::Spread => "spread",
    }
}
