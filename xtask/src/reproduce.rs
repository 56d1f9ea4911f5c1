//! `cargo xtask reproduce`: the tutorial's experiment run honestly, the report of the run, and a page that says beside
//! each of the tutorial's figures what was measured.

mod article;
mod comparison;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cargo;
use crate::features::Features;

#[derive(Args)]
pub(crate) struct Reproduce {
    /// A folder with WikiText-2's train.txt and valid.txt, the version with `<unk>`
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Folder for the run and the report; a run that is there is continued, or reported again
    #[arg(long, default_value = "reproduction", value_name = "FOLDER")]
    out: PathBuf,
    /// Take this many steps instead of the tutorial's three passes
    #[arg(long)]
    max_steps: Option<usize>,
    /// What matrix products are computed in: f32, bf16 or auto
    #[arg(long, default_value = "f32")]
    precision: String,
    /// Where to train: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Everything that the page says, in the order of measuring.
struct Findings {
    config: Config,
    environment: Environment,
    summary: Summary,
    rows: Vec<Row>,
    /// By disjoint windows, as the tutorial's validation.
    disjoint: Evaluation,
    /// The table of `minigpt compare`, in Markdown.
    comparison: String,
    texts: Vec<Text>,
}

/// What matters here of the run's `config.json`.
#[derive(Deserialize)]
struct Config {
    model: Model,
    training: Training,
}

#[derive(Deserialize)]
struct Model {
    vocab_size: usize,
    block_size: usize,
    n_layer: usize,
    n_head: usize,
    n_embd: usize,
}

#[derive(Deserialize)]
struct Training {
    batch_size: usize,
    epochs: usize,
}

#[derive(Deserialize)]
struct Environment {
    device: String,
}

#[derive(Deserialize)]
struct Summary {
    steps: usize,
    seconds: f64,
    last: Option<ValidationFigures>,
}

#[derive(Deserialize)]
struct ValidationFigures {
    token_perplexity: f64,
}

/// A row of `metrics.csv`.
#[derive(Clone, Deserialize)]
struct Row {
    split: String,
    step: usize,
    passes: f64,
    tokens: u64,
    loss: f64,
    seconds: f64,
}

/// What `minigpt eval --json` says.
#[derive(Deserialize)]
struct Evaluation {
    parameters: usize,
    evaluation: Sums,
}

#[derive(Deserialize)]
struct Sums {
    tokens: usize,
}

/// What `minigpt generate --json` says of a text, and how fast it was written.
#[derive(Deserialize)]
struct Text {
    prompt: String,
    text: String,
    tokens: usize,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    tokens_per_second: Option<f64>,
}

pub(crate) fn run(args: &Reproduce, features: &Features) -> Result<()> {
    for file in ["train.txt", "valid.txt"] {
        let path = args.data.join(file);
        ensure!(path.is_file(), "{} is missing: expected WikiText-2's text", path.display());
    }
    cargo::run(&mut cargo::build(features))?;
    fs_err::create_dir_all(&args.out)?;
    let out = fs_err::canonicalize(&args.out)?;
    let run = out.join("run");
    train(args, &out, &run)?;

    let disjoint = evaluate(args, &run)?;
    let findings = Findings {
        config: read_json(&run.join("config.json"))?,
        environment: read_json(&run.join("environment.json"))?,
        summary: read_json(&run.join("summary.json"))?,
        rows: read_rows(&run.join("metrics.csv"))?,
        disjoint,
        comparison: compare(args, &out, &run)?,
        texts: write_texts(args, &run)?,
    };
    look_at_attention(args, &run)?;
    let path = out.join("tutorial.md");
    fs_err::write(&path, comparison::markdown(&findings))?;
    println!("{}", path.display());
    let mut command = minigpt();
    command.arg("report").arg(&run).arg("--out").arg(out.join("report")).arg("--latex");
    shown(&mut command, Stdio::inherit(), Stdio::inherit())?;
    Ok(())
}

/// Trains, or goes on with a run that was stopped; one that is complete is left alone.
fn train(args: &Reproduce, out: &Path, run: &Path) -> Result<()> {
    if run.join("summary.json").exists() && !is_interrupted(run)? {
        println!("the run in {} is complete: measuring it again", run.display());
        return Ok(());
    }
    let mut command = minigpt();
    command.arg("train").args(["--device", &args.device]);
    if run.join("config.json").exists() {
        command.arg("--resume").arg(run);
    } else {
        command.args(["--preset", "wikitext2", "--name", "run", "--runs"]).arg(out);
        command.args(["--precision", &args.precision]).arg("--data").arg(&args.data);
        command.args(args.max_steps.map(|steps| format!("--max-steps={steps}")));
    }
    // Its report goes to the terminal: the figures are read from the run folder.
    shown(&mut command, Stdio::inherit(), Stdio::inherit())?;
    ensure!(!is_interrupted(run)?, "stopped: the same command goes on");
    Ok(())
}

fn is_interrupted(run: &Path) -> Result<bool> {
    let summary: serde_json::Value = read_json(&run.join("summary.json"))?;
    Ok(summary["end"] == "interrupted")
}

/// By protocol: what training reports, windows that slide, and the text as people write it. All stay in the run's
/// folder for its report; the first is the tutorial's.
fn evaluate(args: &Reproduce, run: &Path) -> Result<Evaluation> {
    let protocols: [&[&str]; 4] = [
        &[],
        &["--stride", "64"],
        &["--stride", "16"],
        &["--stride", "64", "--detokenize", "wikitext"],
    ];
    let evaluate = |protocol: &&[&str]| {
        let mut command = minigpt();
        command.arg("eval").arg(run).arg("--data").arg(&args.data).args(*protocol);
        command.args(["--split", "valid", "--device", &args.device, "--json"]);
        Ok(serde_json::from_str(&output(&mut command)?.0)?)
    };
    let mut evaluations = protocols.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
    Ok(evaluations.swap_remove(0))
}

fn compare(args: &Reproduce, out: &Path, run: &Path) -> Result<String> {
    let mut command = minigpt();
    command.arg("compare").arg(run).arg("--data").arg(&args.data);
    command.args(["--split", "valid", "--quoted", "--format", "markdown"]);
    command.args(["--device", &args.device, "--out"]).arg(out.join("comparison.png"));
    Ok(output(&mut command)?.0)
}

/// The tutorial's prompts, with its settings of sampling, which are the defaults.
fn write_texts(args: &Reproduce, run: &Path) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    for sampling in [&["--temperature", "1"][..], &["--temperature", "0.8"], &["--greedy"]] {
        for prompt in article::PROMPTS {
            let mut command = minigpt();
            command.arg("generate").arg(run).args(["--prompt", prompt]).args(sampling);
            texts.push(text(&mut command, args, sampling.join(" "))?);
        }
    }
    for (application, what) in article::APPLICATIONS {
        let mut command = minigpt();
        command.args([application, what, "--run"]).arg(run);
        texts.push(text(&mut command, args, format!("minigpt {application}"))?);
    }
    Ok(texts)
}

