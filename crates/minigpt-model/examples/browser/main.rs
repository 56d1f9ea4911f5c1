//! A GPT that writes in the browser, over WebGPU. The README beside it says how to build and serve the page.

#[cfg(feature = "gpu")]
use burn::tensor::Device;
use minigpt_model::{Decoder, Gpt, Sampling};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Continues `prompt` by as many `tokens`, each of which `hear` is told as it is chosen. It waits for the
/// device without blocking, which a browser does not allow.
///
/// # Errors
/// A prompt that the model cannot continue, a policy that cannot be followed, or a device that fails.
pub async fn write(
    model: &Gpt,
    prompt: &[u32],
    tokens: usize,
    sampling: &Sampling,
    seed: u64,
    mut hear: impl FnMut(u32),
) -> Result<(), Box<dyn std::error::Error>> {
    sampling.validate()?;
    let start = prompt.len().saturating_sub(model.block_size());
    let mut decoder = Decoder::new(model, &[prompt[start..].to_vec()])?;
    let mut chances = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..tokens {
        let logits = decoder.logits_async().await?;
        let token = sampling.choose(&logits[0], chances.random())?;
        hear(token);
        decoder.push(&[token]);
    }
    Ok(())
}

/// The model of a `config.json` and a `model.safetensors`, on the browser's GPU.
///
/// # Errors
/// No WebGPU in this browser, or files that are no model.
#[cfg(feature = "gpu")]
pub async fn load(config: &[u8], weights: Vec<u8>) -> Result<Gpt, Box<dyn std::error::Error>> {
    let device: Device = Device::wgpu_options().init_async().await?;
    Ok(Gpt::from_bytes(config, weights, &device)?)
}

/// What the page's JavaScript sees.
#[cfg(all(target_family = "wasm", feature = "gpu"))]
mod page {
    use super::{Gpt, Sampling};
    use js_sys::Function;
    use minigpt_model::Draw;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = console, js_name = error)]
        fn log(message: &str);
    }

    /// A browser shows no panic by itself.
    #[wasm_bindgen(start)]
    fn log_panics() {
        std::panic::set_hook(Box::new(|info| log(&info.to_string())));
    }

    /// A model in the GPU's memory.
    #[wasm_bindgen]
    pub struct Model(Gpt);

    #[wasm_bindgen]
    impl Model {
        /// Loads the bytes of a `config.json` and a `model.safetensors`.
        pub async fn load(config: Vec<u8>, weights: Vec<u8>) -> Result<Model, JsError> {
            super::load(&config, weights).await.map(Model).map_err(error)
        }

        /// Calls `hear` with each of `tokens` token ids that follow `prompt`.
        pub async fn write(
            &self,
            prompt: Vec<u32>,
            tokens: usize,
            temperature: f64,
            seed: u32,
            hear: Function,
        ) -> Result<(), JsError> {
            let sampling = Sampling::Draw(Draw { temperature, top_k: Some(50), ..Draw::default() });
            let hear = |token: u32| {
                // An exception of the page's is the page's.
                let _ = hear.call1(&JsValue::NULL, &JsValue::from(token));
            };
            super::write(&self.0, &prompt, tokens, &sampling, seed.into(), hear)
                .await
                .map_err(error)
        }
    }

    fn error(error: Box<dyn std::error::Error>) -> JsError {
        JsError::new(&error.to_string())
    }
}
