//! From a sweep's file to its trials.

use std::collections::BTreeSet;

use minigpt_files::sha256;
use toml::Value;

use super::draw::Draw;
use super::error::SweepError;
use super::file::{Method, SweepFile};
use super::values::Values;
use crate::config::RunConfig;
use crate::config::overrides::by_name;
use crate::run::command::shell_word;

/// Most trials of a sweep.
const MOST_TRIALS: usize = 2000;

/// Bytes of a setting's name at most: it names folders.
const NAME: usize = 120;

/// Where the seed stands, of which a sweep has several.
const SEED: &str = "training.seed";

/// A sweep as it is planned: what its file says, and the settings that follow from it.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What it was told.
    pub file: SweepFile,
    /// What is tried.
    pub settings: Vec<Setting>,
}

/// What one or several trials, which differ in their seed, have in common.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The name, which the trials' folders begin with.
    pub name: String,
    /// Its variant, where there are several.
    pub variant: Option<String>,
    /// The variant's settings, by name.
    pub own: Vec<(String, Value)>,
    /// The settings that vary, by name.
    pub varied: Vec<(String, Value)>,
    /// The whole configuration, but for the seed.
    pub config: RunConfig,
}

/// One run of a sweep: a setting with a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Number of its setting.
    pub setting: usize,
    /// Its seed.
    pub seed: u64,
}

impl Sweep {
    /// Makes the settings that the file asks for, and checks each.
    ///
    /// # Errors
    /// [`SweepError`]: the file is refused before anything is trained.
    pub fn new(file: SweepFile) -> Result<Self, SweepError> {
        file.validate()?;
        let mut base = RunConfig::preset(&file.preset)?;
        if let Some(data) = &file.data {
            data.clone_into(&mut base.data.source);
            // What a preset's records are says nothing about others.
            base.data.lines = false;
        }
        base.data.valid = file.valid.clone().or(base.data.valid);
        let set = settings_of(&file.set)?;
        let mut base = base.with_settings(&set)?;
        if let Some(halving) = &file.halving {
            base.training.eval_every = halving.rungs.first().copied();
        }
        let mut settings = Vec::new();
        let mut names = BTreeSet::new();
        for Combination { variant, own, varied } in combinations(&file)? {
            let mut name = name_of(variant.as_deref(), &varied);
            if !names.insert(name.clone()) {
                name = format!("{name}-{}", digest(variant.as_deref(), &varied));
                names.insert(name.clone());
            }
            let mut config = base.with_settings(&own)?.with_settings(&varied)?;
            // A rung has a validation, whatever else is asked for.
            if let Some(halving) = &file.halving {
                config.training.eval_every = halving.rungs.first().copied();
            }
            let checked = config.validate();
            checked.map_err(|error| {
                let (name, error) = (name.clone(), Box::new(error));
                SweepError::Trial { name, error }
            })?;
            settings.push(Setting { name, variant, own, varied, config });
        }
        let trials = settings.len() as u128 * file.seeds.len() as u128;
        if trials > MOST_TRIALS as u128 {
            return Err(SweepError::TooMany { trials, most: MOST_TRIALS });
        }
        Ok(Self { file, settings })
    }

    /// The trials: all settings with the first seed, then all with the next.
    #[must_use]
    pub fn trials(&self) -> Vec<Trial> {
        let settings = 0..self.settings.len();
        let of_seed = |seed: &u64| {
            let seed = *seed;
            settings.clone().map(move |setting| Trial { setting, seed }).collect::<Vec<_>>()
        };
        self.file.seeds.iter().flat_map(of_seed).collect()
    }

    /// The name of a trial's run folder: its setting's name and its seed.
    #[must_use]
    pub fn folder_name(&self, trial: Trial) -> String {
        format!("{}-s{}", self.settings[trial.setting].name, trial.seed)
    }

    /// Whether the file says what the setting `key` is.
    #[must_use]
    pub fn sets(&self, setting: &Setting, key: &str) -> bool {
        let set = by_name(&self.file.set);
        set.iter().chain(setting.changes()).any(|(changed, _)| changed == key)
    }

    /// The command that trains with a setting, without a seed: who uses a winner has not chosen one.
    #[must_use]
    pub fn command(&self, setting: &Setting) -> String {
        let mut words =
            vec!["minigpt".to_owned(), "train".into(), "--preset".into(), self.file.preset.clone()];
        for (option, source) in [("--data", &self.file.data), ("--valid", &self.file.valid)] {
            if let Some(source) = source {
                words.extend([option.to_owned(), source.to_string()]);
            }
        }
        let set = by_name(&self.file.set);
        let is_changed = |key: &String| setting.changes().any(|(changed, _)| changed == key);
        let settings = set.iter().filter(|(key, _)| !is_changed(key)).chain(setting.changes());
        words.extend(settings.flat_map(|(key, value)| {
            ["--set".to_owned(), format!("{key}={}", in_a_command(value))]
        }));
        words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    }
}

