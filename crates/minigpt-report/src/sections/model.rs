//! The model and the text that it learnt.

use minigpt_model::{Family, Position};
use minigpt_train::{SplitFigures, StartFigures};

use super::{table_by_run, words};
use crate::document::{Document, Text};
use crate::format::{decimals, grouped};
use crate::record::RunRecord;

pub(super) fn add(document: &mut Document, runs: &[RunRecord]) {
    document.heading("Model and data");
    let number = |number: usize| Some(Text::from(grouped(number as u64)));
    table_by_run(
        document,
        "The model",
        runs,
        &[
            ("architecture", &|run| {
                Some(match Family::of_shape(&run.config.model) {
                    Some(family) => family.name().into(),
                    None => "of no published family".into(),
                })
            }),
            ("parameters", &|run| number(run.parameters())),
            ("of them trained", &|run| {
                let start = run.start.as_ref()?;
                number(start.trained).filter(|_| start.trained < start.parameters)
            }),
            ("layers", &|run| number(run.config.model.n_layer)),
            ("width", &|run| number(run.config.model.n_embd)),
            ("MLP width", &|run| number(run.config.model.n_inner)),
            ("heads", &|run| number(run.config.model.n_head)),
            ("key/value heads", &|run| {
                let model = &run.config.model;
                number(model.n_kv_head()).filter(|_| model.n_kv_head() != model.n_head)
            }),
            ("positions", &|run| {
                Some(match run.config.model.position {
                    Position::Learned => "learned".into(),
                    Position::Rotary(_) => "rotary".into(),
                })
            }),
            ("context in tokens", &|run| number(run.config.model.block_size)),
            ("vocabulary", &|run| number(run.config.model.vocab_size)),
            ("tuned from", &|run| Some(Text::default().code(&run.config.finetune.as_ref()?.base))),
            ("task", &|run| Some(run.task_kind()?.name().into())),
        ],
    );
    let examples = |split: &SplitFigures| split.examples.map(|number| number as u64);
    let tokens = |split: &SplitFigures| Some(split.tokens as u64);
    // Those of examples are of their answers alone.
    let is_text = |split: &&SplitFigures| split.examples.is_none();
    let bytes = |split: &SplitFigures| Some(split).filter(is_text).map(|split| split.bytes);
    let words = |split: &SplitFigures| Some(split).filter(is_text).map(|split| split.words);
    table_by_run(
        document,
        "The text",
        runs,
        &[
            ("learnt from", &|run| Some(words::with_data(Text::default(), &run.config))),
            ("held out", &|run| {
                Some(match &run.config.data.valid {
                    Some(source) => words::with_source(Text::default(), source),
                    None => "its own validation part, or its last tenth where it has none".into(),
                })
            }),
            ("tokenizer", &|run| Some(Text::default().code(run.config.data.tokenizer.to_string()))),
            ("training examples", &of_split(examples, train)),
            ("training tokens", &of_split(tokens, train)),
            ("training bytes", &of_split(bytes, train)),
            ("training words", &of_split(words, train)),
            ("held-out examples", &of_split(examples, valid)),
            ("held-out tokens", &of_split(tokens, valid)),
            ("held-out bytes", &of_split(bytes, valid)),
            ("held-out words", &of_split(words, valid)),
            ("token perplexity of a unigram model", &|run| {
                Some(decimals(run.unigram_perplexity()?, 2).into())
            }),
        ],
    );
    if runs.iter().any(|run| run.start.is_none()) {
        document.note(
            "Sizes of the text are not recorded in runs of earlier versions of minigpt: `minigpt data stats` tells them.",
        );
    }
}

fn train(start: &StartFigures) -> &SplitFigures {
    &start.train
}

fn valid(start: &StartFigures) -> &SplitFigures {
    &start.valid
}

/// The cell of a figure of a split, where a run has recorded it.
fn of_split(
    value: impl Fn(&SplitFigures) -> Option<u64>,
    split: impl Fn(&StartFigures) -> &SplitFigures,
) -> impl Fn(&RunRecord) -> Option<Text> {
    move |run| Some(grouped(value(split(run.start.as_ref()?))?).into())
}
