//! `minigpt generate`, and the three applications that are prompts of their own.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use minigpt_data::{ChatTemplate, Message, StopStrings};
use minigpt_model::{DraftCounts, beam_search};
use minigpt_text::{
    Application, Continuation, Prompt, TextEnd, TextGenerator, TextOptions, TextToken, write_texts,
};
use serde::Serialize;

use crate::args::{ApplicationArgs, GenerateArgs, WriteArgs};
use crate::load::grammar::{say_unfinished, with_schema};
use crate::load::model::{LoadedModel, named_or_newest};
use crate::load::prompts;
use crate::terminal::colour::coloured;
use crate::terminal::output::{print, say, stdout_is_terminal, stream as stream_out};

/// The tutorial's examples.
const COMPLETE: &str = "The key to success is ";
const STORY: &str = "a magical forest";
const ASK: &str = "What is machine learning?";

/// Tokens of an answer at most by a model's own template, which ends it.
pub(crate) const CHAT_TOKENS: usize = 256;

pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let texts = match (&args.prompt, &args.prompts) {
        (Some(prompt), _) => vec![prompt.clone()],
        (None, Some(path)) => prompts::read(path)?,
        (None, None) => Vec::new(),
    };
    ensure!(!texts.is_empty(), "no prompt: expected a line of text in the file of prompts");
    args.write.sampling.validate()?;
    let trained = LoadedModel::open(&args.model, &args.write.model)?;
    prompts::say_trailing_space(&texts, &trained.tokenizer);
    let template = match (&trained.template, args.chat) {
        (None, true) => bail!("--chat: {} has no chat template: leave --chat out", trained.name()),
        (template, true) => template.as_ref(),
        // As the run was taught.
        (template, false) => template.as_ref().filter(|_| trained.run().is_some() && !args.raw),
    };
    let asked = Asked::new(&trained, template, &texts)?;
    write(&trained, asked, args.max_tokens, Vec::new(), &args.write)
}

pub(crate) fn run_application(
    application: Application,
    args: &ApplicationArgs,
) -> Result<ExitCode> {
    let default = match application {
        Application::Complete => COMPLETE,
        Application::Story => STORY,
        Application::Ask => ASK,
    };
    let text = args.text.as_deref().unwrap_or(default);
    args.write.sampling.validate()?;
    let trained = LoadedModel::open(&named_or_newest(args.run.as_ref())?, &args.write.model)?;
    if let (Application::Complete, Some(text)) = (application, &args.text) {
        prompts::say_trailing_space(std::slice::from_ref(text), &trained.tokenizer);
    }
    let template = trained.template.as_ref().filter(|_| application == Application::Ask);
    let asked = match template {
        // As it was taught to be asked.
        Some(template) => Asked::new(&trained, Some(template), &[text.to_owned()])?,
        None => Asked::new(&trained, None, &[application.prompt(text)])?,
    };
    let (tokens, stop) = match asked.is_shown {
        true => (application.max_tokens(), application.stop()),
        // It ends by itself.
        false => (CHAT_TOKENS, Vec::new()),
    };
    write(&trained, asked, args.max_tokens.unwrap_or(tokens), stop, &args.write)
}

/// What is continued.
struct Asked {
    prompts: Vec<Prompt>,
    /// Whether prompts stand before what is written; a model's own template is for the model alone.
    is_shown: bool,
}

impl Asked {
    /// Texts as they are, or each as one message of a user's.
    fn new(
        trained: &LoadedModel,
        template: Option<&ChatTemplate>,
        texts: &[String],
    ) -> Result<Self> {
        let prompt = |text: &String| match template {
            Some(template) => {
                Prompt::of_messages(&trained.tokenizer, template, &[Message::user(text)])
            }
            None => Prompt::of_text(&trained.tokenizer, text),
        };
        let prompts = texts.iter().map(prompt).collect::<Result<_, _>>()?;
        let is_shown = template.is_none_or(|template| template.named().is_some());
        Ok(Self { prompts, is_shown })
    }

    /// What is shown before what was written.
    fn shown<'p>(&self, prompt: &'p Prompt) -> &'p str {
        if self.is_shown { prompt.text() } else { "" }
    }
}

