//! `minigpt models`: what of the hub's models is on this machine.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use minigpt_data::{CachedModel, Hub, HubModel, ModelSource};
use serde::Serialize;

use crate::args::{ModelsArgs, ModelsCommand};
use crate::load::model::fetch;
use crate::terminal::format::bytes;
use crate::terminal::output::{print, say};
use crate::terminal::table;

pub(crate) fn run(args: &ModelsArgs) -> Result<ExitCode> {
    match &args.command {
        None => list(args.json)?,
        Some(ModelsCommand::Fetch { model }) => {
            of_hub(model)?;
            let path = fetch(model)?;
            print(|out| writeln!(out, "{}", path.display()))?;
        }
        Some(ModelsCommand::Remove { models }) => remove(models)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What `--json` prints of a model.
#[derive(Serialize)]
struct Listed {
    model: String,
    bytes: u64,
}

fn list(is_json: bool) -> Result<()> {
    let hub = Hub::from_env();
    let models = hub.cached_models()?.into_iter();
    let listed = |CachedModel { model, bytes }| Listed { model: format!("hf:{model}"), bytes };
    let models: Vec<Listed> = models.map(listed).collect();
    if is_json {
        let json = serde_json::to_string_pretty(&models)?;
        return print(|out| writeln!(out, "{json}"));
    }
    let total = models.iter().map(|model| model.bytes).sum();
    let mut rows: Vec<Vec<String>> =
        models.into_iter().map(|model| vec![model.model, bytes(model.bytes)]).collect();
    let folder = hub.cache.unwrap_or_default();
    rows.push(vec![format!("in {}", folder.display()), bytes(total)]);
    print(|out| write!(out, "{}", table::text(&rows)))
}

fn remove(models: &[ModelSource]) -> Result<()> {
    let hub = Hub::from_env();
    for model in models {
        let model = of_hub(model)?;
        if let Some(revision) = &model.revision {
            bail!("hf:{model}: models are removed in all their revisions: leave @{revision} out");
        }
        let freed = hub.remove(model)?;
        say(format_args!("removed: hf:{model}, {}", bytes(freed)));
    }
    Ok(())
}

/// The model on the hub that was named.
fn of_hub(source: &ModelSource) -> Result<&HubModel> {
    match source {
        ModelSource::Hub(model) => Ok(model),
        ModelSource::Path(path) => bail!(
            "{} is no model of the hub: expected hf:OWNER/MODEL or hf:OWNER/MODEL/FILE.gguf",
            path.display()
        ),
    }
}
