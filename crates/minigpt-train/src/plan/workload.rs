//! What a proposal is made for.

use std::time::Duration;

use burn::tensor::Device;
use minigpt_model::GptConfig;

use crate::config::RunConfig;

/// What a plan reckons with: the sizes of the data, the model where it is given, and the device.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// Token ids.
    pub vocab_size: usize,
    /// Tokens of the training text.
    pub train_tokens: usize,
    /// Tokens of the held-out text.
    pub valid_tokens: usize,
    /// What a proposal changes the sizes of: its shape, optimizer and precision stay.
    pub recipe: &'a RunConfig,
    /// Positions; without it half as many as the model is wide, from 128 to 1024 and to what the texts have, or as the
    /// given one has.
    pub block_size: Option<usize>,
    /// The model, where it is given: its cost and its recipe are what is asked for then.
    pub model: Option<&'a GptConfig>,
    /// The device, which is measured.
    pub device: &'a Device,
    /// How long a measurement may take, about; there are up to three.
    pub measured_for: Duration,
}
