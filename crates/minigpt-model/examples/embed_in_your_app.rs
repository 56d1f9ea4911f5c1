//! Uses the model crate alone, as another program would: build a model, learn one sentence byte by
//! byte with a hand-written gradient step, and let it recite.
//!
//! `cargo run --release -p minigpt-model --example embed_in_your_app`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use minigpt_model::{Generator, Gpt, GptConfig, Sampling};

const SENTENCE: &str = "The quick brown fox jumps over the lazy dog. ";

/// Plain gradient descent: what the crate leaves to you.
struct Descend<'a> {
    gradients: &'a Gradients,
    learning_rate: f64,
}

impl ModuleMapper for Descend<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad(self.gradients) else { return param };
        let learning_rate = self.learning_rate;
        param.map(|value| {
            let lower = value.inner() - gradient * learning_rate;
            Tensor::from_inner(lower).require_grad()
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let mut model = Gpt::init(&GptConfig::tiny(256), 1, &device)?;
    let bytes: Vec<i32> = SENTENCE.bytes().map(i32::from).collect();
    let row = |ids: &[i32]| {
        Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [1, ids.len()]), &device)
    };
    let (inputs, targets) = (row(&bytes[..31]), row(&bytes[1..32]));

    for step in 0..300 {
        let loss = model.loss_sum(inputs.clone(), targets.clone()) / 31.0;
        if step % 100 == 0 {
            println!("step {step}: {:.3} nats per byte", loss.clone().into_scalar::<f32>());
        }
        let gradients = loss.backward();
        model = model.map(&mut Descend { gradients: &gradients, learning_rate: 0.3 });
    }

    let model = model.valid();
    let prompt: Vec<u32> = b"The q".iter().map(|byte| u32::from(*byte)).collect();
    let generator = Generator::new(&model, &prompt, Sampling::Greedy, 0)?;
    let recited: Vec<u32> = generator.take(26).collect::<Result<_, _>>()?;
    let recited: Vec<u8> = recited.into_iter().map(|id| id as u8).collect();
    println!("The q{}", String::from_utf8_lossy(&recited));
    Ok(())
}
