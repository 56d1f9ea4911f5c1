//! Which optimiser moves which weights.

use burn::module::ParamGroup;
use burn::optim::ModuleOptimizer;
use minigpt_model::{GptConfig, Role};

use crate::config::{OptimizerConfig, OptimizerKind};
use crate::optim::adamw::FusedAdamW;
use crate::optim::muon::Muon;

/// AdamW, with decay on the matrices only. With Muon, the matrices inside the blocks are its.
pub(crate) fn optimizer(config: &OptimizerConfig, model: &GptConfig) -> ModuleOptimizer {
    with_muon(config, model, Muon::new(config.weight_decay))
}

/// The same with a Muon that is given.
pub(crate) fn with_muon(
    config: &OptimizerConfig,
    model: &GptConfig,
    muon: Muon,
) -> ModuleOptimizer {
    let adamw = |weight_decay: f32| FusedAdamW::new(config, weight_decay);
    let all = ModuleOptimizer::from(adamw(0.0));
    let mut decayed = paths(model, Role::decays);
    decayed.push("score.weight".to_owned());
    let decayed = ParamGroup::from_paths(decayed);
    let all = all.with_group(decayed, adamw(config.weight_decay), None);
    match config.kind {
        OptimizerKind::AdamW => all,
        OptimizerKind::Muon => {
            let projections = ParamGroup::from_paths(paths(model, Role::is_projection));
            all.with_group(projections, muon, None)
        }
    }
}

/// The paths in a [`Trainee`](super::trainee::Trainee) of the parameters whose role is as wanted.
fn paths(model: &GptConfig, is_wanted: impl Fn(Role) -> bool) -> Vec<String> {
    let wanted = model.parameters().filter(|parameter| is_wanted(parameter.role));
    wanted.map(|parameter| format!("transformer.{}", parameter.name)).collect()
}
