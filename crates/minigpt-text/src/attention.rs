//! What each head attends to: recorded while a text is continued, and summed up over real text.

use minigpt_data::{Corpus, TokenSplit, Tokenizer, Windows};
use minigpt_model::{Decoder, GptRef, Sampling};
use serde::{Deserialize, Serialize};

use crate::error::TextError;

/// The attention of one head while the model read `time` tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttentionMap {
    /// Number of the block, from 0.
    pub layer: usize,
    /// Number of the head in its block, from 0.
    pub head: usize,
    /// Weights, `[time, time]`: a row per token that attends, which sums to one.
    pub weights: Vec<Vec<f32>>,
}

/// The step in which one token was chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttentionStep {
    /// What the model had read: the prompt and the tokens before this one.
    pub tokens: Vec<u32>,
    /// The token that it then found most probable.
    pub chosen: u32,
    /// The maps of all heads, block by block.
    pub maps: Vec<AttentionMap>,
}

/// Continues `prompt` greedily by `tokens` tokens and records every head at every one of them.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::{record_attention, write_attention_page};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let config = GptConfig::tiny(tokenizer.vocab_size());
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let steps = record_attention(&model, &tokenizer.encode("Once")?, 2)?;
/// assert_eq!(steps[1].maps.len(), config.n_layer * config.n_head);
///
/// let folder = tempfile::tempdir()?;
/// let page = folder.path().join("attention.html");
/// write_attention_page(&page, "Once", &steps, |id| tokenizer.token_label(id))?;
/// assert!(page.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TextError::Prompt`] where the model cannot continue the prompt, [`TextError::Recording`] where
/// prompt and continuation do not fit the context, [`TextError::Sampling`] where the logits are NaN or infinite.
pub fn record_attention<'a>(
    model: impl Into<GptRef<'a>>,
    prompt: &[u32],
    tokens: usize,
) -> Result<Vec<AttentionStep>, TextError> {
    let model = model.into();
    let block_size = model.block_size();
    Decoder::new(model, &[prompt.to_vec()])?;
    if prompt.len() + tokens > block_size + 1 {
        return Err(TextError::Recording { prompt: prompt.len(), tokens, block_size });
    }
    let mut seen = prompt.to_vec();
    let mut steps = Vec::with_capacity(tokens);
    for _ in 0..tokens {
        let (time, mut maps, mut last) = (seen.len(), Vec::new(), Vec::new());
        for (layer, block) in model.trace(&seen).enumerate() {
            maps.extend(maps_of(layer, &block.attention(), time));
            last = block.residual(time - 1..time);
        }
        let chosen = Sampling::Greedy.choose(&model.lens(&last), 0.0)?;
        steps.push(AttentionStep { tokens: seen.clone(), chosen, maps });
        seen.push(chosen);
    }
    Ok(steps)
}

/// Every head's map of one layer while the model reads a text; none where it has no such layer.
///
/// # Errors
/// [`TextError::Prompt`] where the model cannot read it: no token, too many, or an unknown id.
pub fn layer_attention<'a>(
    model: impl Into<GptRef<'a>>,
    tokens: &[u32],
    layer: usize,
) -> Result<Vec<AttentionMap>, TextError> {
    let model = model.into();
    Decoder::new(model, &[tokens.to_vec()])?; // which checks them
    let block = model.trace(tokens).nth(layer);
    let maps = block.map(|block| maps_of(layer, &block.attention(), tokens.len()).collect());
    Ok(maps.unwrap_or_default())
}

/// The maps of a block's heads, of `[n_head, time, time]`.
fn maps_of(
    layer: usize,
    weights: &[f32],
    time: usize,
) -> impl Iterator<Item = AttentionMap> + use<'_> {
    weights.chunks(time * time).enumerate().map(move |(head, map)| {
        let weights = map.chunks(time).map(<[f32]>::to_vec).collect();
        AttentionMap { layer, head, weights }
    })
}

/// What a head is found to do most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Habit {
    /// Attends to the token before.
    Previous,
    /// Attends to the token itself.
    Itself,
    /// Attends to the first token it sees.
    First,
    /// Attends to what followed the same token earlier ([Olsson et al.,
    /// 2022](https://arxiv.org/abs/2209.11895)).
    Induction,
    /// Nothing of these.
    Spread,
}

/// The habits of one head: mean attention on each target, over all tokens that have such a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadHabits {
    /// Number of the block, from 0.
    pub layer: usize,
    /// Number of the head in its block, from 0.
    pub head: usize,
    /// On the token before.
    pub previous: f64,
    /// On the token itself.
    pub itself: f64,
    /// On the first token, from the third token on, where it is neither of those.
    pub first: f64,
    /// On all tokens that followed an earlier occurrence of the token, where it has one before the
    /// token before.
    pub induction: f64,
    /// Entropy over its largest value, from 0 for a single target to 1 for all alike.
    pub spread: f64,
    /// The target with the most attention, if that is at least a tenth of it and three times what even
    /// attention would give it.
    pub habit: Habit,
}

