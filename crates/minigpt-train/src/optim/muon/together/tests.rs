use burn::module::ParamId;
use burn::tensor::{Device, Int, TensorData};
use burn::train::TrainStep;
use minigpt_model::{Gpt, GptConfig};

use super::*;
use crate::config::{OptimizerConfig, OptimizerKind};
use crate::data::batches::TokenBatch;
use crate::optim::muon::Muon;
use crate::optim::optimizer::with_muon;
use crate::optim::trainee::Trainee;

/// Small matrices and large ones.
fn trainee(device: &Device) -> Trainee {
    let config = GptConfig::new(40, 8, 2, 2, 384).with_dropout(0.0);
    Trainee::new(Gpt::init(&config, 1, device).unwrap(), 1, 0.0)
}

fn batch(device: &Device) -> TokenBatch {
    let ids = |first: i32| {
        let ids: Vec<i32> = (first..first + 16).map(|id| id * 7 % 40).collect();
        Tensor::<2, Int>::from_data(TensorData::new(ids, [2, 8]), device)
    };
    TokenBatch::of_tokens(ids(0), ids(1), 16)
}

/// The bits of all weights after three steps, each from a checkpoint of the optimiser.
fn bits_after_steps(is_together: bool) -> Vec<(ParamId, Vec<u32>)> {
    let device = Device::flex().autodiff();
    let config = OptimizerConfig { kind: OptimizerKind::Muon, ..OptimizerConfig::default() };
    let (mut trainee, mut optimizer) = with_muon(trainee(&device), &config, Muon::new(0.1));
    trainee.together = trainee.together.filter(|_| is_together);
    for rate in [1e-2, 2e-2, 1e-3] {
        let gradients = TrainStep::step(&trainee, batch(&device)).grads;
        let record = optimizer.to_record();
        optimizer = optimizer.load_record(record);
        trainee = trainee.optimize(&mut optimizer, rate.into(), gradients);
    }
    let mut bits = Bits(Vec::new());
    trainee.visit(&mut bits);
    bits.0
}

struct Bits(Vec<(ParamId, Vec<u32>)>);

impl ModuleVisitor for Bits {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        assert!(param.val().is_require_grad());
        let bits = param.val().into_data().iter::<f32>().map(f32::to_bits).collect();
        self.0.push((param.id, bits));
    }
}

#[test]
fn together_and_one_by_one_are_the_same_to_the_bit() {
    let expected = bits_after_steps(false);
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| bits_after_steps(true)) == expected, "{threads} threads");
    }
}

#[test]
fn only_small_matrices_wait() {
    let device = Device::flex().autodiff();
    let config = OptimizerConfig { kind: OptimizerKind::Muon, ..OptimizerConfig::default() };
    let (trainee, _) = with_muon(trainee(&device), &config, Muon::new(0.1));
    let gradients = TrainStep::step(&trainee, batch(&device)).grads;
    let (all, together) = (gradients.len(), trainee.together.clone().unwrap());
    let (path, small) = (Vec::new(), GradientsParams::new());
    let mut split = Split { matrices: &together.matrices, path, small, gradients };
    trainee.visit(&mut split);
    // Two blocks with 384 by 1,152 and 384 by 384; the perceptron's have more than half a million elements.
    assert_eq!((split.small.len(), split.gradients.len()), (4, all));
}
