//! `minigpt ask`: a question, to the model alone or with the passages of an index.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use minigpt_eval::{AnswerLikelihood, GroundedQuestion, GroundingReport, grounding};
use minigpt_retrieval::{Found, Index, Passage, RetrievalReport, evaluate, read_questions};
use minigpt_text::{Application, Prompt, TextGenerator, TextOptions, grounded_prompt};
use serde::Serialize;

use crate::args::{AskArgs, WriteArgs};
use crate::commands::generate::{self, say_drafts};
use crate::load::grammar::{say_unfinished, with_schema};
use crate::load::model::{LoadedModel, named_or_newest, newest_run};
use crate::load::prompts::say_left_out;
use crate::terminal::format::counted;
use crate::terminal::output::{print, printable, say, stream as stream_out};
use crate::terminal::progress::CountProgress;
use crate::terminal::table;

/// Words of a passage that are quoted.
const QUOTED_WORDS: usize = 25;

/// Models with fewer parameters answer in words that sound right, whatever the passages say.
const ANSWERS_FROM: u64 = 1_000_000_000;

/// Continuations that go through the model at once.
const BATCH_SIZE: usize = 16;

pub(crate) fn run(args: &AskArgs) -> Result<ExitCode> {
    let Some(folder) = &args.index else {
        return generate::run_application(Application::Ask, &args.application);
    };
    let index = Index::open(folder)?;
    match &args.questions {
        Some(path) => measure(args, &index, path)?,
        None => answer(args, &index)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What `--json` prints of an answer.
#[derive(Serialize)]
struct Output<'a> {
    question: &'a str,
    /// None without a model, or without a passage.
    answer: Option<String>,
    /// What the model continued.
    prompt: Option<String>,
    passages: Vec<OutputPassage<'a>>,
    /// How far the answer can be trusted.
    note: Option<String>,
}

#[derive(Serialize)]
struct OutputPassage<'a> {
    #[serde(flatten)]
    found: &'a Found,
    /// What of it the model read.
    read: Option<&'a str>,
}

fn answer(args: &AskArgs, index: &Index) -> Result<()> {
    let Some(question) = args.application.text.as_deref().filter(|text| !text.trim().is_empty())
    else {
        bail!("no question: expected one, as in `minigpt ask --index INDEX \"Who is Emma?\"`");
    };
    args.application.write.sampling.validate()?;
    let found = index.search(question, args.passages as usize)?;
    let trained = if found.is_empty() { None } else { model(args)? };
    let (is_json, mut output) = (args.application.write.json, Output::new(question, &found));
    let mut read = Vec::new();
    if found.is_empty() {
        say("no passage has a word of the question");
    } else if let Some(trained) = &trained {
        let budget = Budget::new(args, trained)?;
        read = budget.excerpts(index, trained, question, &found)?;
        let template = trained.template.as_ref();
        let prompt = grounded_prompt(&trained.tokenizer, template, &read, question)?;
        let options = options(args, trained, budget.answer)?;
        output.answer = Some(stream(trained, &prompt, &options, is_json)?);
        output.prompt = Some(prompt.text().to_owned());
        output.note = note(trained);
    }
    for (passage, read) in output.passages.iter_mut().zip(&read) {
        passage.read = Some(read);
    }
    if is_json {
        return print(|out| {
            serde_json::to_writer_pretty(&mut *out, &output)?;
            writeln!(out)
        });
    }
    // Texts of others, which may have been written to do something to a terminal.
    let sources = printable(&sources(args, index, &output)?);
    print(|out| write!(out, "{sources}"))
}

impl<'a> Output<'a> {
    fn new(question: &'a str, found: &'a [Found]) -> Self {
        let passages = found.iter().map(|found| OutputPassage { found, read: None }).collect();
        Self { question, answer: None, prompt: None, passages, note: None }
    }
}

fn options(args: &AskArgs, trained: &LoadedModel, max_tokens: usize) -> Result<TextOptions> {
    let WriteArgs { sampling, stop: given, json_schema, .. } = &args.application.write;
    sampling.check(&trained.tokenizer)?;
    sampling.say_defaults(&trained.generation);
    let mut stop = match trained.is_chat_model() || json_schema.is_some() {
        // It ends by itself.
        true => Vec::new(),
        // After passages that are paragraphs, an answer is one too.
        false => [Application::Ask.stop(), vec!["\n\n".to_owned()]].concat(),
    };
    stop.extend(given.iter().cloned());
    Ok(TextOptions {
        policy: with_schema(
            sampling.policy(&trained.generation)?,
            json_schema.as_deref(),
            &trained.tokenizer,
        )?,
        max_tokens,
        stop,
        seed: sampling.seed,
        log_probabilities: false,
        lookup: args.application.write.lookup,
    })
}