/// Tokens of a window of the embedded corpus at most.
const EMBEDDED_WINDOW: usize = 256;

/// Windows of the embedded corpus's validation text, on which the habits of a model are measured that has no validation
/// text of its own: of its whole context, or of 256 tokens where that is longer.
///
/// # Errors
/// [`TextError::Data`].
pub fn embedded_windows(tokenizer: &Tokenizer, block_size: usize) -> Result<Windows, TextError> {
    let text = Corpus::embedded()?.valid;
    let text = TokenSplit::from_documents(tokenizer, &text, &mut |_| {})?;
    Ok(text.windows(block_size.min(EMBEDDED_WINDOW))?)
}

/// Least mean attention that makes a habit, and how many times that of even attention.
const LEAST: f64 = 0.1;
const TIMES: f64 = 3.0;

/// Measures every head's habits on up to `count` windows of a text, block by block.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::{embedded_windows, head_habits};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let config = GptConfig::tiny(tokenizer.vocab_size());
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let habits = head_habits(&model, &embedded_windows(&tokenizer, config.block_size)?, 4);
/// assert_eq!(habits.len(), config.n_layer * config.n_head);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn head_habits<'a>(
    model: impl Into<GptRef<'a>>,
    windows: &Windows,
    count: usize,
) -> Vec<HeadHabits> {
    let model = model.into();
    let n_head = model.config().n_head;
    let mut sums: Vec<HabitSums> = Vec::new();
    for number in 0..count.min(windows.len()) {
        let tokens = windows.get(number).inputs;
        for (layer, block) in model.trace(&tokens).enumerate() {
            for map in maps_of(layer, &block.attention(), tokens.len()) {
                let place = map.layer * n_head + map.head;
                sums.resize_with(sums.len().max(place + 1), HabitSums::default);
                (sums[place].layer, sums[place].head) = (map.layer, map.head);
                sums[place].add(&tokens, &map.weights);
            }
        }
    }
    sums.iter().map(HabitSums::means).collect()
}

/// Sum and number of what is averaged, and the sum that even attention would have.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    even: f64,
    number: usize,
}

impl Mean {
    fn add(&mut self, value: f64, even: f64) {
        self.sum += value;
        self.even += even;
        self.number += 1;
    }

    fn value(self) -> f64 {
        self.sum / self.number.max(1) as f64
    }

    fn is_habit(self) -> bool {
        self.value() >= LEAST && self.sum >= TIMES * self.even
    }
}

#[derive(Default)]
struct HabitSums {
    layer: usize,
    head: usize,
    previous: Mean,
    itself: Mean,
    first: Mean,
    induction: Mean,
    spread: Mean,
}

impl HabitSums {
    fn add(&mut self, tokens: &[u32], weights: &[Vec<f32>]) {
        for (at, row) in weights.iter().enumerate().skip(1) {
            let on = |key: usize| f64::from(row[key]);
            let even = 1.0 / (at + 1) as f64;
            self.previous.add(on(at - 1), even);
            self.itself.add(on(at), even);
            if at >= 2 {
                self.first.add(on(0), even);
            }
            // Tokens after earlier occurrences; the token before is a target of its own.
            let followers: Vec<usize> =
                (1..at.saturating_sub(1)).filter(|key| tokens[key - 1] == tokens[at]).collect();
            if !followers.is_empty() {
                let number = followers.len() as f64;
                self.induction.add(followers.into_iter().map(on).sum(), even * number);
            }
            let entropy: f64 = row[..=at]
                .iter()
                .filter(|weight| **weight > 0.0)
                .map(|weight| -f64::from(*weight) * f64::from(*weight).ln())
                .sum();
            self.spread.add(entropy / ((at + 1) as f64).ln(), 1.0);
        }
    }

    fn means(&self) -> HeadHabits {
        HeadHabits {
            layer: self.layer,
            head: self.head,
            previous: self.previous.value(),
            itself: self.itself.value(),
            first: self.first.value(),
            induction: self.induction.value(),
            spread: self.spread.value(),
            habit: self.habit(),
        }
    }

    fn habit(&self) -> Habit {
        let targets = [
            (Habit::Previous, self.previous),
            (Habit::Itself, self.itself),
            (Habit::First, self.first),
            (Habit::Induction, self.induction),
        ];
        let habits = targets.into_iter().filter(|(_, mean)| mean.is_habit());
        let largest = habits.max_by(|a, b| a.1.value().total_cmp(&b.1.value()));
        largest.map_or(Habit::Spread, |(habit, _)| habit)
    }
}

#[cfg(test)]
mod tests;