impl Setting {
    /// All in which it differs from the sweep's base.
    fn changes(&self) -> impl Iterator<Item = &(String, Value)> {
        self.own.iter().chain(&self.varied)
    }

    /// In what it differs from the others, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let varied = self.varied.iter();
        let varied = varied.map(|(key, value)| format!("{key} = {}", in_a_command(value)));
        let words: Vec<String> = self.variant.clone().into_iter().chain(varied).collect();
        if words.is_empty() { "as it is".to_owned() } else { words.join(", ") }
    }
}

/// In what a setting differs.
#[derive(Clone, Debug, Default)]
struct Combination {
    variant: Option<String>,
    own: Vec<(String, Value)>,
    varied: Vec<(String, Value)>,
}

fn combinations(file: &SweepFile) -> Result<Vec<Combination>, SweepError> {
    let mut varied = Vec::new();
    for (key, values) in settings_of(&file.vary)? {
        varied.push((key.clone(), Values::of(&key, values)?));
    }
    let mut variants: Vec<Combination> = Vec::new();
    for (name, table) in &file.variants {
        let (variant, own) = (Some(name.clone()), settings_of(table)?);
        variants.push(Combination { variant, own, ..Combination::default() });
    }
    if variants.is_empty() {
        variants.push(Combination::default());
    }
    match (file.method, file.settings) {
        (Method::Random, Some(count)) => Ok(drawn(file.draw_seed, &variants, &varied, count)),
        _ => grid(variants, &varied),
    }
}

/// Every combination, the last setting of the file changing fastest.
fn grid(
    variants: Vec<Combination>,
    varied: &[(String, Values)],
) -> Result<Vec<Combination>, SweepError> {
    let mut lists = Vec::new();
    for (key, values) in varied {
        let expected = "steps, since method is grid: how many numbers of the range to try";
        let field = format!("vary.{key}");
        lists.push((key, values.all().ok_or(SweepError::Field { field, expected })?));
    }
    let count = lists.iter().fold(variants.len() as u128, |count, (_, values)| {
        count.saturating_mul(values.len() as u128)
    });
    if count > MOST_TRIALS as u128 {
        return Err(SweepError::TooMany { trials: count, most: MOST_TRIALS });
    }
    Ok(lists.into_iter().fold(variants, |combinations, (key, values)| {
        let with = |combination: Combination| {
            let with = |value: &Value| {
                let mut combination = combination.clone();
                combination.varied.push((key.clone(), value.clone()));
                combination
            };
            values.iter().map(with).collect::<Vec<_>>()
        };
        combinations.into_iter().flat_map(with).collect()
    }))
}

/// So many combinations, no two alike; fewer where there are no more.
fn drawn(
    seed: u64,
    variants: &[Combination],
    varied: &[(String, Values)],
    count: usize,
) -> Vec<Combination> {
    /// Draws for a combination that is not known yet.
    const TRIES: usize = 100;
    let mut draw = Draw::new(seed);
    let mut found: Vec<Combination> = Vec::new();
    let mut known = BTreeSet::new();
    for _ in 0..count.saturating_mul(TRIES) {
        if found.len() == count {
            break;
        }
        let mut one = variants[draw.index(variants.len())].clone();
        one.varied.extend(varied.iter().map(|(key, values)| (key.clone(), values.draw(&mut draw))));
        if known.insert(format!("{:?} {:?}", one.variant, one.varied)) {
            found.push(one);
        }
    }
    found
}

/// The settings of a table of the file, among which the seed has no place.
fn settings_of(table: &toml::Table) -> Result<Vec<(String, Value)>, SweepError> {
    let settings = by_name(table);
    match settings.iter().any(|(key, _)| key == SEED) {
        true => {
            let expected = "seeds = [1, 2, 3] at the top of the file instead";
            Err(SweepError::Field { field: SEED.to_owned(), expected })
        }
        false => Ok(settings),
    }
}

/// A value as `--set` takes it.
pub(super) fn in_a_command(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A name for people and for folders: the variant, and the last word of each setting with its value.
fn name_of(variant: Option<&str>, varied: &[(String, Value)]) -> String {
    let of_values = varied.iter().map(|(key, value)| {
        let word = key.rsplit('.').next().unwrap_or(key);
        format!("{word}={}", in_a_command(value))
    });
    let words: Vec<String> = variant.map(str::to_owned).into_iter().chain(of_values).collect();
    let name = if words.is_empty() { "base".to_owned() } else { words.join(",") };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._=,+-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches(['.', '-']);
    match name.len() > NAME || name.is_empty() {
        true => format!("{}-{}", &name[..name.len().min(NAME - 9)], digest(variant, varied)),
        false => name.to_owned(),
    }
}

/// Tells apart what a name cannot.
fn digest(variant: Option<&str>, varied: &[(String, Value)]) -> String {
    sha256(format!("{variant:?} {varied:?}"))[..8].to_owned()
}

#[cfg(test)]
mod tests;
