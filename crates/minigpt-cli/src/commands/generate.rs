//! `minigpt generate`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use minigpt_data::TextStream;
use minigpt_model::{Draw, Generator, Sampling};
use minigpt_train::RunFolder;
use serde::Serialize;

use crate::args::GenerateArgs;

/// What `--json` prints.
#[derive(Serialize)]
struct Generated<'a> {
    prompt: &'a str,
    text: String,
    tokens: usize,
    seconds: f64,
    checkpoint_step: usize,
    sampling: &'a Sampling,
    seed: u64,
}

pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let sampling = sampling(args);
    sampling.validate()?;
    let run = RunFolder::open(&args.run)?;
    let tokenizer = run.tokenizer()?;
    let chosen = args.device.resolve()?;
    let mut damaged = |error| eprintln!("warning: {error}; the checkpoint before it is used");
    let (model, manifest) = if args.average {
        run.best_average(&chosen.device, &mut damaged)?
    } else {
        run.best_model(&chosen.device, &mut damaged)?
    };
    let prompt = tokenizer.encode(&args.prompt)?;
    let generator = Generator::new(&model, &prompt, sampling.clone(), args.seed)?;
    eprintln!("device: {}", chosen.description);
    eprintln!("model: {}, checkpoint of step {}", args.run.display(), manifest.step);

    let began = Instant::now();
    let end = tokenizer.end_of_text();
    let mut stream = TextStream::new(&tokenizer);
    let mut text = String::new();
    let mut tokens = 0;
    let mut emit = |piece: &str| -> Result<()> {
        text.push_str(piece);
        if !args.json {
            print!("{piece}");
            std::io::stdout().flush()?;
        }
        Ok(())
    };
    emit(&args.prompt)?;
    for id in generator.take(args.max_tokens) {
        let id = id?;
        if id == end {
            break;
        }
        tokens += 1;
        if let Some(piece) = stream.push(id)? {
            emit(&piece)?;
        }
    }
    emit(&stream.finish())?;
    let seconds = began.elapsed().as_secs_f64();

    if args.json {
        let generated = Generated {
            prompt: &args.prompt,
            text,
            tokens,
            seconds,
            checkpoint_step: manifest.step,
            sampling: &sampling,
            seed: args.seed,
        };
        println!("{}", serde_json::to_string_pretty(&generated).context("text as JSON")?);
    } else {
        println!();
    }
    eprintln!("{tokens} tokens, {:.1} per second", tokens as f64 / seconds.max(1e-9));
    Ok(ExitCode::SUCCESS)
}

fn sampling(args: &GenerateArgs) -> Sampling {
    if args.greedy {
        return Sampling::Greedy;
    }
    Sampling::Draw(Draw {
        temperature: args.temperature,
        top_k: Some(args.top_k),
        top_p: Some(args.top_p),
        ..Draw::default()
    })
}
