//! Which optimiser moves which weights.

use burn::module::ParamGroup;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdjustLrFn, ModuleOptimizer, MuonConfig};

use crate::config::{OptimizerConfig, OptimizerKind};
use crate::optim::adamw::FusedAdamW;

/// AdamW, with decay on the matrices only: a decayed bias or scale costs capacity and regularises
/// nothing. With Muon, the matrices inside the blocks are its.
pub(crate) fn optimizer(config: &OptimizerConfig) -> ModuleOptimizer {
    let adamw = |weight_decay: f32| FusedAdamW::new(config, weight_decay);
    let all = ModuleOptimizer::from(adamw(0.0));
    let matrices = group(r"(wte|wpe|c_attn|c_proj|c_fc|score)\.weight$");
    let all = all.with_group(matrices, adamw(config.weight_decay), None);
    match config.kind {
        OptimizerKind::AdamW => all,
        OptimizerKind::Muon => {
            let muon = MuonConfig::new()
                .with_weight_decay(Some(WeightDecayConfig::new(config.weight_decay)))
                .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW);
            all.with_group(group(r"(c_attn|c_proj|c_fc)\.weight$"), muon.build(), None)
        }
    }
}

fn group(pattern: &str) -> ParamGroup {
    ParamGroup::from_regex(pattern).expect("a regular expression that compiles")
}