/// The model that was named, or the newest run; none where nobody asked for one and none is there.
fn model(args: &AskArgs) -> Result<Option<LoadedModel>> {
    let run = args.application.run.as_ref();
    if args.no_model {
        return Ok(None);
    }
    if run.is_none() && newest_run().is_none() {
        say("no run that writes text in runs/: passages alone");
        return Ok(None);
    }
    LoadedModel::open(&named_or_newest(run)?, &args.application.write.model).map(Some)
}

/// How the model's context is divided, in tokens.
struct Budget {
    /// For passages and question.
    prompt: usize,
    /// For the answer.
    answer: usize,
}

impl Budget {
    /// What `--max-tokens` asks for, or at most a quarter of the context, is left for the answer.
    fn new(args: &AskArgs, trained: &LoadedModel) -> Result<Self> {
        let context = trained.config().block_size;
        let usual = match trained.is_chat_model() {
            true => generate::CHAT_TOKENS,
            false => Application::Ask.max_tokens(),
        };
        let answer = args.application.max_tokens.unwrap_or(usual.min(context / 4));
        ensure!(
            answer < context,
            "--max-tokens {answer} leaves no room for a passage in the model's context of {context}: \
             expected fewer"
        );
        Ok(Self { prompt: context - answer, answer })
    }

    fn excerpts(
        &self,
        index: &Index,
        trained: &LoadedModel,
        question: &str,
        found: &[Found],
    ) -> Result<Vec<String>> {
        let (tokenizer, template) = (&trained.tokenizer, trained.template.as_ref());
        let mut fits = |passages: &[String]| -> Result<bool> {
            let prompt = grounded_prompt(tokenizer, template, passages, question)?;
            Ok(prompt.ids().len() <= self.prompt)
        };
        let excerpts = index.excerpts(question, found, &mut fits)?;
        if excerpts.is_empty() && !found.is_empty() {
            say(format_args!(
                "warning: the question leaves no room for a passage in the {} tokens before an answer of {}: \
                 the model reads none; ask a shorter one, lower --max-tokens, or take a model with a longer \
                 context",
                self.prompt, self.answer,
            ));
        }
        Ok(excerpts)
    }
}

/// The answer, shown while it grows.
fn stream(
    trained: &LoadedModel,
    prompt: &Prompt,
    options: &TextOptions,
    is_json: bool,
) -> Result<String> {
    say_left_out(std::slice::from_ref(prompt), trained.config().block_size);
    let mut generator = TextGenerator::new(&trained.model, &trained.tokenizer, prompt, options)?;
    let mut text = String::new();
    for token in generator.by_ref() {
        let token = token?;
        if !is_json {
            // What the model puts before its first word is no part of the answer.
            let shown = if text.trim().is_empty() { token.text.trim_start() } else { &token.text };
            stream_out(|out| write!(out, "{shown}"))?;
        }
        text += &token.text;
    }
    if !is_json {
        stream_out(|out| writeln!(out, "\n"))?;
    }
    say_drafts(generator.draft_counts());
    say_unfinished(&options.policy, generator.end());
    if text.trim().is_empty() {
        say(
            "warning: the model ended its answer before the first word: read the passages, ask in other words, or take a \
             larger model",
        );
    }
    Ok(text.trim().to_owned())
}

/// What to trust, where the model is too small to be it.
fn note(trained: &LoadedModel) -> Option<String> {
    let parameters = trained.config().parameter_counts().total() as u64;
    (parameters < ANSWERS_FROM).then(|| {
        format!(
            "a model of {:.1}M parameters writes what sounds right and does not know what is: \
             trust the passages, not the answer",
            parameters as f64 / 1e6
        )
    })
}

