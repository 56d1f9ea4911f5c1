//! From the words of the command line to a configuration: preset, then file, then options.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use minigpt_data::{ChatTemplate, Source, Tokenizer, TokenizerSpec};
use minigpt_files::{Limit, is_file_name, read_text};
use minigpt_model::{GptConfig, LoraConfig};
use minigpt_train::{
    DataConfig, FinetuneConfig, FinetuneTask, RunConfig, RunFolder, TeacherConfig, TeacherModel,
};

use crate::args::{
    DataArgs, FileArgs, FinetuneArgs, PlanArgs, RecipeArgs, TeachingArgs, TextArgs, TrainArgs,
};
use crate::terminal::output::say;

/// A file of every setting there is has some kilobytes.
const SETTINGS: Limit = Limit::new(1 << 20, "a file of settings");

/// Bytes of a run's name: file systems take 255, and a run's pictures and exports have it in theirs.
const NAME: usize = 200;

/// The folder of a run that was given a name, in which no run may be yet.
pub(crate) fn named_run(runs: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = is_file_name(name) && !name.chars().any(char::is_control);
    ensure!(
        is_plain && name.len() <= NAME,
        "--name {:?}: expected the name of one folder, of 1 to {NAME} bytes, without /, \\ and control \
         characters, and not . or ..",
        name.chars().take(NAME).collect::<String>()
    );
    let path = runs.join(name);
    // Before the text is read, and in a dry run too.
    RunFolder::check_free(&path)?;
    Ok(path)
}

/// What `minigpt train` shall do.
pub(crate) fn of_train(args: &TrainArgs) -> Result<RunConfig> {
    let mut config = RunConfig::preset(&args.preset)?;
    if let Some(name) = &args.model {
        config.model = GptConfig::preset(name, config.model.vocab_size)?;
    }
    let mut config = with_file(config, &args.recipe)?;
    apply_text(&mut config.data, args.data.as_ref(), &args.text);
    config.training.teacher = teacher(&args.teaching)?.or(config.training.teacher);
    let config = with_recipe(config, &args.recipe)?;
    config.validate()?;
    Ok(config)
}

/// What was chosen for `minigpt train --minutes`, with what is said of the rest.
pub(crate) fn of_chosen(config: RunConfig, args: &TrainArgs) -> Result<RunConfig> {
    let config = with_recipe(config, &args.recipe)?;
    config.validate()?;
    Ok(config)
}

/// The runs that shall be learnt from.
fn teacher(args: &TeachingArgs) -> Result<Option<TeacherConfig>> {
    if args.teacher.is_empty() {
        return Ok(None);
    }
    let mut damaged =
        |error| say(format_args!("warning: {error}; the checkpoint before it is used"));
    let models = args.teacher.iter().map(|path| TeacherModel::at(path, &mut damaged));
    let models = models.collect::<Result<_, _>>()?;
    let (weight, temperature) = (args.teacher_weight, args.teacher_temperature);
    Ok(Some(TeacherConfig { models, weight, temperature }))
}

/// The settings of a run that goes on, with what is said of the rest.
///
/// The minutes after which it would have ended are those of the run before: more steps are asked for now.
pub(crate) fn of_continued(mut config: RunConfig, args: &RecipeArgs) -> Result<RunConfig> {
    config.training.max_minutes = None;
    with_recipe(config, args)
}

/// The ids that the model shall know, where `--set` or `--config` says so.
pub(crate) fn vocab_size(args: &TrainArgs) -> Result<Option<usize>> {
    const NOT_GIVEN: usize = 0;
    let mut config = RunConfig::preset(&args.preset)?;
    config.model.vocab_size = NOT_GIVEN;
    let config = with_recipe(with_file(config, &args.recipe)?, &args.recipe)?;
    Ok(Some(config.model.vocab_size).filter(|ids| *ids != NOT_GIVEN))
}

