//! Small matrices that are moved together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::Flex;
use burn::module::{Module, ModuleVisitor, Param, ParamGroup};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use minigpt_ops::run_each;

use crate::optim::in_memory::{is_in_memory, memory};

/// Elements of the largest small matrix. On two cores, steps of the matrices of models up to 384 wide are a tenth to a third
/// faster together, and of a model 576 wide no longer.
const SMALL: usize = 1 << 19;

/// Updates small matrices in parallel, each on one thread, because their products are too short for several threads. burn's
/// optimiser asks [`Muon`](super::Muon) for one matrix at a time. So it steps twice: the first time small matrices wait and
/// come back as they were, and the second time each comes back updated.
#[derive(Clone, Debug)]
pub(crate) struct Together {
    /// What Muon moves.
    pub(super) matrices: ParamGroup,
    pub(super) waiting: Waiting,
}

/// Where small matrices wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    /// Each is moved when it comes.
    #[default]
    OneByOne,
    /// Each waits.
    Waiting(Vec<Step>),
    /// Each gets what it waited for, in the same order.
    Taken(VecDeque<[Tensor<2>; 2]>),
}

impl Stage {
    fn steps(self) -> Vec<Step> {
        match self {
            Self::Waiting(steps) => steps,
            _ => Vec::new(),
        }
    }
}

/// A matrix before a step by the processor's kernel.
#[derive(Debug)]
pub(crate) struct Step {
    pub(super) muon: minigpt_ops::Muon,
    pub(super) matrix: Tensor<2>,
    pub(super) gradient: Tensor<2>,
    pub(super) velocity: Tensor<2>,
}

impl Step {
    /// The matrix after the step, and the velocity.
    pub(super) fn taken(self) -> [Tensor<2>; 2] {
        let Self { muon, matrix, gradient, velocity } = self;
        let [_, columns] = matrix.dims();
        let [parameters, mut gradient, mut velocity] = [matrix, gradient, velocity].map(memory);
        let (moved, followed) = (gradient.storage_mut(), velocity.storage_mut());
        muon.update(columns, parameters.storage(), moved, followed);
        [gradient, velocity].map(Tensor::from_primitive::<Flex>)
    }
}

impl Waiting {
    /// The step back, where matrices do not wait.
    pub(super) fn join(&self, step: Step) -> Option<Step> {
        match &mut *self.stage() {
            Stage::Waiting(steps) => {
                steps.push(step);
                None
            }
            _ => Some(step),
        }
    }

    /// What `matrix`, the next one, waited for.
    pub(super) fn next_taken<const D: usize>(&self, matrix: &Tensor<D>) -> Option<[Tensor<2>; 2]> {
        match &mut *self.stage() {
            Stage::Taken(moved) if is_small(matrix) => {
                Some(moved.pop_front().expect("each small matrix waited in the first pass"))
            }
            _ => None,
        }
    }

    /// The stage before.
    fn put(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut *self.stage(), stage)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Together {
    /// A step of all weights.
    pub(crate) fn step<M: Module>(
        &self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        model: M,
        gradients: GradientsParams,
    ) -> M {
        let small = GradientsParams::new();
        let mut split = Split { matrices: &self.matrices, path: Vec::new(), small, gradients };
        model.visit(&mut split);
        let Split { small, gradients, .. } = split;
        self.waiting.put(Stage::Waiting(Vec::new()));
        let model = optimizer.step(rate.clone(), model, small);
        let steps = self.waiting.put(Stage::OneByOne).steps();
        self.waiting.put(Stage::Taken(run_each(steps, Step::taken).into()));
        let model = optimizer.step(rate, model, gradients);
        let rest = self.waiting.put(Stage::OneByOne);
        debug_assert!(matches!(rest, Stage::Taken(moved) if moved.is_empty()));
        model
    }
}

fn is_small<const D: usize>(matrix: &Tensor<D>) -> bool {
    matrix.shape().num_elements() <= SMALL && is_in_memory(matrix)
}

/// Takes the gradients of small matrices out of the others.
struct Split<'a> {
    matrices: &'a ParamGroup,
    path: Vec<String>,
    small: GradientsParams,
    gradients: GradientsParams,
}

impl ModuleVisitor for Split<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.matrices.matches(&param.id, Some(&self.path.join(".")))
            || !self.gradients.get::<D>(param.id).as_ref().is_some_and(is_small)
        {
            return;
        }
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.small.register(param.id, gradient);
            // burn steps only weights that have a gradient. The second pass does not read this one.
            self.gradients.register(param.id, param.val().inner());
        }
    }
}

#[cfg(test)]
mod tests;
