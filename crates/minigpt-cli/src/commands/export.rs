//! `minigpt export`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_train::{CardWeights, Export, RunCard, pretrained_card};

use crate::args::ExportArgs;
use crate::model::{Origin, TrainedModel};
use crate::output::print;

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let trained = TrainedModel::load(&args.source, &args.model)?;
    let (name, license) = (trained.name(), args.license.as_deref());
    let (card, plots) = match &trained.origin {
        Origin::Run { run, manifest } => {
            let weights =
                if args.model.average { CardWeights::Average } else { CardWeights::Checkpoint };
            let card = RunCard::new(run, manifest, weights)?;
            (card.markdown(license), card.plots().to_vec())
        }
        Origin::Pretrained { source } => {
            let card = pretrained_card(&name, &source.to_string(), &trained.config, license);
            (card, Vec::new())
        }
    };
    let export = Export {
        name: &name,
        model: &trained.model,
        config: &trained.config,
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
    Ok(ExitCode::SUCCESS)
}
