//! The parameters by name: what a model of a configuration is made of.

#[cfg(test)]
mod tests;

use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Tensor as StoredTensor;
use minigpt_files::Checksum;

use crate::files::weights::WeightsError;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;

impl GptConfig {
    /// Name and shape of each parameter, in the model's order. The names are those of GPT-2's
    /// published weights, as `h.0.attn.c_attn.weight`; projections are stored `[in, out]`.
    pub fn parameters(&self) -> impl Iterator<Item = (String, Vec<usize>)> {
        let (c, inner) = (self.n_embd, self.n_inner);
        let embeddings =
            [("wte.weight", vec![self.vocab_size, c]), ("wpe.weight", vec![self.block_size, c])];
        let of_block = move |index: usize| {
            let parameters = [
                ("ln_1.weight", vec![c]),
                ("ln_1.bias", vec![c]),
                ("attn.c_attn.weight", vec![c, 3 * c]),
                ("attn.c_attn.bias", vec![3 * c]),
                ("attn.c_proj.weight", vec![c, c]),
                ("attn.c_proj.bias", vec![c]),
                ("ln_2.weight", vec![c]),
                ("ln_2.bias", vec![c]),
                ("mlp.c_fc.weight", vec![c, inner]),
                ("mlp.c_fc.bias", vec![inner]),
                ("mlp.c_proj.weight", vec![inner, c]),
                ("mlp.c_proj.bias", vec![c]),
            ];
            parameters.map(|(name, shape)| (format!("h.{index}.{name}"), shape))
        };
        let last = [("ln_f.weight", vec![c]), ("ln_f.bias", vec![c])];
        let named = |(name, shape): (&str, _)| (name.to_owned(), shape);
        embeddings
            .map(named)
            .into_iter()
            .chain((0..self.n_layer).flat_map(of_block))
            .chain(last.map(named))
    }
}

impl Gpt {
    /// The parameters in the model's order, each read from the device when its bytes are asked for.
    pub(crate) fn stored_parameters(&self) -> Vec<StoredTensor> {
        self.collect(None, None, false)
    }

    /// SHA-256 of the model's own weights in hexadecimal, an adapter's left out.
    pub(crate) fn fingerprint(&self) -> Result<String, WeightsError> {
        let mut checksum = Checksum::default();
        for tensor in self.stored_parameters() {
            if tensor.name.contains(".lora.") {
                continue;
            }
            let name = tensor.name.clone();
            let bytes = tensor.into_bytes().map_err(|error| WeightsError::Write {
                path: name.into(),
                reason: error.to_string(),
            })?;
            checksum.update(&bytes[..]);
        }
        Ok(checksum.finish())
    }
}
