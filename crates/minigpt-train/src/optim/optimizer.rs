//! Which optimiser moves which weights.

use burn::module::ParamGroup;
use burn::optim::ModuleOptimizer;
use burn::train::Learner;
use minigpt_model::{GptConfig, Role};

use crate::config::{OptimizerConfig, OptimizerKind};
use crate::optim::adamw::FusedAdamW;
use crate::optim::muon::Muon;
use crate::optim::schedule::Schedule;
use crate::optim::trainee::Trainee;

/// A learner whose weights are moved by AdamW, with decay on the matrices only. With Muon, the matrices inside the blocks are
/// its.
pub(crate) fn learner(
    trainee: Trainee,
    config: &OptimizerConfig,
    schedule: Schedule,
) -> Learner<Trainee> {
    let (trainee, optimizer) = with_muon(trainee, config, Muon::new(config.weight_decay));
    Learner::new(trainee, optimizer, schedule)
}

/// The parts of a learner with a Muon that is given.
pub(crate) fn with_muon(
    trainee: Trainee,
    config: &OptimizerConfig,
    muon: Muon,
) -> (Trainee, ModuleOptimizer) {
    let model = trainee.transformer.config().clone();
    let adamw = |weight_decay: f32| FusedAdamW::new(config, weight_decay);
    let all = ModuleOptimizer::from(adamw(0.0));
    let mut decayed = paths(&model, Role::decays);
    decayed.push("score.weight".to_owned());
    let decayed = ParamGroup::from_paths(decayed);
    let all = all.with_group(decayed, adamw(config.weight_decay), None);
    match config.kind {
        OptimizerKind::AdamW => (trainee, all),
        OptimizerKind::Muon => {
            let projections = ParamGroup::from_paths(paths(&model, Role::is_projection));
            let trainee = trainee.moved_together(muon.together(projections.clone()));
            (trainee, all.with_group(projections, muon, None))
        }
    }
}

/// The paths in a [`Trainee`] of the parameters whose role is as wanted.
fn paths(model: &GptConfig, is_wanted: impl Fn(Role) -> bool) -> Vec<String> {
    let wanted = model.parameters().filter(|parameter| is_wanted(parameter.role));
    wanted.map(|parameter| format!("transformer.{}", parameter.name)).collect()
}
