//! `minigpt export`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_model::WeightType;
use minigpt_text::{Export, TextError};
use minigpt_train::{CardWeights, RunCard, pretrained_card};

use crate::args::ExportArgs;
use crate::commands::classify::refuse_classifier;
use crate::load::model::{Origin, TrainedModel};
use crate::terminal::output::{print, say};

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    refuse_classifier(
        &args.source,
        "cannot be exported: transformers' GPT2LMHeadModel and llama.cpp have no head for labels",
    )?;
    ensure!(
        args.out.is_none() || args.dtype != WeightType::Q8_0,
        "--dtype q8_0: transformers has no such type: expected f32, f16 or bf16 for --out, or --gguf alone"
    );
    if let Some(path) = args.out.clone().filter(|path| path.exists()) {
        // Before the model is loaded.
        return Err(TextError::ExportExists { path }.into());
    }
    let trained = TrainedModel::load(&args.source, &args.model)?;
    let (name, license) = (trained.name(), args.license.as_deref());
    let (card, plots) = match &trained.origin {
        Origin::Run { run, manifest } => {
            let weights =
                if args.model.average { CardWeights::Average } else { CardWeights::Checkpoint };
            let mut damaged =
                |error| say(format_args!("warning: {error}; the model card goes without it"));
            let card = RunCard::new(run, manifest, weights, &mut damaged)?;
            (card.markdown(license), card.plots().to_vec())
        }
        Origin::Pretrained { source } => {
            let (source, config) = (source.to_string(), trained.model.config());
            (pretrained_card(&name, &source, config, in_words(args.dtype), license), Vec::new())
        }
    };
    let export = Export {
        name: &name,
        model: &trained.model,
        tokenizer: &trained.tokenizer,
        template: trained.template.as_ref(),
        generation: &trained.generation,
        weights: args.dtype,
        card: &card,
        plots: &plots,
    };
    if let Some(folder) = &args.out {
        export.write_folder(folder)?;
        print(|out| writeln!(out, "{}", folder.display()))?;
    }
    if let Some(file) = &args.gguf {
        export.write_gguf(file)?;
        print(|out| writeln!(out, "{}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A type of weights for a card.
fn in_words(weights: WeightType) -> &'static str {
    match weights {
        WeightType::F32 => "32-bit floats",
        WeightType::F16 => "16-bit floats",
        WeightType::Bf16 => "16-bit floats (bf16)",
        WeightType::Q8_0 => "8-bit integers with a scale for each 32 (q8_0)",
    }
}
