//! `minigpt classify`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use minigpt_data::ModelSource;
use minigpt_files::{Limit, read_text};
use minigpt_train::RunFolder;
use serde::Serialize;

use crate::args::ClassifyArgs;
use crate::load::prompts::lines;
use crate::terminal::output::{print, say};
use crate::terminal::progress::CountProgress;

/// All of it is in memory, as are the labels.
const TEXTS: Limit = Limit::new(1 << 30, "texts to classify; give them in several files");

/// Why a classifier is neither evaluated on a text nor compared.
pub(crate) const NO_PERPLEXITY: &str =
    "has no perplexity: what it makes of held-out texts is in its folder evaluation";

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
            let text = read_text(path, TEXTS)?;
            lines(&text).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
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

/// An error where `source` is a run of a classifier, for commands that take models which write.
pub(crate) fn refuse_classifier(source: &ModelSource, why: &str) -> Result<()> {
    let ModelSource::Path(path) = source else { return Ok(()) };
    // What is not a run, or cannot be read, is told by whoever loads it.
    let run = RunFolder::open(path).and_then(|run| run.is_classifier());
    if run.is_ok_and(|is_classifier| is_classifier) {
        let path = path.display();
        bail!("{path} is a classifier and {why}; use it with `minigpt classify {path}`");
    }
    Ok(())
}
