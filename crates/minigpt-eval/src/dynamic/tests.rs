//! Weights that move: what must hold of them, and one step against the same by burn's own SGD.

use burn::optim::SgdConfig;
use minigpt_data::CountedTokens;

use super::*;
use crate::bootstrap::Bootstrap;
use crate::evaluate::tests::{byte_text, prose, random_model};
use crate::evaluate::{EvalConfig, EvalReport, evaluate};
use crate::reader::Reader;

fn report(reader: Reader<'_>, stride: usize, text: &CountedTokens) -> EvalReport {
    let protocol = Protocol::windows(32, stride);
    let config = EvalConfig { protocol, batch_size: 3, bootstrap: Bootstrap::default() };
    evaluate(reader, text, &config, &mut |_| {}).unwrap()
}

fn rms(model: &Gpt, text: &CountedTokens, rate: f64, decay: f64) -> DynamicModel {
    let protocol = Protocol::disjoint(32);
    let scales = GradientScales::measure(model, text.split(), protocol, 9, &mut |_| {});
    DynamicModel::by_rms(scales.unwrap(), rate, decay)
}

#[test]
fn weights_that_hardly_move_are_the_model_and_those_that_move_learn_the_text() {
    let (model, text) = (random_model(1), byte_text(&[&prose()]));
    for stride in [32, 8] {
        let fixed = report((&model).into(), stride, &text).evaluation.nats;
        for still in [DynamicModel::by_sgd(&model, 1e-12, 0.0), rms(&model, &text, 1e-12, 0.0)] {
            let nats = report(still.into(), stride, &text).evaluation.nats;
            assert!((nats / fixed - 1.0).abs() < 1e-5, "{nats} is not {fixed}");
        }
        let sgd = report(DynamicModel::by_sgd(&model, 0.5, 0.0).into(), stride, &text);
        let rms = report(rms(&model, &text, 0.5, 0.0).into(), stride, &text);
        for moved in [&sgd, &rms] {
            assert!(moved.evaluation.nats < 0.95 * fixed, "{}", moved.evaluation.nats);
        }
        let name = rms.protocol.to_string();
        assert!(name.contains(", dynamic evaluation (rms, rate 0.5, decay 0)"), "{name}");
    }
}

/// All of the way back after each window is no way.
#[test]
fn a_decay_of_one_takes_everything_back_but_the_last_step() {
    let model = random_model(1);
    let mut moved = DynamicModel::by_sgd(&model, 0.002, 1.0);
    let texts: [&[u32]; 2] = [&[72, 101, 108, 108], &[1, 2, 3, 4]];
    let mut once = DynamicModel::by_sgd(&model, 0.002, 0.0);
    once.last_hidden(&[texts[1]], 2);
    once.learn(&[5, 6]);
    for text in texts {
        moved.last_hidden(&[text], 2);
        moved.learn(&[5, 6]);
    }
    // The second step was from the weights of the first, whose gradient differs a little.
    let [once, moved] = [&once, &moved].map(|dynamic| dynamic.model().hidden(&[7, 8, 9]));
    let original = GptRef::from(&model).hidden(&[7, 8, 9]);
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert!(apart(&moved, &once) < 0.3 * apart(&original, &once));
}

#[test]
fn a_step_by_sgd_is_burns() {
    let (model, text, targets) = (random_model(1), [72u32, 101, 108, 108], [108u32, 111]);
    let mut ours = DynamicModel::by_sgd(&model, 0.3, 0.0);
    ours.last_hidden(&[&text], 2);
    ours.learn(&targets);

    let theirs = differentiable(&model);
    let inputs = tensor(&[&text[..]], &device(&theirs));
    let wanted = Tensor::from_data([[IGNORE_INDEX, IGNORE_INDEX, 108, 111]], &device(&theirs));
    let loss = theirs.loss_sum(inputs, wanted) / 2.0;
    let gradients = GradientsParams::from_grads(loss.backward(), &theirs);
    let theirs = SgdConfig::new().init().step(0.3, theirs, gradients).valid();

    let [ours, theirs] =
        [ours.model(), GptRef::from(&theirs)].map(|model| model.hidden(&[7, 8, 9]));
    let original = GptRef::from(&model).hidden(&[7, 8, 9]);
    assert_ne!(ours, original);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} is not {theirs}");
    }
}

#[test]
fn a_rate_that_is_too_large_is_told() {
    let (model, text) = (random_model(1), byte_text(&[&prose()]));
    let protocol = Protocol::disjoint(32);
    let config = EvalConfig { protocol, batch_size: 3, bootstrap: Bootstrap::default() };
    let wild = Reader::from(DynamicModel::by_sgd(&model, 1e30, 0.0));
    let error = evaluate(wild, &text, &config, &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("dynamic evaluation: the loss is NaN or infinite after "), "{error}");
    assert!(error.contains("expected a learning rate below 1"), "{error}");
}
