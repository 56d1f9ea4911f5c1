//! `minigpt attention`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use minigpt_plot::{Heatmap, draw_heatmaps};
use minigpt_text::{
    AttentionMap, AttentionPicture, AttentionStep, HeadHabits, Prompt, SavedAttention,
    embedded_windows, head_habits, record_attention, write_attention_page,
};
use serde::Serialize;

use crate::args::AttentionArgs;
use crate::load::model::LoadedModel;
use crate::load::tokens;
use crate::terminal::output::print;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    files: Vec<PathBuf>,
    habits: Vec<HeadHabits>,
    /// Each chosen token, with the maps that were drawn.
    steps: Vec<AttentionStep>,
}

pub(crate) fn run(args: &AttentionArgs) -> Result<ExitCode> {
    let trained = LoadedModel::open(&args.source, &args.model)?;
    let config = trained.config();
    if let Some(layer) = args.layer {
        let n_layer = config.n_layer;
        ensure!(layer < n_layer, "--layer {layer}: expected 0 to {}", n_layer - 1);
    }
    if let Some(head) = args.head {
        let n_head = config.n_head;
        ensure!(head < n_head, "--head {head}: expected 0 to {}", n_head - 1);
    }
    let tokenizer = &trained.tokenizer;
    let prompt = Prompt::of_text(tokenizer, &args.prompt)?;
    let steps = record_attention(&trained.model, prompt.ids(), args.tokens as usize)?;

    let folder = args.out.clone().unwrap_or_else(|| trained.folder_for("attention"));
    fs_err::create_dir_all(&folder)?;
    let label = |id: u32| tokenizer.token_label(id);
    let is_drawn = |map: &AttentionMap| {
        args.layer.is_none_or(|layer| map.layer == layer)
            && args.head.is_none_or(|head| map.head == head)
    };
    let (mut files, mut pictures) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        let labels: Vec<String> = step.tokens.iter().map(|id| label(*id)).collect();
        let maps: Vec<Heatmap<'_>> =
            step.maps.iter().filter(|map| is_drawn(map)).map(heatmap).collect();
        let columns = if maps.len() == 1 { 1 } else { config.n_head };
        let title = format!(
            "{}, token {} of {}: “{}” after “{}”",
            trained.name(),
            number + 1,
            steps.len(),
            label(step.chosen),
            labels.concat(),
        );
        let file = picture_name(number + 1, args);
        let path = folder.join(&file);
        draw_heatmaps(&path, &title, &labels, &maps, columns)?;
        files.push(path);
        let (chosen, after) = (label(step.chosen), labels.concat());
        pictures.push(AttentionPicture { file, chosen, after });
    }
    let path = folder.join("attention.html");
    let title = format!("{}: {}", trained.name(), args.prompt);
    write_attention_page(&path, &title, &steps, label)?;
    files.push(path);

    let saved = SavedAttention {
        command: std::env::args().collect(),
        prompt: args.prompt.clone(),
        pictures,
        habits: habits(&trained, args)?,
    };
    saved.save(&folder)?;
    let habits = saved.habits;
    if args.json {
        let mut steps = steps;
        steps.iter_mut().for_each(|step| step.maps.retain(is_drawn));
        let json = serde_json::to_string(&Report { files, habits, steps })?;
        print(|out| writeln!(out, "{json}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_habits(&habits)?;
    print(|out| files.iter().try_for_each(|file| writeln!(out, "{}", file.display())))?;
    Ok(ExitCode::SUCCESS)
}

fn heatmap(map: &AttentionMap) -> Heatmap<'_> {
    Heatmap { layer: map.layer, head: map.head, weights: &map.weights }
}

/// `token-1.png`, with the layer and the head where they were chosen.
fn picture_name(number: usize, args: &AttentionArgs) -> String {
    let layer = args.layer.map(|layer| format!("-layer-{layer}")).unwrap_or_default();
    let head = args.head.map(|head| format!("-head-{head}")).unwrap_or_default();
    format!("token-{number}{layer}{head}.png")
}

/// What each head does on the run's own validation text, or for a model of no run on the embedded one.
fn habits(trained: &LoadedModel, args: &AttentionArgs) -> Result<Vec<HeadHabits>> {
    if args.windows == 0 {
        return Ok(Vec::new());
    }
    let block_size = trained.config().block_size;
    let windows = match trained.run() {
        None => embedded_windows(&trained.tokenizer, block_size)?,
        Some(run) => {
            let store = tokens::prepare(&run.config()?.data, args.cache.as_deref())?;
            store.valid().windows(block_size)?
        }
    };
    Ok(head_habits(&trained.model, &windows, args.windows))
}

fn print_habits(habits: &[HeadHabits]) -> Result<()> {
    if habits.is_empty() {
        return Ok(());
    }
    let mut table = "layer  head  previous  itself  first  induction  spread  habit\n".to_owned();
    for head in habits {
        let HeadHabits { layer, head, previous, itself, first, induction, spread, habit } = *head;
        let habit = serde_json::to_value(habit)?;
        table += &format!(
            "{layer:5}  {head:4}  {previous:8.3}  {itself:6.3}  {first:5.3}  {induction:9.3}  {spread:6.3}  {}\n",
            habit.as_str().unwrap_or_default(),
        );
    }
    print(|out| writeln!(out, "{table}"))
}
