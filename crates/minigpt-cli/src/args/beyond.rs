//! What `minigpt eval` is told of protocols beyond one model with fixed weights.

use clap::Args;
use minigpt_eval::{CacheConfig, DynamicConfig, DynamicRule};

/// More computing for a lower loss: other protocols, named in every table.
#[derive(Args, Debug)]
#[command(next_help_heading = "Neural cache and dynamic evaluation")]
pub(crate) struct BeyondArgs {
    /// Mix in a neural cache of the last TOKENS tokens read (Grave et al., 2016); without a number, 2,000 tokens
    #[arg(long, value_name = "TOKENS", num_args = 0..=1, default_missing_value = "2000")]
    pub(crate) cache: Option<usize>,
    /// The cache's share of the probability; the default was chosen on the first half of the embedded novels'
    /// held-out text
    #[arg(long, value_name = "SHARE", requires = "cache", default_value_t = 0.2)]
    pub(crate) cache_lambda: f64,
    /// Factor by which the cache multiplies the dot product of two positions' hidden states [default: 0.1 · √(128 / width of
    /// the widest model), such as 0.05 for 512]
    #[arg(long, value_name = "FACTOR", requires = "cache")]
    pub(crate) cache_theta: Option<f64>,
    /// Dynamic evaluation (Krause et al., 2018): after each predicted window, take a gradient step on it. The model's
    /// files do not change
    #[arg(long)]
    pub(crate) dynamic: bool,
    /// What a gradient is divided by: rms (its typical size on the run's training text) or sgd (nothing)
    #[arg(long, value_name = "RULE", requires = "dynamic", default_value = "rms")]
    pub(crate) dynamic_rule: DynamicRule,
    /// Learning rate of dynamic evaluation; the default was chosen on the same text as --cache-lambda
    #[arg(long, value_name = "RATE", requires = "dynamic", default_value_t = 0.1)]
    pub(crate) dynamic_rate: f64,
    /// After each window, pull the weights back by this part of their distance to the original weights
    #[arg(long, value_name = "PART", requires = "dynamic", default_value_t = 0.001)]
    pub(crate) dynamic_decay: f64,
}

impl BeyondArgs {
    /// The cache of a model so wide.
    pub(crate) fn cache(&self, width: usize) -> Option<CacheConfig> {
        let Self { cache, cache_lambda: lambda, cache_theta, .. } = *self;
        let theta = cache_theta.unwrap_or_else(|| CacheConfig::default_theta(width));
        cache.map(|tokens| CacheConfig { tokens, lambda, theta })
    }

    pub(crate) fn dynamic(&self) -> Option<DynamicConfig> {
        let Self { dynamic, dynamic_rule: rule, dynamic_rate: rate, dynamic_decay: decay, .. } =
            *self;
        dynamic.then_some(DynamicConfig { rule, rate, decay })
    }
}