fn write(
    trained: &LoadedModel,
    mut asked: Asked,
    max_tokens: usize,
    mut stop: Vec<String>,
    args: &WriteArgs,
) -> Result<ExitCode> {
    if args.json_schema.is_some() {
        // JSON is all that is printed, and it ends by itself.
        asked.is_shown = false;
        stop.clear();
    }
    args.sampling.check(&trained.tokenizer)?;
    args.sampling.say_defaults(&trained.generation);
    stop.extend(args.stop.iter().cloned());
    let options = TextOptions {
        policy: with_schema(
            args.sampling.policy(&trained.generation)?,
            args.json_schema.as_deref(),
            &trained.tokenizer,
        )?,
        max_tokens,
        stop,
        seed: args.sampling.seed,
        log_probabilities: args.logprobs,
        lookup: args.lookup,
    };
    prompts::say_left_out(&asked.prompts, trained.config().block_size);
    ensure!(
        !args.lookup || (asked.prompts.len() == 1 && args.n == 1),
        "--lookup: expected one text: leave the option out, since several texts share each pass anyway"
    );
    let began = Instant::now();
    let tokens = match (&asked.prompts[..], args.beams) {
        ([_], Some(width)) => search(trained, &asked, &options, args, width as usize)?,
        ([_], None) if args.n == 1 => stream(trained, &asked, &options, args)?,
        _ => write_all(trained, &asked, &options, args)?,
    };
    let speed = tokens as f64 / began.elapsed().as_secs_f64().max(1e-9);
    say(format_args!("{tokens} tokens, {speed:.1} per second"));
    Ok(ExitCode::SUCCESS)
}

/// What `--json` prints of a text.
#[derive(Serialize)]
struct Record<'a> {
    prompt: &'a str,
    /// Prompt and continuation.
    text: String,
    tokens: usize,
    end: TextEnd,
    /// How often the context was full and its last half read again; of a beam it is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    slides: Option<usize>,
    seed: Option<u64>,
    /// None where the model is no run's.
    checkpoint_step: Option<usize>,
    /// Of a beam: the sum over its tokens, in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_probability: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log_probabilities: Vec<TokenRecord>,
}

#[derive(Serialize)]
struct TokenRecord {
    id: u32,
    token: String,
    log_probability: Option<f64>,
}

fn print_record(record: &Record<'_>) -> Result<()> {
    print(|out| {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")
    })
}

/// One text, shown while it grows.
fn stream(
    trained: &LoadedModel,
    asked: &Asked,
    options: &TextOptions,
    args: &WriteArgs,
) -> Result<usize> {
    let prompt = &asked.prompts[0];
    let mut generator = TextGenerator::new(&trained.model, &trained.tokenizer, prompt, options)?;
    let in_lines = args.logprobs && !stdout_is_terminal();
    if !args.json && !in_lines {
        stream_out(|out| write!(out, "{}", asked.shown(prompt)))?;
    }
    let (mut text, mut records) = (prompt.text().to_owned(), Vec::new());
    for token in generator.by_ref() {
        let token = token?;
        text += &token.text;
        if args.json {
            if args.logprobs {
                records.push(record(trained, &token));
            }
        } else if in_lines {
            let record = record(trained, &token);
            let log_probability = record.log_probability.unwrap_or_default();
            let TokenRecord { id, token, .. } = record;
            stream_out(|out| writeln!(out, "{log_probability:8.4}  {id:6}  {token}"))?;
        } else {
            let text = coloured(&token.text, token.log_probability);
            stream_out(|out| write!(out, "{text}"))?;
        }
    }
    if !args.json && !in_lines {
        stream_out(|out| writeln!(out))?;
    }
    if args.json {
        print_record(&Record {
            prompt: prompt.text(),
            text,
            tokens: generator.tokens(),
            end: generator.end().unwrap_or(TextEnd::Length),
            slides: Some(generator.slides()),
            seed: Some(options.seed),
            checkpoint_step: trained.checkpoint_step(),
            log_probability: None,
            log_probabilities: records,
        })?;
    }
    say_slides(generator.slides());
    say_drafts(generator.draft_counts());
    say_unfinished(&options.policy, generator.end());
    Ok(generator.tokens())
}

