//! How fast a model of a file reads and writes, beside llama.cpp where that is there.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use minigpt_data::ModelSource;
use minigpt_model::{AnyGpt, Kernels, PackedGpt, TextInput};
use serde::{Deserialize, Serialize};

use super::peak_memory;
use super::peer::Peer;
use crate::args::{BenchArgs, WeightsChoice};
use crate::load::model::LoadedModel;
use crate::terminal::format::bytes;

/// Rounds of which the median counts.
const ROUNDS: usize = 3;

/// Tokens that a text begins with.
const BEFORE: usize = 8;

/// A text of some twenty tokens.
const SHORT: &str = "The old lighthouse keeper wrote every evening in his book what the sea had brought that day, \
                     and";

/// What was found of a model.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Writing {
    /// From the command to the first token after a prompt of twenty: of ours with the start of the program, of
    /// llama.cpp without that of Python.
    first_token_seconds: f64,
    prompt_tokens_per_second: f64,
    /// One text.
    tokens_per_second: f64,
    /// All texts together.
    texts_tokens_per_second: f64,
    /// In MiB, where the system tells.
    peak_memory: Option<f64>,
}

/// A model's, and llama.cpp's with the same file.
#[derive(Serialize)]
pub(super) struct Comparison {
    model: String,
    weight_bytes: usize,
    threads: usize,
    prompt: usize,
    tokens: usize,
    texts: usize,
    #[serde(flatten)]
    ours: Writing,
    #[serde(skip_serializing_if = "Option::is_none")]
    llama_cpp: Option<TimedPeer>,
}

#[derive(Debug, Deserialize, Serialize)]
struct TimedPeer {
    /// What llama.cpp says of the machine.
    system: String,
    #[serde(flatten)]
    writing: Writing,
}

/// The model of a file, on the processor.
pub(super) fn open(args: &BenchArgs, source: &ModelSource) -> Result<LoadedModel> {
    let device = args.device.resolve()?.device;
    ensure!(
        Kernels::of(&device) == Kernels::Cpu,
        "--decode times a file's model on the processor: take --device cpu"
    );
    LoadedModel::of_weights(source, weights(args))
}

fn weights(args: &BenchArgs) -> WeightsChoice {
    args.weights.unwrap_or(WeightsChoice(None))
}

pub(super) fn run(args: &BenchArgs, source: &ModelSource) -> Result<Comparison> {
    let peer = Peer::of(args, source)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let model = open(args, source)?;
    let AnyGpt::Packed(packed) = &model.model else { unreachable!("on the processor") };
    let room = packed.block_size();
    let or = |given: Option<u32>, default: usize| given.map_or(default, |n| n as usize);
    let prompt = or(args.prompt, room.min(512));
    let tokens = or(args.tokens, room.saturating_sub(BEFORE).clamp(1, 64));
    let texts = or(args.texts, 8);
    ensure!(
        prompt <= room && BEFORE + tokens <= room,
        "--prompt {prompt}, --tokens {tokens}: the model's context has {room} tokens; expected at most as many of the \
         prompt, and {BEFORE} fewer of a text"
    );
    let ours = Writing {
        first_token_seconds: first_token(source, args)?,
        prompt_tokens_per_second: median(|round| time_prompt(packed, prompt, round)),
        tokens_per_second: median(|_| time_texts(packed, 1, tokens)),
        texts_tokens_per_second: median(|_| time_texts(packed, texts, tokens)),
        peak_memory: peak_memory(),
    };
    let numbers = [prompt, tokens, texts];
    let llama_cpp = peer.map(|peer| peer.time("writing", threads, packed, &numbers));
    Ok(Comparison {
        model: model.name(),
        weight_bytes: packed.weight_bytes(),
        threads,
        prompt,
        tokens,
        texts,
        ours,
        llama_cpp: llama_cpp.transpose()?,
    })
}

