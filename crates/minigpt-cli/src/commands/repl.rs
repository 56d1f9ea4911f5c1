//! `minigpt repl`: turns of a person and a model that remembers what was said.

use std::process::ExitCode;

use anyhow::Result;
use minigpt_text::{Application, TextGenerator, TextOptions};

use crate::args::ReplArgs;
use crate::commands::generate::say_slides;
use crate::load::model::{TrainedModel, named_or_newest};
use crate::load::prompts::say_left_out;
use crate::terminal::lines::Lines;
use crate::terminal::output::{say, stream};

pub(crate) fn run(args: &ReplArgs) -> Result<ExitCode> {
    let mut stop = args.stop.clone();
    if args.qa {
        stop.extend(Application::Ask.stop());
    }
    let options = TextOptions {
        policy: args.sampling.policy()?,
        max_tokens: args.max_tokens,
        stop,
        seed: args.sampling.seed,
        log_probabilities: false,
    };
    let trained = TrainedModel::load(&named_or_newest(args.run.as_ref())?, &args.model)?;
    args.sampling.check(&trained.tokenizer)?;
    let template = trained.template()?;
    say("a line is a turn; /reset forgets, /quit ends");

    let mut conversation: Option<TextGenerator<'_>> = None;
    let mut lines = Lines::open()?;
    while let Some(line) = lines.next()? {
        match line.trim() {
            "" => continue,
            "/quit" => break,
            "/reset" => {
                conversation = None;
                continue;
            }
            command if command.starts_with('/') => {
                say(format_args!("unknown command {command}: expected /reset or /quit"));
                continue;
            }
            _ => {}
        }
        let spoken = match &mut conversation {
            None => {
                let prompt = match (&template, args.qa) {
                    (Some(template), _) => template.prompt(&line, ""),
                    (None, true) => Application::Ask.prompt(&line),
                    (None, false) => line,
                };
                let context = trained.model.block_size();
                say_left_out(std::slice::from_ref(&prompt), &trained.tokenizer, context)?;
                let started =
                    TextGenerator::new(&trained.model, &trained.tokenizer, &prompt, &options);
                started.map(|generator| conversation.insert(generator))
            }
            Some(talk) => {
                let line = match &template {
                    Some(template) => template.prompt(&line, ""),
                    None => next_turn(&line, talk.stopped_by(), args.qa),
                };
                talk.say(&line, &options).map(|()| talk)
            }
        };
        // A line that cannot be continued ends no conversation.
        match spoken {
            Ok(talk) => answer(talk, &lines)?,
            Err(error) => say(format_args!("error: {error}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line as the model reads it after its own words.
fn next_turn(line: &str, stopped_by: Option<&str>, qa: bool) -> String {
    match (qa, stopped_by) {
        (false, _) => format!("\n{line}"),
        // The model has begun the next question by itself.
        (true, Some(stop)) if Application::Ask.stop().iter().any(|own| own == stop) => {
            format!(" {line}\nA:")
        }
        (true, _) => format!("\n{}", Application::Ask.prompt(line)),
    }
}

/// The model's turn, which Ctrl-C ends where it is.
fn answer(talk: &mut TextGenerator<'_>, lines: &Lines) -> Result<()> {
    let slides = talk.slides();
    for token in talk.by_ref() {
        let text = token?.text;
        stream(|out| write!(out, "{text}"))?;
        if lines.take_interrupt() {
            break;
        }
    }
    stream(|out| writeln!(out))?;
    say_slides(talk.slides() - slides);
    Ok(())
}

#[cfg(test)]
mod tests;
