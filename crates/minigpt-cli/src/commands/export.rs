//! `minigpt export`.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_data::ModelSource;
use minigpt_model::WeightType;
use minigpt_text::{Export, Modelfile, TextError};
use minigpt_train::{CardWeights, RunCard, pretrained_card};

use crate::args::ExportArgs;
use crate::commands::classify::refuse_classifier;
use crate::load::model::{Origin, TrainedModel, say_widened};
use crate::outputs;
use crate::terminal::output::{print, say};

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    refuse_classifier(
        &args.source,
        "cannot be exported: transformers' GPT2LMHeadModel and llama.cpp have no head for labels",
    )?;
    ensure!(
        args.out.is_none() || !args.dtype.has_blocks(),
        "--dtype {}: transformers has no such type: expected f32, f16 or bf16 for --out, or --gguf alone",
        args.dtype
    );
    if let Some(path) = args.out.clone().filter(|path| path.exists()) {
        // Before the model is loaded.
        return Err(TextError::ExportExists { path }.into());
    }
    // Where a link leads.
    let gguf = args.gguf.as_ref().map(|path| outputs::file("--gguf", path)).transpose()?;
    if let Some(file) = gguf.as_ref().filter(|file| file.exists()) {
        check_replaced(file, &args.source)?;
    }
    if let (Some(folder), Some(file)) = (&args.out, &gguf) {
        outputs::check_apart(("--out", folder), ("--gguf", file))?;
    }
    let trained = TrainedModel::load(&args.source, &args.model)?;
    say_widened(trained.model.config(), Some(args.dtype));
    let (name, license) = (trained.name(), args.license.as_deref());
    let (card, plots) = match &trained.origin {
        Origin::Run { run, manifest, .. } => {
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
    if let Some(file) = &gguf {
        let modelfile = export.write_gguf(file)?;
        print(|out| writeln!(out, "{}", file.display()))?;
        if let Modelfile::Kept { path } = modelfile {
            say(format_args!(
                "warning: {} is left as it is, and is not what this export would write: move it away to have one for {}",
                path.display(),
                file.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An older export may be replaced by a newer one, but not the model itself, nor a file of another kind.
fn check_replaced(file: &Path, source: &ModelSource) -> Result<()> {
    let shown = file.display();
    if let (ModelSource::Path(path), Ok(found)) = (source, file.canonicalize()) {
        let is_source = path.canonicalize().is_ok_and(|source| source == found);
        ensure!(!is_source, "--gguf {shown}: that is the model itself: expected another name");
    }
    let mut magic = [0; 4];
    let is_gguf = file.is_file() && {
        let read = fs_err::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
        read.is_ok() && magic == *b"GGUF"
    };
    ensure!(is_gguf, "--gguf {shown} is there already, and is no GGUF file: expected another name");
    Ok(())
}

/// A type of weights for a card.
fn in_words(weights: WeightType) -> &'static str {
    match weights {
        WeightType::F32 => "32-bit floats",
        WeightType::F16 => "16-bit floats",
        WeightType::Bf16 => "16-bit floats (bf16)",
        WeightType::Q8_0 => "8-bit integers with a scale for each 32 (q8_0)",
        WeightType::Q4_0 => "4-bit integers with a scale for each 32 (q4_0)",
        WeightType::Q4_1 => "4-bit integers with a scale and a minimum for each 32 (q4_1)",
    }
}
