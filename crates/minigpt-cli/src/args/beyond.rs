//! What `minigpt eval` is told of protocols beyond one model with fixed weights.

use clap::Args;
use minigpt_eval::{CacheConfig, DynamicConfig, DynamicRule};

/// More computing for a lower loss: other protocols, named in every table.
#[derive(Args, Debug)]
#[command(next_help_heading = "Beyond one fixed model")]
pub(crate) struct BeyondArgs {
    /// Mix in a neural cache of the last tokens read (Grave et al., 2016): 2,000 where no number is given
    #[arg(long, value_name = "TOKENS", num_args = 0..=1, default_missing_value = "2000")]
    pub(crate) cache: Option<usize>,
    /// The cache's share of the probability; chosen on the first half of the embedded novels' held-out text
    #[arg(long, value_name = "SHARE", requires = "cache", default_value_t = 0.2)]
    pub(crate) cache_lambda: f64,
    /// How much the likeness of two places counts, times the product of their hidden states; chosen so too, for a model
    /// 128 wide
    #[arg(long, value_name = "FACTOR", requires = "cache", default_value_t = 0.1)]
    pub(crate) cache_theta: f64,
    /// Let the weights follow the text, window by window, after each was predicted (Krause et al., 2018). The model's
    /// files stay as they are
    #[arg(long)]
    pub(crate) dynamic: bool,
    /// What a gradient is divided by: rms (the size that it has in the run's training text) or sgd (nothing)
    #[arg(long, value_name = "RULE", requires = "dynamic", default_value = "rms")]
    pub(crate) dynamic_rule: DynamicRule,
    /// The learning rate; chosen on the same text
    #[arg(long, value_name = "RATE", requires = "dynamic", default_value_t = 0.1)]
    pub(crate) dynamic_rate: f64,
    /// The part of the way back to the weights as they were, after each window
    #[arg(long, value_name = "PART", requires = "dynamic", default_value_t = 0.001)]
    pub(crate) dynamic_decay: f64,
}

impl BeyondArgs {
    pub(crate) fn cache(&self) -> Option<CacheConfig> {
        let Self { cache, cache_lambda, cache_theta, .. } = *self;
        cache.map(|tokens| CacheConfig { tokens, lambda: cache_lambda, theta: cache_theta })
    }

    pub(crate) fn dynamic(&self) -> Option<DynamicConfig> {
        let Self { dynamic, dynamic_rule: rule, dynamic_rate: rate, dynamic_decay: decay, .. } =
            *self;
        dynamic.then_some(DynamicConfig { rule, rate, decay })
    }
}