/// Seconds until this program, begun anew, has written one token.
fn first_token(source: &ModelSource, args: &BenchArgs) -> Result<f64> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.arg("generate").arg(source.to_string()).args(["--device", "cpu", "--raw", "--greedy"]);
    let weights = weights(args).to_string();
    command.args(["--max-tokens", "1", "--weights", &weights]);
    command.args(["--prompt", SHORT]);
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let output = command.output().context("cannot run this program")?;
        seconds.push(began.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`generate` failed: {}", said.trim_end());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[ROUNDS / 2])
}

pub(super) fn median(measure: impl Fn(u32) -> f64) -> f64 {
    let mut found: Vec<f64> = (0..ROUNDS as u32).map(measure).collect();
    found.sort_by(f64::total_cmp);
    found[ROUNDS / 2]
}

/// Any tokens, other ones for each `first`.
pub(super) fn ids(model: &PackedGpt, first: u32, count: usize) -> Vec<u32> {
    let known = model.tokenizer_size() as u32;
    (0..count as u32).map(|i| (first + i.wrapping_mul(7919)) % known).collect()
}

/// Tokens a second that a prompt is read with.
fn time_prompt(model: &PackedGpt, prompt: usize, first: u32) -> f64 {
    let tokens = ids(model, first, prompt);
    let began = Instant::now();
    let mut cache = model.new_cache();
    model.forward(&mut [TextInput { tokens: &tokens, cache: &mut cache }]);
    prompt as f64 / began.elapsed().as_secs_f64()
}

/// Tokens a second that some texts are written with after a few tokens each, all of them together.
fn time_texts(model: &PackedGpt, texts: usize, tokens: usize) -> f64 {
    let mut caches = vec![model.new_cache(); texts];
    let mut next: Vec<Vec<u32>> = (0..texts as u32).map(|text| ids(model, text, BEFORE)).collect();
    let began = Instant::now();
    for _ in 0..tokens {
        let reads = next.iter().zip(&mut caches).map(|(tokens, cache)| TextInput { tokens, cache });
        let logits = model.forward(&mut reads.collect::<Vec<_>>());
        let rows = logits.chunks(model.vocab_size());
        next = rows.map(|logits| vec![most_probable(logits)]).collect();
    }
    (texts * tokens) as f64 / began.elapsed().as_secs_f64()
}

pub(super) fn most_probable(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(id, _)| id as u32)
}

impl Comparison {
    pub(super) fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { threads, prompt, tokens, texts, ours, llama_cpp, .. } = self;
        let size = bytes(self.weight_bytes as u64);
        writeln!(out, "{}, {size} of weights, {threads} threads", self.model)?;
        if let Some(TimedPeer { system, .. }) = llama_cpp {
            writeln!(out, "llama.cpp: {}", system.trim())?;
            writeln!(out, "{:<38}{:>10}{:>12}{:>8}", "", "minigpt", "llama.cpp", "ratio")?;
        }
        let mut line = |what: String, better: Better, value: &dyn Fn(&Writing) -> f64| {
            let own = value(ours);
            write!(out, "{what:<38}{own:>10.2}")?;
            if let Some(peer) = llama_cpp {
                let theirs = value(&peer.writing);
                let ratio = if better == Better::More { own / theirs } else { theirs / own };
                write!(out, "{theirs:>12.2}{ratio:>8.2}")?;
            }
            writeln!(out)
        };
        line("first token after a prompt of 20, s".to_owned(), Better::Less, &|found| {
            found.first_token_seconds
        })?;
        line(format!("prompt of {prompt} tokens, tokens/s"), Better::More, &|found| {
            found.prompt_tokens_per_second
        })?;
        line(format!("one text of {tokens} tokens, tokens/s"), Better::More, &|found| {
            found.tokens_per_second
        })?;
        line(format!("{texts} at once of {tokens} tokens, tokens/s"), Better::More, &|found| {
            found.texts_tokens_per_second
        })?;
        match ours.peak_memory {
            Some(_) => line("peak memory, MiB".to_owned(), Better::Less, &|found| {
                found.peak_memory.unwrap_or(f64::NAN)
            }),
            None => Ok(()),
        }
    }
}

#[derive(PartialEq)]
enum Better {
    More,
    Less,
}