fn record(trained: &LoadedModel, token: &TextToken) -> TokenRecord {
    let TextToken { id, log_probability, .. } = *token;
    TokenRecord { id, token: trained.tokenizer.token_label(id), log_probability }
}

/// Says what lookup was worth.
pub(crate) fn say_drafts(DraftCounts { drafted, accepted }: DraftCounts) {
    if drafted > 0 {
        say(format_args!("lookup: {accepted} of {drafted} draft tokens accepted"));
    }
}

pub(crate) fn say_slides(slides: usize) {
    if slides > 0 {
        say(format_args!(
            "the context was full {slides} times: the model went on from its last half"
        ));
    }
}

/// Several texts at once, shown when all are written.
fn write_all(
    trained: &LoadedModel,
    asked: &Asked,
    options: &TextOptions,
    args: &WriteArgs,
) -> Result<usize> {
    let each = |prompt: &Prompt| std::iter::repeat_n(prompt.clone(), args.n as usize);
    let prompts: Vec<Prompt> = asked.prompts.iter().flat_map(each).collect();
    let bar = ProgressBar::new((prompts.len() * options.max_tokens) as u64);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} tokens, {per_sec}") {
        bar.set_style(style);
    }
    let mut progress = |tokens: usize| bar.set_position(tokens as u64);
    let texts = write_texts(&trained.model, &trained.tokenizer, &prompts, options, &mut progress)?;
    bar.finish_and_clear();
    for (number, (prompt, written)) in prompts.iter().zip(&texts).enumerate() {
        let Continuation { text, tokens, end, slides } = written;
        if args.json {
            print_record(&Record {
                prompt: prompt.text(),
                text: format!("{}{text}", prompt.text()),
                tokens: *tokens,
                end: *end,
                slides: Some(*slides),
                seed: Some(options.seed.wrapping_add(number as u64)),
                checkpoint_step: trained.checkpoint_step(),
                log_probability: None,
                log_probabilities: Vec::new(),
            })?;
        } else {
            let shown = asked.shown(prompt);
            print(|out| writeln!(out, "--- {}\n{shown}{text}\n", number + 1))?;
        }
    }
    say_slides(texts.iter().map(|text| text.slides).sum());
    say_unfinished(&options.policy, texts.iter().map(|text| text.end));
    Ok(texts.iter().map(|text| text.tokens).sum())
}

/// The most probable texts that a beam finds, best first.
fn search(
    trained: &LoadedModel,
    asked: &Asked,
    options: &TextOptions,
    args: &WriteArgs,
    width: usize,
) -> Result<usize> {
    ensure!(options.max_tokens > 0, "--max-tokens 0: expected at least 1 for --beams");
    let tokenizer = &trained.tokenizer;
    let prompt = &asked.prompts[0];
    let ids = prompt.within(trained.config().block_size);
    let ends = tokenizer.ends_of_text();
    let constraints = &options.policy.constraints;
    let beams = beam_search(&trained.model, &ids, constraints, width, options.max_tokens, ends)?;
    for (number, beam) in beams.iter().enumerate() {
        let written: Vec<u32> =
            beam.tokens.iter().copied().filter(|id| !ends.contains(id)).collect();
        let decoded = tokenizer.decode(&written)?;
        let mut stop = StopStrings::new(options.stop.clone());
        let (mut text, stops) = stop.push(&decoded);
        let end = match stops {
            Some(_) => TextEnd::Stop,
            None if written.len() < beam.tokens.len() => TextEnd::EndOfText,
            None => TextEnd::Length,
        };
        if end != TextEnd::Stop {
            text += &stop.finish();
        }
        if args.json {
            print_record(&Record {
                prompt: prompt.text(),
                text: format!("{}{text}", prompt.text()),
                tokens: written.len(),
                end,
                slides: None,
                seed: None,
                checkpoint_step: trained.checkpoint_step(),
                log_probability: Some(beam.log_probability),
                log_probabilities: Vec::new(),
            })?;
        } else {
            let (score, shown) = (beam.score(), asked.shown(prompt));
            print(|out| {
                writeln!(out, "--- {}, {score:.3} nats a token\n{shown}{text}\n", number + 1)
            })?;
        }
    }
    Ok(beams.iter().map(|beam| beam.tokens.len()).sum())
}