fn text(command: &mut Command, args: &Reproduce, title: String) -> Result<Text> {
    command.args(["--json", "--device", &args.device]);
    let (line, messages) = output(command)?;
    // The last message is "100 tokens, 22.7 per second".
    let speed = messages.lines().rev().find_map(|line| line.strip_suffix(" per second"));
    let speed = speed.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    Ok(Text { title, tokens_per_second: speed, ..serde_json::from_str(&line)? })
}

/// Leaves pictures and habits in the run's folder for its report.
fn look_at_attention(args: &Reproduce, run: &Path) -> Result<()> {
    let mut command = minigpt();
    command.arg("attention").arg(run).arg(article::ATTENTION_PROMPT);
    command.args(["--tokens", "5", "--device", &args.device]);
    output(&mut command)?;
    Ok(())
}

fn minigpt() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/minigpt"))
}

/// Runs a command to its end and gives what it printed on standard output and standard error.
fn output(command: &mut Command) -> Result<(String, String)> {
    let (out, err) = shown(command, Stdio::piped(), Stdio::piped())?;
    Ok((String::from_utf8(out)?, String::from_utf8_lossy(&err).into_owned()))
}

fn shown(command: &mut Command, out: Stdio, err: Stdio) -> Result<(Vec<u8>, Vec<u8>)> {
    let words: Vec<OsString> = command.get_args().map(ToOwned::to_owned).collect();
    let words = words.join(" ".as_ref());
    println!("$ minigpt {}", words.display());
    let started = command.stdout(out).stderr(err).spawn().context("could not start minigpt")?;
    let output = started.wait_with_output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    let last = message.lines().last().unwrap_or_default();
    ensure!(output.status.success(), "`minigpt {}` failed: {last}", words.display());
    Ok((output.stdout, output.stderr))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(fs_err::File::open(path)?);
    let rows = reader.deserialize().collect::<Result<_, _>>();
    rows.with_context(|| path.display().to_string())
}
