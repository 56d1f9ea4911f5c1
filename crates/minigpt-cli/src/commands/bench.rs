//! `minigpt bench`.

mod contexts;
mod peak;
mod peer;
mod tuning;
mod writing;

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use burn::tensor::Device;
use minigpt_data::ModelSource;
use minigpt_model::{GptConfig, Kernels, Precision};
use minigpt_train::{OptimizerKind, TimedStep, time_steps, time_tokens};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::device::memory;
use crate::device::precision::PrecisionChoice;
use crate::terminal::format::operations;
use crate::terminal::output::print;

/// Steps or tokens before the clock counts: memory is fetched and caches are filled.
const WARM_UP: usize = 2;

/// Windows of a step, as many as a run's may have.
const MOST_WINDOWS: usize = 1 << 20;

/// Steps that are timed: their times are kept.
const MOST_STEPS: usize = 1_000_000;

/// What a benchmark found.
#[derive(Serialize)]
struct Report {
    /// Of the model; of those that are trained alone, where an adapter is.
    parameters: usize,
    /// Median.
    seconds_per_step: f64,
    /// Floating-point operations of a training step, as a run's plan counts them; of fresh models alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    operations_per_step: Option<f64>,
    tokens_per_second: f64,
    /// Highest so far, in MiB, where the system tells.
    peak_memory: Option<f64>,
    /// Pages that a step fetched anew, where the system tells.
    page_faults_per_step: Option<f64>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    if args.peak {
        let peak = peak::measure();
        return finish(args, &peak, |out| peak.write(out));
    }
    check_range("--batch", args.batch, MOST_WINDOWS)?;
    check_range("--steps", args.steps, MOST_STEPS)?;
    if let Some(source) = file(args)? {
        if args.tune {
            let report = tuning::run(args, &source)?;
            return finish(args, &report, |out| report.write("step", out));
        }
        ensure!(args.decode, "--model {source}: a file is timed with --decode or --tune");
        refuse(&shape_options(args), "the shape is the file's")?;
        if args.lengths.is_empty() {
            let found = writing::run(args, &source)?;
            return finish(args, &found, |out| found.write(out));
        }
        let found = contexts::run(args, &source)?;
        return finish(args, &found, |out| found.write(out));
    }
    refuse(&file_options(args), "expected a file, a folder or a run with --model")?;
    refuse(&[("--tune", args.tune)], "expected a file, a folder or a run with --model")?;
    let config = shape(args)?.with_dropout(args.dropout.unwrap_or(0.1));
    config.validate()?;
    let device = args.device.resolve()?.device;
    let report = match args.decode {
        true => decode(&config, &device)?,
        false => train(&config, args, &device)?,
    };
    finish(args, &report, |out| report.write(if args.decode { "token" } else { "step" }, out))
}