/// The passages with their places, in words.
fn sources(args: &AskArgs, index: &Index, output: &Output<'_>) -> Result<String> {
    let mut text = String::new();
    for (number, OutputPassage { found, read }) in output.passages.iter().enumerate() {
        let Found { passage, score } = found;
        let use_made = match read {
            Some(read) if *read == passage.text => ", read by the model",
            Some(_) => ", read in part",
            None => "",
        };
        let place = place(passage);
        text += &format!("[{}] {place}, score {score:.2}{use_made}\n", number + 1);
        // Without an answer, the passages are all there is.
        if args.show_passages || output.answer.is_none() {
            text += &format!("    {}\n", passage.text.replace('\n', "\n    "));
        } else {
            let excerpt = index.excerpt(output.question, &passage.text, QUOTED_WORDS)?;
            let folded = excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
            text += &format!("    \"{folded}\"\n");
        }
    }
    if let Some(note) = &output.note {
        text += &format!("\nnote: {note}\n");
    }
    Ok(text)
}

fn place(passage: &Passage) -> String {
    let Passage { source, first_line, last_line, .. } = passage;
    match first_line == last_line {
        true => format!("{source}, line {first_line}"),
        false => format!("{source}, lines {first_line}–{last_line}"),
    }
}

/// What `--questions --json` prints.
#[derive(Serialize)]
struct Measured<'a> {
    questions: &'a Path,
    index: &'a Path,
    texts: usize,
    passages: usize,
    retrieval: &'a RetrievalReport,
    /// None without a model.
    answers: Option<&'a GroundingReport>,
}

fn measure(args: &AskArgs, index: &Index, path: &Path) -> Result<()> {
    let questions = read_questions(path)?;
    let retrieval = evaluate(index, path, &questions)?;
    let trained = model(args)?;
    let mut answers = None;
    if let Some(trained) = &trained {
        let budget = Budget::new(args, trained)?;
        let mut asked = Vec::new();
        for question in &questions {
            let found = index.search(&question.question, args.passages as usize)?;
            let passages = budget
                .excerpts(index, trained, &question.question, &found)
                .with_context(|| format!("{}, line {}", path.display(), question.line))?;
            asked.push(GroundedQuestion {
                question: question.question.clone(),
                answer: question.answer.clone(),
                passages,
            });
        }
        let mut progress = CountProgress::new("answering", 3 * asked.len(), "answers");
        answers = Some(grounding(
            &trained.model,
            &trained.tokenizer,
            trained.template.as_ref(),
            &asked,
            BATCH_SIZE,
            &mut |done, _total| progress.show(done),
        )?);
    }
    let folder = args.index.as_deref().unwrap_or(Path::new(""));
    print(|out| {
        if args.application.write.json {
            let measured = Measured {
                questions: path,
                index: folder,
                texts: index.texts(),
                passages: index.passages(),
                retrieval: &retrieval,
                answers: answers.as_ref(),
            };
            serde_json::to_writer_pretty(&mut *out, &measured)?;
            return writeln!(out);
        }
        let questions = counted(questions.len(), "question");
        let [passages, texts] =
            [counted(index.passages(), "passage"), counted(index.texts(), "text")];
        writeln!(out, "{}: {questions}, {passages} of {texts}", path.display())?;
        write!(out, "{}", retrieval_in_words(&retrieval))?;
        match &answers {
            Some(answers) => write!(out, "\n{}", answers_in_words(answers)),
            None => Ok(()),
        }
    })
}

fn retrieval_in_words(report: &RetrievalReport) -> String {
    let recall = report.recall.iter().map(|recall| (format!("recall@{}", recall.k), recall.recall));
    let mrr = [("MRR@10".to_owned(), report.mrr)];
    let rows: Vec<Vec<String>> =
        recall.chain(mrr).map(|(name, value)| vec![name, format!("{value:.3}")]).collect();
    table::text(&rows)
}

fn answers_in_words(report: &GroundingReport) -> String {
    let head = ["reference answers", "nats a token", "perplexity"].map(str::to_owned).to_vec();
    let row = |name: &str, likelihood: AnswerLikelihood| {
        let AnswerLikelihood { nats_per_token, perplexity } = likelihood;
        vec![name.to_owned(), format!("{nats_per_token:.3}"), format!("{perplexity:.1}")]
    };
    let rows = [
        head,
        row("question alone", report.without),
        row("after its passages", report.with),
        row("after another's passages", report.with_others),
    ];
    format!(
        "{}likelier with its passages than without: {} of {}\n",
        table::text(&rows),
        report.likelier,
        report.questions
    )
}
