//! How the runs were trained: what differs from the preset, or between runs, and all settings of the recipe.

use std::collections::{BTreeMap, BTreeSet};

use minigpt_train::{Preset, RunConfig};
use serde_json::Value;

use super::names;
use super::words::shortened;
use crate::document::{Document, Text};
use crate::record::RunRecord;

/// Characters of a setting that are shown.
const LENGTH: usize = 80;

/// What a recipe is made of; the rest of a configuration is told elsewhere.
const SECTIONS: [&str; 5] = ["finetune.lora.", "optimizer.", "schedule.", "training.", SAMPLE];
const SAMPLE: &str = "sample.";

/// The name of fine-tuning's recipe where a preset's would stand.
const FINETUNE: &str = "finetune";

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Recipe");
    match runs {
        [run] => from_preset(document, run),
        _ => between(document, runs),
    }
    recipe(document, runs);
}

/// The preset of a run: as it recorded it, or as its command names it and today's minigpt has it.
fn preset(run: &RunRecord) -> Option<(Preset, bool)> {
    let environment = run.environment.as_ref()?;
    if let Some(preset) = &environment.preset {
        return Some((preset.clone(), true));
    }
    let words = &environment.command;
    // Of a run that is continued, the command names no preset: it is the first run's.
    let is_continued =
        words.iter().any(|word| word == "--continue" || word.starts_with("--continue="));
    if words.get(1).map(String::as_str) != Some("train") || is_continued {
        return None;
    }
    let joined = words.iter().rev().find_map(|word| word.strip_prefix("--preset="));
    let apart = words.iter().rposition(|word| word == "--preset").and_then(|at| words.get(at + 1));
    let name = joined.or(apart.map(String::as_str)).unwrap_or("austen");
    let preset = RunConfig::preset(name).ok()?;
    Some((Preset::new(name, &preset, &run.config), false))
}

fn from_preset(document: &mut Document, run: &RunRecord) {
    let Some((preset, is_recorded)) = preset(run) else {
        document.note(
            "What the settings started from is not recorded in this run of an earlier version: all of them stand below.",
        );
        return;
    };
    let name = Text::default().code(&preset.name);
    let settings = run.config.settings();
    let cell = |value: Option<&Value>| Text::from(value.and_then(shown));
    let rows: Vec<Vec<Text>> = preset
        .changed
        .iter()
        .filter(|(key, _)| !is_told_elsewhere(key) && !is_tokenizers(key, run))
        .map(|(key, value)| {
            vec![Text::default().code(key), cell(settings.get(key)), cell(Some(value))]
        })
        .collect();
    let origin = if preset.name == FINETUNE { "the recipe" } else { "the preset" };
    let of_recipe = match preset.name.as_str() {
        FINETUNE => Text::from("The settings start from the recipe of ").code("minigpt finetune"),
        _ => {
            let mut text = Text::from("The settings start from the preset ");
            text.spans.extend(name.spans);
            text
        }
    };
    document.paragraph(match (rows.is_empty(), is_recorded) {
        (true, _) => of_recipe.plain(", and nothing was changed."),
        (false, true) => of_recipe.plain(". These settings were changed."),
        (false, false) => of_recipe.plain(
            ". These settings differ from it; its values are those of today's minigpt, since runs of earlier \
             versions do not record them.",
        ),
    });
    let head = ["setting", "this run", origin].map(str::to_owned).to_vec();
    document.table(&format!("What differs from {origin}"), head, rows);
}

/// A tuned run's template and labels, which are its base's and its data's, and the runs that it continues.
fn is_told_elsewhere(key: &str) -> bool {
    ["finetune.template", "finetune.labels", "continued"].iter().any(|start| key.starts_with(start))
}

/// The size of the vocabulary, which is the tokenizer's unless somebody set it: on the command line, or perhaps in a file
/// that it names.
fn is_tokenizers(key: &str, run: &RunRecord) -> bool {
    let may_set = |word: &String| {
        word.contains("vocab_size") || word.starts_with("--config") || word == "sweep"
    };
    let words = run.environment.as_ref().map_or(&[][..], |environment| &environment.command);
    key == "model.vocab_size" && !words.iter().any(may_set)
}

/// What the runs have not in common.
fn between(document: &mut Document, runs: &[RunRecord]) {
    let settings: Vec<BTreeMap<String, Value>> =
        runs.iter().map(|run| run.config.settings()).collect();
    let keys: BTreeSet<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    let differs =
        |key: &&String| settings.iter().any(|of_run| of_run.get(*key) != settings[0].get(*key));
    let row = |key: &String| {
        let cells = settings.iter().map(|of_run| Text::from(of_run.get(key).and_then(shown)));
        std::iter::once(Text::default().code(key)).chain(cells).collect()
    };
    let keys = keys.into_iter().filter(|key| !is_told_elsewhere(key)).filter(differs);
    let rows: Vec<Vec<Text>> = keys.map(row).collect();
    if rows.is_empty() {
        document.paragraph("All settings of the runs are the same.");
    }
    let head = [vec!["setting".to_owned()], names(runs)].concat();
    document.table("Settings in which the runs differ", head, rows);
}

/// All settings that have a value.
fn recipe(document: &mut Document, runs: &[RunRecord]) {
    let settings = runs[0].config.settings();
    let is_shared = |key: &&String| {
        runs.iter().all(|run| run.config.settings().get(*key) == settings.get(*key))
    };
    // A classifier writes no samples.
    let writes = !runs.iter().all(RunRecord::is_classifier);
    let sections = SECTIONS.iter().filter(|section| writes || **section != SAMPLE);
    let is_of_recipe = |key: &&String| sections.clone().any(|section| key.starts_with(section));
    let row = |key: &String| {
        Some(vec![Text::default().code(key), Text::from(shown(settings.get(key)?)?)])
    };
    let rows = settings.keys().filter(is_of_recipe).filter(is_shared).filter_map(row).collect();
    let caption = match runs.len() {
        1 => "All settings of the recipe",
        _ => "The settings of the recipe that all runs have in common",
    };
    document.table(caption, ["setting", "value"].map(str::to_owned).to_vec(), rows);
}

/// A setting's value as `config.json` has it, text without quotation marks; nothing of one that is not set.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(shortened(text, LENGTH)),
        value => Some(shortened(&value.to_string(), LENGTH)),
    }
}
