//! `minigpt repl`: turns of a person and a model that remembers what was said.

use std::process::ExitCode;

use anyhow::Result;
use minigpt_data::{ChatTemplate, Message};
use minigpt_model::GptRef;
use minigpt_text::{Application, Prompt, TextError, TextGenerator, TextOptions};

use crate::args::ReplArgs;
use crate::commands::generate::{say_drafts, say_slides};
use crate::load::model::{LoadedModel, named_or_newest};
use crate::load::prompts::say_left_out;
use crate::terminal::lines::Lines;
use crate::terminal::output::{say, stream};

/// Tokens of a turn at most: of a model that goes on and on, and of one that ends its turns itself.
const TOKENS: usize = 60;
const CHAT_TOKENS: usize = 512;

pub(crate) fn run(args: &ReplArgs) -> Result<ExitCode> {
    args.sampling.validate()?;
    let trained = LoadedModel::open(
        &named_or_newest(args.source.as_ref().or(args.run.as_ref()))?,
        &args.model,
    )?;
    args.sampling.check(&trained.tokenizer)?;
    args.sampling.say_defaults(&trained.generation);
    let mut stop = args.stop.clone();
    if args.qa && trained.template.is_none() {
        stop.extend(Application::Ask.stop());
    }
    let usual = if trained.is_chat_model() { CHAT_TOKENS } else { TOKENS };
    let options = TextOptions {
        policy: args.sampling.policy(&trained.generation)?,
        max_tokens: args.max_tokens.unwrap_or(usual),
        stop,
        seed: args.sampling.seed,
        log_probabilities: false,
        lookup: args.lookup,
    };
    say("a line is a turn; /reset forgets, /quit ends");

    let mut talk =
        Talk { trained: &trained, options, qa: args.qa, turns: Vec::new(), written: None };
    let mut lines = Lines::open()?;
    while let Some(line) = lines.next()? {
        match line.trim() {
            "" => continue,
            "/quit" => break,
            "/reset" => {
                (talk.turns, talk.written) = (Vec::new(), None);
                continue;
            }
            command if command.starts_with('/') => {
                say(format_args!("unknown command {command}: expected /reset or /quit"));
                continue;
            }
            _ => {}
        }
        // A line that cannot be continued ends no conversation.
        match talk.say(&line) {
            Ok(()) => talk.answer(&lines)?,
            Err(error) => say(format_args!("error: {error}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A conversation.
struct Talk<'a> {
    trained: &'a LoadedModel,
    options: TextOptions,
    qa: bool,
    /// What was said, where a template puts it.
    turns: Vec<Message>,
    /// What the model has read and written, once it has.
    written: Option<TextGenerator<'a>>,
}

impl Talk<'_> {
    /// Has the model read a line.
    fn say(&mut self, line: &str) -> Result<(), TextError> {
        match &self.trained.template {
            Some(template) => self.say_by(template, line),
            None => self.say_plainly(line),
        }
    }

    /// The conversation so far and the line, as the model was taught to read them; where they outgrow its
    /// context, without the first turns.
    fn say_by(&mut self, template: &ChatTemplate, line: &str) -> Result<(), TextError> {
        let LoadedModel { model, tokenizer, .. } = self.trained;
        let model = GptRef::from(model);
        let room = room(model.block_size(), self.options.max_tokens);
        let mut turns = [&self.turns[..], &[Message::user(line)]].concat();
        let mut prompt = Prompt::of_messages(tokenizer, template, &turns)?;
        while prompt.ids().len() > room && turns.len() > 2 {
            turns.drain(..2);
            prompt = Prompt::of_messages(tokenizer, template, &turns)?;
        }
        if turns.len() <= self.turns.len() {
            say("the context is full: the model has forgotten the first turns");
        }
        match &mut self.written {
            Some(written) => {
                say_left_out(std::slice::from_ref(&prompt), model.block_size());
                written.go_on(&prompt, &self.options)?;
            }
            None => self.begin(&prompt)?,
        }
        self.turns = turns;
        Ok(())
    }

    /// The line after what was said, without a word on who says it.
    fn say_plainly(&mut self, line: &str) -> Result<(), TextError> {
        if let Some(written) = &mut self.written {
            let line = next_turn(line, written.stopped_by(), self.qa);
            return written.say(&line, &self.options);
        }
        let text = if self.qa { Application::Ask.prompt(line) } else { line.to_owned() };
        self.begin(&Prompt::of_text(&self.trained.tokenizer, &text)?)
    }

    fn begin(&mut self, prompt: &Prompt) -> Result<(), TextError> {
        let LoadedModel { model, tokenizer, .. } = self.trained;
        let model = GptRef::from(model);
        say_left_out(std::slice::from_ref(prompt), model.block_size());
        self.written = Some(TextGenerator::new(model, tokenizer, prompt, &self.options)?);
        Ok(())
    }

    /// The model's turn, which Ctrl-C ends where it is.
    fn answer(&mut self, lines: &Lines) -> Result<()> {
        let Some(written) = &mut self.written else { return Ok(()) };
        let (slides, drafts) = (written.slides(), written.draft_counts());
        let mut answer = String::new();
        for token in written.by_ref() {
            let text = token?.text;
            stream(|out| write!(out, "{text}"))?;
            answer += &text;
            if lines.take_interrupt() {
                break;
            }
        }
        stream(|out| writeln!(out))?;
        say_slides(written.slides() - slides);
        say_drafts(written.draft_counts().since(drafts));
        if self.trained.template.is_some() {
            self.turns.push(Message::assistant(answer));
        }
        Ok(())
    }
}

/// Tokens of a context for what was said: what is left of it after an answer, for which at most a quarter is kept.
fn room(context: usize, max_tokens: usize) -> usize {
    context - max_tokens.min(context / 4)
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

#[cfg(test)]
mod tests;
