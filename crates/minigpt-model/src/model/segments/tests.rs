use std::sync::PoisonError;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};

use super::*;
use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
};
use crate::model::gpt::Gpt;
use crate::ops::tests::GENERATOR;

/// One that is long beside short ones, of several classes of lengths.
const LENGTHS: [usize; 7] = [7, 3, 1, 12, 9, 1, 2];

fn configs() -> [GptConfig; 3] {
    let gpt2 = GptConfig { block_size: 32, ..GptConfig::tiny(61) }.with_dropout(0.0);
    let llama = GptConfig {
        n_kv_head: Some(2),
        mlp: MlpKind::Swiglu,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig::NONE,
        ..gpt2.clone()
    };
    // Without the kernel that turns and attends in one.
    let divided = GptConfig { scale_attn_by_inverse_layer_idx: true, ..llama.clone() };
    [gpt2, llama, divided]
}

fn example(number: usize) -> Vec<i32> {
    (0..=LENGTHS[number]).map(|at| ((at * at + 7 * number + 3) % 61) as i32).collect()
}

fn tensor(rows: &[Vec<i32>], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), rows[0].len()]), device)
}

/// Inputs and targets of some examples in a row of 24, padded.
fn packed(numbers: &[usize], device: &Device) -> [Tensor<2, Int>; 2] {
    let row = |part: fn(&[i32]) -> &[i32], fill: i32| {
        let mut row: Vec<i32> =
            numbers.iter().flat_map(|number| part(&example(*number)).to_vec()).collect();
        row.resize(24, fill);
        tensor(&[row], device)
    };
    [row(|ids| &ids[..ids.len() - 1], 0), row(|ids| &ids[1..], crate::IGNORE_INDEX)]
}

/// The norm of each gradient.
struct Norms<'a>(&'a GradientsParams, Vec<f32>);

impl ModuleVisitor for Norms<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id);
        self.1.push(gradient.map_or(0.0, |found| found.square().sum().sqrt().into_scalar::<f32>()));
    }
}

fn norms(model: &Gpt, gradients: &GradientsParams) -> Vec<f32> {
    let mut norms = Norms(gradients, Vec::new());
    model.visit(&mut norms);
    norms.1
}

fn spread_tokens(lengths: Vec<Vec<usize>>, time: usize) -> usize {
    let apart = Segments::new(lengths, time).apart(&Device::flex());
    let x = Tensor::<3>::zeros([1, apart.places.dims()[0], 1], &Device::flex());
    let mut tokens = 0;
    apart.each(x, |part| {
        let [rows, longest, _] = part.dims();
        tokens += rows * longest;
        part
    });
    tokens
}

/// Attention sees at most twice the tokens, whatever stands beside a long example.
#[test]
fn short_examples_beside_a_long_one_take_short_rows() {
    let short = vec![1; 32];
    assert_eq!(spread_tokens(vec![vec![32], short], 32), 64);
    assert_eq!(spread_tokens(vec![vec![8, 5, 4, 3, 2, 1]], 23), 8 + 8 + 4 + 4 + 2 + 1);
    for long in 1..=70 {
        let lengths: Vec<usize> = (1..=long).collect();
        let all = lengths.iter().sum();
        assert!(spread_tokens(vec![lengths], all) < 2 * all, "up to {long}");
    }
}

/// Two rows of examples, and each example by itself: the losses are equal, and so are the gradients.
#[test]
fn examples_in_a_row_are_as_each_by_itself() {
    let device = Device::flex().autodiff();
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    for config in configs() {
        let model = Gpt::init(&config, 5, &device).unwrap();
        let mut apart = GradientsAccumulator::new();
        let mut expected = 0.0;
        for number in 0..LENGTHS.len() {
            let ids = example(number);
            let inputs = tensor(&[ids[..ids.len() - 1].to_vec()], &device);
            let targets = tensor(&[ids[1..].to_vec()], &device);
            let loss = model.loss_sum(inputs, targets);
            apart.accumulate(&model, GradientsParams::from_grads(loss.backward(), &model));
            expected += loss.into_scalar::<f32>();
        }
        let expected_norms = norms(&model, &apart.grads());

        let rows = [vec![0, 3, 1], vec![4, 2, 5, 6]];
        let [first, second] = [0, 1].map(|row: usize| packed(&rows[row], &device));
        let inputs = Tensor::cat(vec![first[0].clone(), second[0].clone()], 0);
        let targets = Tensor::cat(vec![first[1].clone(), second[1].clone()], 0);
        let lengths = rows.map(|row| row.iter().map(|number| LENGTHS[*number]).collect());
        let segments = Segments::new(lengths, 24);
        let hidden = model.hidden_of(inputs.clone(), Some(&segments));
        let loss = model.loss_of_hidden(hidden, None, targets.clone(), 0.0).objective;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let found = loss.into_scalar::<f32>();
        assert!((found - expected).abs() < 1e-5 * expected, "{found} is not {expected}");
        for (a, b) in norms(&model, &gradients).iter().zip(&expected_norms) {
            assert!((a - b).abs() <= 1e-4 * b.max(1e-3), "a gradient of {a} is not {b}");
        }

        let mut by_block = GradientsAccumulator::new();
        let objective = |hidden| {
            let loss = model.loss_of_hidden(hidden, None, targets, 0.0).objective;
            (loss.clone(), loss.inner().into_scalar::<f32>())
        };
        let found = model.backward_by_block(inputs, Some(&segments), objective, |part| {
            by_block.accumulate(&model, GradientsParams::from_grads(part, &model));
        });
        assert!((found - expected).abs() < 1e-5 * expected, "{found} is not {expected}");
        for (a, b) in norms(&model, &by_block.grads()).iter().zip(&expected_norms) {
            assert!((a - b).abs() <= 1e-4 * b.max(1e-3), "a gradient of {a} is not {b}");
        }
    }
}
