//! `minigpt classify`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_train::RunFolder;
use serde::Serialize;

use crate::args::ClassifyArgs;
use crate::output::{print, say};
use crate::progress::CountProgress;

/// What `--json` prints of a text.
#[derive(Serialize)]
struct Record<'a> {
    text: &'a str,
    label: &'a str,
    probabilities: Vec<(&'a str, f32)>,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<ExitCode> {
    let texts = match &args.data {
        Some(path) => {
            let text = fs_err::read_to_string(path)?;
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
        }
        None => args.texts.clone(),
    };
    ensure!(!texts.is_empty(), "no text: expected one a line in the file");
    let run = RunFolder::open(&args.run)?;
    let chosen = args.device.resolve()?;
    let mut damaged =
        |error| say(format_args!("warning: {error}; the checkpoint before it is used"));
    let (classifier, manifest) = run.best_classifier(&chosen.device, &mut damaged)?;
    say(format_args!("device: {}", chosen.description));
    say(format_args!("model: {}, checkpoint of step {}", args.run.display(), manifest.step));
    let tokenizer = run.tokenizer()?;
    let mut progress = CountProgress::new("classifying", texts.len(), "texts");
    let batch_size = args.batch_size as usize;
    let verdicts =
        classifier.classify(&tokenizer, &texts, batch_size, &mut |done| progress.show(done))?;
    drop(progress);
    for (text, verdict) in texts.iter().zip(verdicts) {
        let best = verdict.best();
        let label = classifier.labels[best].as_str();
        let json = args.json.then(|| {
            let labels = classifier.labels.iter().map(String::as_str);
            let probabilities = labels.zip(verdict.probabilities.iter().copied()).collect();
            serde_json::to_string(&Record { text, label, probabilities })
        });
        match json.transpose()? {
            Some(json) => print(|out| writeln!(out, "{json}"))?,
            None => {
                let percent = 100.0 * verdict.probabilities[best];
                print(|out| writeln!(out, "{label} ({percent:.1} %)  {text}"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