/// What `minigpt finetune` shall do, as far as it is known before the examples are read.
pub(crate) fn of_finetune(
    args: &FinetuneArgs,
    model: &GptConfig,
    template: Option<ChatTemplate>,
    tokenizer: TokenizerSpec,
) -> Result<RunConfig> {
    let mut finetune = FinetuneConfig::new(args.base.to_string(), args.task(), template);
    (finetune.fresh, finetune.skip_long) = (args.fresh, args.skip_long);
    (finetune.shorten_long, finetune.skip_bad) = (args.shorten_long, args.skip_bad);
    finetune.last_answer = args.last_answer;
    finetune.recipe = args.recipe_name;
    ensure!(
        args.pack.is_none()
            || matches!(args.task(), FinetuneTask::Instruct | FinetuneTask::Summarize),
        "--pack is for --task instruct and summarize: leave it out of --task {}",
        args.task()
    );
    let context = model.block_size;
    if let Some(pack) = args.pack {
        ensure!(
            (1..=context).contains(&pack),
            "--pack {pack}: expected 1 to {context}, the context of the model"
        );
    }
    finetune.pack = args.pack;
    ensure!(
        args.context.is_none() || args.task() == FinetuneTask::Lm,
        "--context is for --task lm, whose text is cut into windows: leave it out of --task {}",
        args.task()
    );
    finetune.context = args.context;
    check_recipe(args)?;
    ensure!(
        args.beta.is_none() || args.task() == FinetuneTask::Prefer,
        "--beta is for --task prefer: leave it out of --task {}",
        args.task()
    );
    finetune.beta = args.beta.or(finetune.beta);
    let is_one = args.data.len() == 1 && args.data[0].weight == 1.0;
    ensure!(
        is_one || args.task() != FinetuneTask::Lm,
        "--data: a text is one source without a weight; a folder or a pattern is several files of it"
    );
    if !is_one {
        finetune.sources.clone_from(&args.data);
    }
    let mut data = DataConfig::new(args.data[0].source.clone(), tokenizer);
    data.valid.clone_from(&args.valid);
    apply_file(&mut data, &args.file);
    finetune.lora = lora(args);
    let config = RunConfig::finetuning(model.clone(), data, finetune);
    with_recipe(with_file(config, &args.recipe)?, &args.recipe)
}

/// A recipe is for one task.
fn check_recipe(args: &FinetuneArgs) -> Result<()> {
    let Some(recipe) = args.recipe_name else { return Ok(()) };
    let (task, expected) = (args.task(), recipe.task());
    ensure!(
        task == expected,
        "--recipe {recipe} is for --task {expected}: leave --task {task} out"
    );
    Ok(())
}

/// The template that shall put examples, where one is named: by its name, or a file of Jinja.
pub(crate) fn template(
    args: &FinetuneArgs,
    of_base: Option<ChatTemplate>,
    tokenizer: &Tokenizer,
) -> Result<Option<ChatTemplate>> {
    let Some(name) = &args.template else { return Ok(of_base) };
    ensure!(
        matches!(args.task(), FinetuneTask::Instruct | FinetuneTask::Prefer),
        "--template is for --task instruct and prefer: leave it out of --task {}",
        args.task()
    );
    let path = Path::new(name);
    if !path.is_file() {
        return Ok(Some(ChatTemplate::from_name(name, tokenizer)?));
    }
    let source = read_text(path, SETTINGS)?;
    let tokens = match of_base.map(|template| template.tokens()).filter(|tokens| !tokens.is_empty())
    {
        Some(tokens) => tokens,
        None => ChatTemplate::tokens_of(tokenizer)?,
    };
    Ok(Some(ChatTemplate::from_jinja(&source, tokens, name)?))
}

