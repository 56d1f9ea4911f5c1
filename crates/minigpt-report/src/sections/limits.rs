//! What the figures do not say.

use std::path::Path;

use minigpt_train::{FinetuneTask, RunConfig, RunFolder, shell_word};

use crate::document::{Document, Text};
use crate::record::RunRecord;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Limits");
    let has = |what: &dyn Fn(&RunRecord) -> bool| runs.iter().any(what);
    let mut limits: Vec<Text> = vec![
        "The best checkpoint was selected on the same held-out text that its figures are of, so they are slightly optimistic. \
         Measure an unseen text with minigpt eval and its option --data."
            .into(),
        "Each run has one seed. How much another seed changes the figures is not measured here: differences between runs \
         may be smaller than that."
            .into(),
    ];
    if has(&|run| !run.is_classifier()) {
        limits.push(
            "Perplexity per token and nats per token depend on the tokenizer, and can be compared between models of one \
             tokenizer alone; bits per byte can be compared between all, on the same text and by the same protocol."
                .into(),
        );
    }
    if has(&|run| !run.evaluations.is_empty()) {
        limits.push(
            "The intervals come from resampling parts of the text as if they were independent. Parts that lie next to each \
             other are alike, so that the intervals are rather too narrow; they say nothing of other kinds of text."
                .into(),
        );
    }
    if has(&|run| run.task_kind().is_some_and(|kind| kind != FinetuneTask::Lm)) {
        limits.push(
            "The figures of the task are of held-out examples from the same source as those that were learnt, and say \
             nothing of questions or texts of other kinds."
                .into(),
        );
    }
    if let Some(base) = runs.iter().find_map(|run| base_of_others(&run.config)) {
        limits.push(
            Text::from("What the base has read is not known here. It may have read the held-out text, if that was public, so \
                        that figures before and after tuning are of text it knows. ")
                .code(format!("minigpt eval {} --data TEXT", shell_word(&base)))
                .plain(" counts the passages that it recites."),
        );
    }
    let contexts: Vec<usize> = runs.iter().map(|run| run.config.model.block_size).collect();
    if let Some(context) =
        contexts.first().filter(|first| contexts.iter().all(|other| other == *first))
    {
        limits.push(
            format!("The model sees {context} tokens at most and ignores what is further back.")
                .into(),
        );
    }
    limits.push(
        "The model has had no safety training: its output is unreliable and may repeat its training text.".into(),
    );
    if has(&|run| run.best().is_none()) {
        limits.push("A run that has not come to its end has no figures of its end.".into());
    }
    document.list(limits);
}

/// Runs that were tuned one from the other, at most.
const CHAIN: usize = 16;

/// The model that a run was tuned from, or the run before it, where no run trained it from new weights.
fn base_of_others(config: &RunConfig) -> Option<String> {
    let mut tuned = config.finetune.clone()?;
    for _ in 0..CHAIN {
        if tuned.fresh {
            return None;
        }
        let base = RunFolder::open(Path::new(&tuned.base)).and_then(|run| run.config());
        match base {
            Ok(config) => tuned = config.finetune?,
            Err(_) => return Some(tuned.base),
        }
    }
    None
}
