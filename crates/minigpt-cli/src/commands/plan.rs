//! `minigpt plan`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use minigpt_data::{TokenStore, TokenizerSpec};
use minigpt_model::{GptConfig, Kernels};
use minigpt_train::{
    Budget, OptimizerKind, Proposal, RunConfig, TOKENS_PER_PARAMETER, TrainError, USEFUL_PASSES,
    Workload, shell_word,
};
use serde::Serialize;

use crate::args::{PlanArgs, TextArgs};
use crate::device::memory;
use crate::load::{settings, tokens};
use crate::terminal::format::{bytes, duration, grouped};
use crate::terminal::output::{print, say};

/// Measurements that a proposal takes at most.
const MEASUREMENTS: u32 = 3;

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
    let mut config = settings::of_plan(args)?;
    let chosen = args.device.resolve()?;
    say(format_args!("device: {}", chosen.description));
    let here = memory_of(&chosen.device);
    let budget = Budget { parameters: args.params, memory: args.memory.or(here), seconds };
    let given = args.model.as_ref().map(|name| GptConfig::preset(name, 1)).transpose()?;
    let (store, proposal) = proposed(&mut config, &args.text, |config, store| {
        let workload = Workload {
            vocab_size: store.tokenizer().vocab_size(),
            train_tokens: store.train().len(),
            valid_tokens: store.valid().len(),
            recipe: config,
            block_size: args.context,
            model: given.as_ref(),
            device: &chosen.device,
            measured_for: Duration::from_secs_f64(
                args.measure.as_secs_f64() / f64::from(MEASUREMENTS),
            ),
        };
        Ok(Proposal::new(budget, &workload, measuring)?)
    })
    .map_err(|error| match error.downcast_ref() {
        Some(TrainError::TooLittleMemory { .. }) if args.memory.is_none() => {
            error.context("planned for this machine's memory: --memory plans for another machine")
        }
        _ => error,
    })?;
    if let Some(here) = here.filter(|here| *here < proposal.memory) {
        let (needed, here) = (bytes(proposal.memory), bytes(here));
        say(format_args!(
            "warning: it takes {needed} and this machine has {here}: train on another"
        ));
    }
    let command = command(args, &config, &proposal);
    if args.json {
        let report = Report { proposal: &proposal, train_tokens: store.train().len(), command };
        let json = serde_json::to_string(&report)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| {
            describe(&proposal, &config, &store, out)?;
            writeln!(out, "\n{command}")
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The bytes of memory that there are for a model on a device; a GPU's are not told.
pub(super) fn memory_of(device: &Device) -> Option<u64> {
    memory::of_machine().filter(|_| Kernels::of(device) == Kernels::Cpu)
}

/// The tokens of the text, and what is proposed for them. Where nobody names a tokenizer, it is one of the text's own of a
/// fitting size, and a smaller one where the text would be read more often than is useful.
pub(super) fn proposed(
    config: &mut RunConfig,
    text: &TextArgs,
    mut propose: impl FnMut(&RunConfig, &TokenStore) -> Result<Proposal>,
) -> Result<(TokenStore, Proposal)> {
    let cache = text.cache.as_deref();
    let is_its_own = matches!(config.data.tokenizer, TokenizerSpec::Bpe { .. });
    if text.tokenizer.is_some() || !is_its_own {
        let store = tokens::prepare(&config.data, cache)?;
        let proposal = propose(config, &store)?;
        return Ok((store, proposal));
    }
    let (store, mut text) = tokens::prepare_fitting(&mut config.data, cache)?;
    let proposal = propose(config, &store)?;
    let passes = proposal.passes;
    let why = format!(", half as many ids for a text that is read {passes:.0} times");
    Ok(match text.fitted(&mut config.data, &store, passes, &why)? {
        None => (store, proposal),
        Some(store) => {
            text.describe(&config.data, &store);
            let proposal = propose(config, &store)?;
            (store, proposal)
        }
    })
}

/// Says which model is timed.
pub(super) fn measuring(model: &GptConfig) {
    say(format_args!("measuring: {}", shape(model)));
}

pub(super) fn shape(model: &GptConfig) -> String {
    let GptConfig { n_layer, n_embd, n_head, block_size, .. } = model;
    format!("{n_layer} layers, {n_embd} wide, {n_head} heads, context {block_size}")
}

/// What is proposed, and why, a line for each thing.
pub(super) fn describe(
    proposal: &Proposal,
    config: &RunConfig,
    store: &TokenStore,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let Proposal { model, batch_size, accumulation, .. } = proposal;
    let parameters = grouped(proposal.parameters as u64);
    writeln!(
        out,
        "vocabulary:    {} ids by {}, for {} of text",
        grouped(store.tokenizer().vocab_size() as u64),
        config.data.tokenizer,
        bytes(store.manifest().splits[0].bytes)
    )?;
    writeln!(out, "model:         {}: {parameters} parameters", shape(model))?;
    let at_once = batch_size / accumulation;
    let tokens = grouped((batch_size * model.block_size) as u64);
    let by_block = if proposal.gradient_checkpointing { ", blocks computed twice" } else { "" };
    writeln!(
        out,
        "batch:         {batch_size} windows of {} ({tokens} tokens), {at_once} at once{by_block}",
        model.block_size
    )?;
    let source = match config.optimizer.kind {
        OptimizerKind::AdamW => "AdamW, Kaplan et al., 2020",
        OptimizerKind::Muon => "Muon, as in the experiments of this project",
    };
    writeln!(
        out,
        "learning rate: {} after {} warm-up steps ({source})",
        proposal.learning_rate, proposal.warmup_steps
    )?;
    writeln!(
        out,
        "length:        {} steps, {} tokens, {:.1} a parameter; {TOKENS_PER_PARAMETER} suit models of billions (Hoffmann et al., 2022)",
        grouped(proposal.steps as u64),
        grouped(proposal.tokens),
        proposal.tokens as f64 / proposal.parameters as f64
    )?;
    writeln!(
        out,
        "text:          {} tokens, {:.2} passes over them, dropout {}",
        grouped(store.train().len() as u64),
        proposal.passes,
        proposal.dropout
    )?;
    if proposal.passes > USEFUL_PASSES {
        writeln!(
            out,
            "               more than {USEFUL_PASSES} teach little (Muennighoff et al., 2023): more text would help"
        )?;
    }
    writeln!(out, "memory:        about {}", bytes(proposal.memory))?;
    writeln!(
        out,
        "time:          about {} with {} validations, at the {:.1} GFLOP/s measured here",
        duration(proposal.seconds),
        proposal.validations,
        proposal.operations_per_second / 1e9
    )
}

/// The command that does it.
fn command(args: &PlanArgs, config: &RunConfig, proposal: &Proposal) -> String {
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
    option("tokenizer", &config.data.tokenizer);
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
    option("eval-every", &proposal.eval_every());
    option("learning-rate", &proposal.learning_rate);
    option("dropout", &proposal.dropout);
    if proposal.gradient_checkpointing {
        option("set", &"training.gradient_checkpointing=true");
    }
    let flags = [("--lossy", args.text.file.lossy), ("--lines", args.text.lines)];
    words.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned()));
    words.join(" ")
}