/// The adapter that shall be trained.
pub(crate) fn lora(args: &FinetuneArgs) -> Option<LoraConfig> {
    let mut lora = match (args.recipe_name, args.lora) {
        (None, rank) => LoraConfig::new(rank?),
        (Some(recipe), None) => recipe.lora(),
        (Some(recipe), Some(rank)) => {
            let LoraConfig { dropout, .. } = recipe.lora();
            LoraConfig { dropout, ..LoraConfig::new(rank) }
        }
    };
    apply(&mut lora.alpha, &args.lora_alpha);
    lora.rank_stabilized = args.lora_rank_stabilized;
    apply(&mut lora.dropout, &args.lora_dropout);
    apply(&mut lora.targets, &args.lora_targets);
    apply(&mut lora.whole, &args.lora_whole);
    lora.dora = args.dora;
    if args.dora && args.lora_dropout.is_none() {
        lora.dropout = 0.0;
    }
    Some(lora)
}

/// The settings of `--config`.
fn with_file(config: RunConfig, args: &RecipeArgs) -> Result<RunConfig> {
    let Some(path) = &args.config else { return Ok(config) };
    let text = read_text(path, SETTINGS)?;
    config.with_toml(&text).with_context(|| path.display().to_string())
}

/// The settings of the other options, `--set` last.
fn with_recipe(mut config: RunConfig, args: &RecipeArgs) -> Result<RunConfig> {
    apply(&mut config.training.epochs, &args.epochs);
    apply(&mut config.training.batch_size, &args.batch_size);
    apply(&mut config.training.seed, &args.seed);
    apply(&mut config.training.skip_bad_steps, &args.skip_bad_steps);
    apply(&mut config.schedule.learning_rate, &args.learning_rate);
    apply(&mut config.sample.prompt, &args.prompt);
    if let Some(rate) = args.dropout {
        config.model = config.model.with_dropout(rate);
    }
    // Passes asked for here outrank the steps of a preset.
    let preset_steps = config.training.max_steps.filter(|_| args.epochs.is_none());
    config.training.max_steps = args.max_steps.or(preset_steps);
    config.training.max_minutes = args.max_minutes.or(config.training.max_minutes);
    config.training.eval_every = args.eval_every.or(config.training.eval_every);
    config.training.save_every = args.save_every.or(config.training.save_every);
    for setting in &args.set {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: expected KEY=VALUE, as training.seed=7"))?;
        config = config.with_setting(key.trim(), value.trim())?;
    }
    Ok(config)
}

/// What the commands under `minigpt data` look at.
pub(crate) fn of_data(args: &DataArgs) -> Result<RunConfig> {
    let mut config = RunConfig::preset(&args.preset)?;
    if let Some(name) = &args.model {
        config.model = GptConfig::preset(name, config.model.vocab_size)?;
    }
    apply_text(&mut config.data, args.source.as_ref(), &args.text);
    Ok(config)
}

/// What `minigpt plan` starts from.
pub(crate) fn of_plan(args: &PlanArgs) -> Result<RunConfig> {
    let mut config = RunConfig::preset(&args.preset)?;
    apply_text(&mut config.data, args.data.as_ref(), &args.text);
    Ok(config)
}

fn apply_text(config: &mut DataConfig, source: Option<&Source>, args: &TextArgs) {
    if let Some(source) = source {
        source.clone_into(&mut config.source);
        // What a preset's records are says nothing about others.
        config.lines = false;
    }
    apply(&mut config.text_field, &args.text_field);
    apply(&mut config.tokenizer, &args.tokenizer);
    apply_file(config, &args.file);
    config.lines |= args.lines;
    config.valid = args.valid.clone().or(config.valid.take());
}

fn apply_file(config: &mut DataConfig, args: &FileArgs) {
    config.lossy |= args.lossy;
    config.separator = args.separator.or(config.separator);
}

fn apply<T: Clone>(setting: &mut T, argument: &Option<T>) {
    if let Some(value) = argument {
        setting.clone_from(value);
    }
}

#[cfg(test)]
mod tests;
