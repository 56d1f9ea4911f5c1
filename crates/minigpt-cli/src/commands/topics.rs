//! `minigpt topics`, and what `minigpt` alone says.

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use minigpt_train::{Reason, Recipe};

use crate::args::{Topic, TopicsArgs};
use crate::load::model::newest_run;
use crate::terminal::output::print;

pub(crate) fn run(args: &TopicsArgs) -> Result<ExitCode> {
    match args.topic {
        Some(topic) => print(|out| out.write_all(page(topic).as_bytes()))?,
        None => print(|out| list(out))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn page(topic: Topic) -> Cow<'static, str> {
    let text = match topic {
        Topic::Tuning => return tuning().into(),
        Topic::Sampling => include_str!("topics/sampling.txt"),
        Topic::Data => include_str!("topics/data.txt"),
        Topic::Devices => include_str!("topics/devices.txt"),
        Topic::Protocols => include_str!("topics/protocols.txt"),
    };
    text.into()
}

/// The page on recipes, whose values are those that runs have.
fn tuning() -> String {
    let mut text = include_str!("topics/tuning.txt").to_owned();
    for recipe in Recipe::ALL {
        text += &format!("\n--recipe {recipe}: to {}, --task {}\n", recipe.what(), recipe.task());
        for Reason { setting, value, why } in recipe.reasons() {
            text += &format!("  {setting:<24} {value:<7} {why}\n");
        }
    }
    text
}

fn list(out: &mut dyn Write) -> std::io::Result<()> {
    for topic in Topic::value_variants() {
        let value = topic.to_possible_value();
        let (name, help) = value
            .map(|value| (value.get_name().to_owned(), value.get_help().cloned()))
            .unwrap_or_default();
        writeln!(out, "minigpt topics {name:<10} {}", help.unwrap_or_default())?;
    }
    Ok(())
}

/// Three things to do next: with a run, what can be done with it.
pub(crate) fn introduce() -> Result<ExitCode> {
    let newest = newest_run().map(|run| run.display().to_string());
    print(|out| out.write_all(introduction(newest.as_deref()).as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn introduction(newest_run: Option<&str>) -> String {
    let next = match newest_run {
        None => vec![
            ("minigpt train".to_owned(), "train a model on four novels, in minutes"),
            ("minigpt train --data notes.txt".to_owned(), "train one on your own text"),
            ("minigpt doctor".to_owned(), "check this machine"),
        ],
        Some(run) => vec![
            (format!("minigpt generate {run} --prompt \"It was\""), "let your newest run write"),
            (format!("minigpt serve {run}"), "chat with it in a browser"),
            (format!("minigpt report {run}"), "write its report"),
        ],
    };
    let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    let mut text =
        "minigpt trains small language models, shows how they work, and runs them.\n\n".to_owned();
    for (command, what) in next {
        text += &format!("  {command:<width$}   {what}\n");
    }
    text + "\n`minigpt --help` lists all commands, `minigpt COMMAND --help` has examples, and `minigpt topics`\n\
            explains sampling, data, devices, tuning and protocols.\n"
}

#[cfg(test)]
mod tests;
