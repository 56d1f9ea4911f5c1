//! What is measured on the base and on the tuned model: a text that was not learnt, and questions.

use anyhow::{Result, ensure};
use minigpt_data::{CountedTokens, Portion, Source, Tokenizer, TokenizerSpec};
use minigpt_eval::{
    Bootstrap, ComparedTask, EvalConfig, Forgotten, Protocol, Task, TaskScores, answer, evaluate,
};
use minigpt_model::Gpt;
use minigpt_train::{DataConfig, FinetuneTask};

use crate::args::FinetuneArgs;
use crate::load::questions;
use crate::terminal::progress::{ByteProgress, CountProgress};

/// What shall be measured on both, read before the run begins: a bad line is better told then.
#[derive(Default)]
pub(in crate::commands) struct Comparison {
    text: Option<(String, Vec<String>)>,
    tasks: Vec<Task>,
    /// Whether the moving average was tuned.
    pub(super) is_average: bool,
}

/// Characters of the text that are read, and tokens before each at most: half a minute of a model of a hundred million
/// parameters on two cores.
const CHARACTERS: usize = 100_000;
const CONTEXT: usize = 512;

/// Windows and continuations that go through a model together.
const BATCH: usize = 8;

impl Comparison {
    pub(super) fn read(args: &FinetuneArgs) -> Result<Self> {
        let asked =
            [("--forgetting", args.forgetting.is_some()), ("--tasks", !args.tasks.is_empty())];
        for (option, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
            ensure!(
                args.task() != FinetuneTask::Classify,
                "{option}: a classifier writes no text: leave it out with --task classify"
            );
            ensure!(!args.fresh, "{option}: with --fresh there is no base to compare with");
        }
        let text = args.forgetting.as_ref().map(read_text).transpose()?;
        Ok(Self { text, tasks: questions::read_all(&args.tasks)?, is_average: args.average })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_none() && self.tasks.is_empty()
    }

    /// Measures both models.
    pub(super) fn measure(
        &self,
        base: &Gpt,
        tuned: &Gpt,
        tokenizer: &Tokenizer,
    ) -> Result<(Option<Forgotten>, Vec<ComparedTask>)> {
        let forgotten = match &self.text {
            None => None,
            Some((name, documents)) => Some(forgotten(name, documents, [base, tuned], tokenizer)?),
        };
        let mut tasks = Vec::new();
        for task in &self.tasks {
            tasks.extend(compared(task, [base, tuned], tokenizer)?);
        }
        Ok((forgotten, tasks))
    }
}

/// The validation part of a text, or all of it, up to [`CHARACTERS`].
fn read_text(source: &Source) -> Result<(String, Vec<String>)> {
    let config = DataConfig::new(source.clone(), TokenizerSpec::Byte);
    let mut progress = ByteProgress::new();
    let documents = config.open(&mut |download| {
        let what = format!("downloading {}", download.file);
        progress.show(&what, download.done_bytes, Some(download.total_bytes));
    })?;
    let portion = if documents.has_own_validation() { Portion::Valid } else { Portion::All };
    let (mut kept, mut left) = (Vec::new(), CHARACTERS);
    for document in documents.read_portion(portion)? {
        if left == 0 {
            break;
        }
        let part: String = document.chars().take(left).collect();
        left -= part.chars().count();
        kept.push(part);
    }
    let part = match (portion, left) {
        (Portion::Valid, 0) => ", the beginning of its validation part",
        (Portion::Valid, _) => ", its validation part",
        (_, 0) => ", its beginning",
        _ => "",
    };
    Ok((format!("{source}{part}"), kept))
}

fn forgotten(
    name: &str,
    documents: &[String],
    [base, tuned]: [&Gpt; 2],
    tokenizer: &Tokenizer,
) -> Result<Forgotten> {
    let text = CountedTokens::new(tokenizer, documents, None, &mut |_| ())?;
    let context = tuned.block_size().min(base.block_size()).min(CONTEXT);
    let config = EvalConfig {
        protocol: Protocol::disjoint(context),
        batch_size: BATCH,
        bootstrap: Bootstrap { resamples: 0, ..Bootstrap::default() },
    };
    let perplexity = |model: &Gpt, what| {
        let mut progress = CountProgress::new(what, text.counts().len(), "tokens");
        let report = evaluate(model, &text, &config, &mut |done| progress.show(done))?;
        anyhow::Ok((report.token_perplexity.value, report.evaluation.tokens))
    };
    let (base_perplexity, _) = perplexity(base, "reading as the base")?;
    let (perplexity, tokens) = perplexity(tuned, "reading as the tuned model")?;
    Ok(Forgotten { text: name.to_owned(), tokens, base_perplexity, perplexity })
}

/// The figures of a task, of both models.
fn compared(
    task: &Task,
    [base, tuned]: [&Gpt; 2],
    tokenizer: &Tokenizer,
) -> Result<Vec<ComparedTask>> {
    let scores = |model: &Gpt, what: &'static str| {
        let mut progress: Option<CountProgress> = None;
        let report = answer(model, tokenizer, task, BATCH, &mut |done, total| {
            progress
                .get_or_insert_with(|| CountProgress::new(what, total, "continuations"))
                .show(done);
        })?;
        anyhow::Ok((report.scores, report.questions))
    };
    let (of_base, _) = scores(base, "answering as the base")?;
    let (of_tuned, questions) = scores(tuned, "answering as the tuned model")?;
    let name = task.path.display().to_string();
    let figure = |figure: &str, base, tuned, standard_error| ComparedTask {
        task: name.clone(),
        figure: figure.to_owned(),
        questions,
        base,
        tuned,
        standard_error,
    };
    Ok(match (of_base, of_tuned) {
        (
            TaskScores::MultipleChoice { acc: base, acc_norm: base_norm, .. },
            TaskScores::MultipleChoice { acc, acc_norm, .. },
        ) => vec![
            figure("acc", base.value, acc.value, acc.standard_error),
            figure("acc_norm", base_norm.value, acc_norm.value, acc_norm.standard_error),
        ],
        (
            TaskScores::Cloze { acc: base, perplexity: base_perplexity },
            TaskScores::Cloze { acc, perplexity },
        ) => vec![
            figure("acc", base.value, acc.value, acc.standard_error),
            figure("perplexity", base_perplexity, perplexity, None),
        ],
        _ => Vec::new(),
    })
}
