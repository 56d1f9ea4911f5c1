//! `minigpt export`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
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
            let card = pretrained_card(&name, &source.to_string(), trained.model.config(), license);
            (card, Vec::new())
        }
    };
    let export = Export {
        name: &name,
        model: &trained.model,
        tokenizer: &trained.tokenizer,
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
    if let Some(template) = trained.template()? {
        let prompt = template.prompt("QUESTION", "");
        say(format_args!(
            "warning: the files do not say how the model is to be asked (no chat template): prompt it with {prompt:?}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
