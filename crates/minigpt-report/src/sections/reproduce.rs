//! The commands that make everything again.

use minigpt_train::{command_line, shell_word};

use crate::document::{Document, Text};
use crate::record::RunRecord;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Reproduce");
    document.paragraph(
        "With the program of the revision above; the same seed on the same device gives the same losses. Relative paths \
         start in the folder where the commands were run.",
    );
    let mut commands: Vec<String> = Vec::new();
    for run in runs {
        let training = run.environment.as_ref().map(|environment| &environment.command);
        let evaluations = run.evaluations.iter().map(|saved| &saved.command);
        let attention = run.attention.as_ref().map(|saved| &saved.command);
        let all = training.into_iter().chain(evaluations).chain(attention);
        for command in all.filter_map(|words| command_line(words)) {
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
    }
    let paths: Vec<String> =
        runs.iter().map(|run| shell_word(&run.path.display().to_string())).collect();
    commands.push(format!("minigpt report {}", paths.join(" ")));
    document.verbatim("The commands:", commands.join("\n"));
    for origin in runs.iter().filter_map(|run| run.config.continued.last()) {
        // Unless its commands stand above.
        if !runs.iter().any(|run| run.path.display().to_string() == origin.run) {
            document.note(
                Text::from("Run ")
                    .code(&origin.run)
                    .plain(" must be made first; its commands are in its own report."),
            );
        }
    }
    if runs.iter().any(|run| run.environment.is_none()) {
        document.note(
            Text::from("The command of a run stands in its ")
                .code("environment.json")
                .plain(", which is missing or damaged."),
        );
    }
}
