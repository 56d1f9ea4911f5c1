//! `minigpt plan`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Error, Result, ensure};
use minigpt_data::TokenStore;
use minigpt_model::{GptConfig, Kernels};
use minigpt_train::{
    Budget, Proposal, TOKENS_PER_PARAMETER, TrainError, USEFUL_PASSES, Workload, shell_word,
};
use serde::Serialize;

use crate::args::PlanArgs;
use crate::device::memory;
use crate::load::{settings, tokens};
use crate::terminal::format::{bytes, duration, grouped};
use crate::terminal::output::{print, say};

/// Measurements that a proposal takes at most.
const MEASUREMENTS: u32 = 3;

/// Validations of the run.
const VALIDATIONS: usize = 10;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    proposal: &'a Proposal,
    train_tokens: usize,
    command: String,
}

pub(crate) fn run(args: &PlanArgs) -> Result<ExitCode> {
    let seconds = args.time.map(|time| time.as_secs_f64());
    if let Some(context) = args.context {
        ensure!(context > 0, "--context is 0: expected at least 1");
    }
    let config = settings::of_plan(args)?;
    let chosen = args.device.resolve()?;
    say(format_args!("device: {}", chosen.description));
    // A GPU's memory is not told.
    let here = memory::of_machine().filter(|_| Kernels::of(&chosen.device) == Kernels::Cpu);
    let budget = Budget { parameters: args.params, memory: args.memory.or(here), seconds };
    let given = args.model.as_ref().map(|name| GptConfig::preset(name, 1)).transpose()?;
    let store = tokens::prepare(&config.data, args.text.cache.as_deref())?;
    let workload = Workload {
        vocab_size: store.tokenizer().vocab_size(),
        train_tokens: store.train().len(),
        valid_tokens: store.valid().len(),
        block_size: args.context,
        model: given.as_ref(),
        device: &chosen.device,
        measured_for: Duration::from_secs_f64(args.measure.as_secs_f64() / f64::from(MEASUREMENTS)),
    };
    let proposal = Proposal::new(budget, &workload, |model| {
        say(format_args!("measuring: {}", shape(model)));
    })
    .map_err(|error| match error {
        TrainError::TooLittleMemory { .. } if args.memory.is_none() => Error::from(error)
            .context("planned for this machine's memory: --memory plans for another machine"),
        error => error.into(),
    })?;
    if let Some(here) = here.filter(|here| *here < proposal.memory) {
        let (needed, here) = (bytes(proposal.memory), bytes(here));
        say(format_args!(
            "warning: it takes {needed} and this machine has {here}: train on another"
        ));
    }
    let command = command(args, &proposal);
    if args.json {
        let report = Report { proposal: &proposal, train_tokens: store.train().len(), command };
        let json = serde_json::to_string(&report)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| describe(&proposal, &store, &command, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shape(model: &GptConfig) -> String {
    let GptConfig { n_layer, n_embd, n_head, block_size, .. } = model;
    format!("{n_layer} layers, {n_embd} wide, {n_head} heads, context {block_size}")
}

fn describe(
    proposal: &Proposal,
    store: &TokenStore,
    command: &str,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let Proposal { model, batch_size, accumulation, .. } = proposal;
    let parameters = grouped(proposal.parameters as u64);
    writeln!(out, "model:         {}: {parameters} parameters", shape(model))?;
    let at_once = batch_size / accumulation;
    let tokens = grouped((batch_size * model.block_size) as u64);
    let by_block = if proposal.gradient_checkpointing { ", blocks computed twice" } else { "" };
    writeln!(
        out,
        "batch:         {batch_size} windows of {} ({tokens} tokens), {at_once} at once{by_block}",
        model.block_size
    )?;
    writeln!(
        out,
        "learning rate: {} after {} warm-up steps (Kaplan et al., 2020)",
        proposal.learning_rate, proposal.warmup_steps
    )?;
    writeln!(
        out,
        "length:        {} steps, {} tokens, {:.1} a parameter; {TOKENS_PER_PARAMETER} are compute-optimal (Hoffmann et al., 2022)",
        grouped(proposal.steps as u64),
        grouped(proposal.tokens),
        proposal.tokens as f64 / proposal.parameters as f64
    )?;
    writeln!(
        out,
        "text:          {} tokens, {:.2} passes over them",
        grouped(store.train().len() as u64),
        proposal.passes
    )?;
    if proposal.passes > USEFUL_PASSES {
        writeln!(
            out,
            "               more than {USEFUL_PASSES} teach little (Muennighoff et al., 2023): more text, or a smaller model"
        )?;
    }
    writeln!(out, "memory:        about {}", bytes(proposal.memory))?;
    writeln!(
        out,
        "time:          about {} without validations, at the {:.1} GFLOP/s measured here",
        duration(proposal.seconds),
        proposal.operations_per_second / 1e9
    )?;
    writeln!(out, "\n{command}")
}

/// The command that does it.
fn command(args: &PlanArgs, proposal: &Proposal) -> String {
    let mut words = vec!["minigpt".to_owned(), "train".to_owned()];
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        words.extend([format!("--{name}"), shell_word(&value.to_string())]);
    };
    option("preset", &args.preset);
    if let Some(source) = &args.data {
        option("data", source);
    }
    if let Some(source) = &args.text.valid {
        option("valid", source);
    }
    if let Some(field) = &args.text.text_field {
        option("text-field", field);
    }
    if let Some(separator) = &args.text.file.separator {
        option("separator", separator);
    }
    if let Some(tokenizer) = &args.text.tokenizer {
        option("tokenizer", tokenizer);
    }
    let model = &proposal.model;
    match &args.model {
        Some(name) => option("model", name),
        None => {
            for (key, value) in [
                ("model.n_layer", model.n_layer),
                ("model.n_head", model.n_head),
                ("model.n_embd", model.n_embd),
                ("model.n_inner", model.n_inner),
            ] {
                option("set", &format!("{key}={value}"));
            }
        }
    }
    for (key, value) in [
        ("model.block_size", model.block_size),
        ("training.accumulation", proposal.accumulation),
        ("schedule.warmup_steps", proposal.warmup_steps),
    ] {
        option("set", &format!("{key}={value}"));
    }
    option("batch-size", &proposal.batch_size);
    option("max-steps", &proposal.steps);
    option("eval-every", &proposal.steps.div_ceil(VALIDATIONS));
    option("learning-rate", &proposal.learning_rate);
    // What is read once cannot be learnt by heart.
    option("dropout", &if proposal.passes > 1.0 { 0.1 } else { 0.0 });
    if proposal.gradient_checkpointing {
        option("set", &"training.gradient_checkpointing=true");
    }
    let flags = [("--lossy", args.text.file.lossy), ("--lines", args.text.lines)];
    words.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned()));
    words.join(" ")
}