/// Prints what was found.
fn finish(
    args: &BenchArgs,
    found: &impl Serialize,
    write: impl Fn(&mut dyn Write) -> std::io::Result<()>,
) -> Result<ExitCode> {
    if args.json {
        let json = serde_json::to_string(found)?;
        print(|out| writeln!(out, "{json}"))?;
    } else {
        print(|out| write(out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The model to load, unless `--model` is a preset's name.
fn file(args: &BenchArgs) -> Result<Option<ModelSource>> {
    let Some(name) = &args.model else { return Ok(None) };
    if GptConfig::PRESETS.contains(&name.as_str()) {
        return Ok(None);
    }
    let source = name.parse().map_err(anyhow::Error::msg)?;
    if let ModelSource::Path(path) = &source {
        let presets = GptConfig::PRESETS.join(", ");
        ensure!(
            path.exists(),
            "--model {name} is not there: expected a file, a folder or one of {presets}"
        );
    }
    Ok(Some(source))
}

/// The tutorial's.
const VOCAB_SIZE: usize = 50_257;
const CONTEXT: usize = 128;

/// An error where an option's number is out of its range.
fn check_range(option: &str, number: Option<usize>, most: usize) -> Result<()> {
    match number {
        Some(number) if !(1..=most).contains(&number) => {
            bail!("{option} is {number}: expected 1 to {most}")
        }
        _ => Ok(()),
    }
}

/// An error where the memory that is free is too little; that of GPUs is not told.
fn check_memory(what: &str, needed: u64, instead: &str, device: &Device) -> Result<()> {
    match Kernels::of(device) {
        Kernels::Cpu => memory::check_work(what, needed, instead),
        Kernels::Gpu | Kernels::Plain => Ok(()),
    }
}

/// Fails where one of these options was given.
fn refuse(options: &[(&str, bool)], reason: &str) -> Result<()> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => bail!("{option}: {reason}"),
        None => Ok(()),
    }
}

/// Options that a file has no use for, and whether they were given.
fn shape_options(args: &BenchArgs) -> [(&'static str, bool); 7] {
    [
        ("--vocab", args.vocab.is_some()),
        ("--context", args.context.is_some()),
        ("--batch", args.batch.is_some()),
        ("--dropout", args.dropout.is_some()),
        ("--precision", args.precision.is_some()),
        ("--muon", args.muon),
        ("--steps", args.steps.is_some()),
    ]
}

/// Options that only a file has a use for, and whether they were given.
fn file_options(args: &BenchArgs) -> [(&'static str, bool); 7] {
    [
        ("--prompt", args.prompt.is_some()),
        ("--tokens", args.tokens.is_some()),
        ("--texts", args.texts.is_some()),
        ("--weights", args.weights.is_some()),
        ("--cache-type", args.cache_type.is_some()),
        ("--lengths", !args.lengths.is_empty()),
        ("--peer", args.peer.is_some()),
    ]
}

fn shape(args: &BenchArgs) -> Result<GptConfig> {
    let block_size = args.context.unwrap_or(CONTEXT);
    let Some(name) = &args.model else {
        let vocab_size = args.vocab.unwrap_or(VOCAB_SIZE);
        return Ok(GptConfig::new(vocab_size, block_size, args.layers, args.heads, args.width));
    };
    let own = GptConfig::published(name).map(|config| config.vocab_size);
    let vocab_size = args.vocab.or(own).unwrap_or(VOCAB_SIZE);
    Ok(GptConfig { block_size, ..GptConfig::preset(name, vocab_size)? })
}

/// Seconds and page faults of each step so far.
#[derive(Default)]
struct Watch {
    seconds: Vec<f64>,
    page_faults: Vec<Option<f64>>,
}

impl Watch {
    fn step(&mut self, seconds: f64) {
        self.seconds.push(seconds);
        self.page_faults.push(page_faults());
    }
}

fn train(config: &GptConfig, args: &BenchArgs, device: &Device) -> Result<Report> {
    let mut watch = Watch::default();
    let (steps, batch) = (args.steps.unwrap_or(6) + WARM_UP, args.batch.unwrap_or(16));
    let step = timed_step(args, batch, device);
    let what = format!("a step of {batch} windows of {}", config.block_size);
    let instead = "choose a smaller --batch, --context or model, or --gradient-checkpointing";
    check_memory(&what, step.memory(config, device), instead, device)?;
    time_steps(config, step, steps, device, |seconds| {
        watch.step(seconds);
        ControlFlow::Continue(())
    })?;
    let parameters = config.parameter_counts().total();
    let report = Report::new(parameters, &watch, batch * config.block_size);
    Ok(Report { operations_per_step: Some(step.operations(config)), ..report })
}

fn timed_step(args: &BenchArgs, batch_size: usize, device: &Device) -> TimedStep {
    let precision = args.precision.unwrap_or(PrecisionChoice::Given(Precision::F32));
    TimedStep {
        batch_size,
        gradient_checkpointing: args.gradient_checkpointing,
        precision: precision.resolve(device),
        optimizer: if args.muon { OptimizerKind::Muon } else { OptimizerKind::AdamW },
    }
}

fn decode(config: &GptConfig, device: &Device) -> Result<Report> {
    let mut watch = Watch::default();
    let parameters = config.parameter_counts().total() as u64;
    let cached = (config.n_layer * config.n_kv_head() * config.head_size()) as u64;
    let values = cached.saturating_mul(2 * config.block_size as u64).saturating_add(parameters);
    let what = format!("a text of {} tokens with its model", config.block_size);
    let instead = "choose a smaller --context or model";
    check_memory(&what, values.saturating_mul(size_of::<f32>() as u64), instead, device)?;
    time_tokens(config, config.block_size.max(WARM_UP + 1), device, |seconds| watch.step(seconds))?;
    Ok(Report::new(config.parameter_counts().total(), &watch, 1))
}

impl Report {
    fn new(parameters: usize, watch: &Watch, tokens: usize) -> Self {
        let mut seconds = watch.seconds[WARM_UP..].to_vec();
        seconds.sort_by(f64::total_cmp);
        let seconds_per_step = seconds[seconds.len() / 2];
        let (before, after) = (watch.page_faults[WARM_UP - 1], watch.page_faults.last());
        let faults = after.copied().flatten().zip(before).map(|(after, before)| after - before);
        Self {
            parameters,
            seconds_per_step,
            operations_per_step: None,
            tokens_per_second: tokens as f64 / seconds_per_step,
            peak_memory: peak_memory(),
            page_faults_per_step: faults.map(|faults| faults / seconds.len() as f64),
        }
    }

    fn write(&self, what: &str, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "parameters      {}", self.parameters)?;
        writeln!(out, "time            {:.2} ms a {what}", 1e3 * self.seconds_per_step)?;
        writeln!(out, "speed           {:.0} tokens a second", self.tokens_per_second)?;
        if let Some(work) = self.operations_per_step {
            let pace = work / self.seconds_per_step / 1e9;
            writeln!(out, "work            {} a {what}, {pace:.0} GFLOP/s", operations(work))?;
        }
        if let Some(peak) = self.peak_memory {
            writeln!(out, "peak memory     {peak:.0} MiB")?;
        }
        if let Some(faults) = self.page_faults_per_step {
            writeln!(out, "page faults     {faults:.0} a {what}")?;
        }
        Ok(())
    }
}

/// The most memory that this process has had, in MiB, where the system tells.
fn peak_memory() -> Option<f64> {
    minigpt_train::peak_memory().map(|bytes| bytes as f64 / f64::from(1 << 20))
}

/// Pages that this process has fetched without a disk, where Linux's `/proc` tells it.
fn page_faults() -> Option<f64> {
    let stat = fs_err::read_to_string("/proc/self/stat").ok()?;
    // The name before may have spaces and ends with a parenthesis; the count is the eighth after it.
    stat.rsplit(')').next()?.split_whitespace().nth(7)?.parse().ok()
}
