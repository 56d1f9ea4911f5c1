//! How a packed model gets its parameters: one after the other, in the order of the table.

use std::iter::Peekable;

use minigpt_ops::{CacheType, RotaryPairs};

use super::{Block, Linear, Norm, PackedGpt};
use crate::matrix::Matrix;
use crate::model::config::{GptConfig, Position};
use crate::model::parameters::Parameter;
use crate::model::rotary::frequencies;

/// The values of a parameter.
#[derive(Debug)]
pub(super) enum Values {
    /// For each of the parameter's columns a matrix, whose rows they are; a table of vectors as it is.
    Matrices(Vec<Matrix>),
    /// A bias, or what normalised vectors are scaled and shifted by.
    Vector(Vec<f32>),
}

/// Gives a parameter its values.
type Source<'a, E> = dyn FnMut(&Parameter) -> Result<Values, E> + 'a;

/// Hands each of a configuration's [parameters](GptConfig::parameters) to the layer that it belongs to.
struct Assembly<'a, E> {
    config: &'a GptConfig,
    parameters: Peekable<Box<dyn Iterator<Item = Parameter> + 'a>>,
    source: Box<Source<'a, E>>,
}

impl PackedGpt {
    /// The model of `config` with the parameters that `source` gives, asked for in the order of
    /// [`GptConfig::parameters`].
    pub(super) fn assemble<E>(
        config: &GptConfig,
        pairs: RotaryPairs,
        source: impl FnMut(&Parameter) -> Result<Values, E>,
    ) -> Result<Self, E> {
        let parameters: Box<dyn Iterator<Item = Parameter>> = Box::new(config.parameters());
        let mut parts =
            Assembly { config, parameters: parameters.peekable(), source: Box::new(source) };
        Ok(Self {
            wte: parts.table("wte")?.expect("a token embedding"),
            wpe: parts.table("wpe")?,
            blocks: (0..config.n_layer)
                .map(|index| parts.block(index))
                .collect::<Result<_, E>>()?,
            ln_f: parts.norm("ln_f")?.expect("a last normalisation"),
            lm_head: parts.table("lm_head")?,
            frequencies: match config.position {
                Position::Learned => Vec::new(),
                Position::Rotary(rotary) => frequencies(rotary, config.head_size()),
            },
            pairs,
            tokenizer_size: config.vocab_size,
            config: config.clone(),
            cache_type: CacheType::default(),
            adapter: None,
        })
    }
}

impl<E> Assembly<'_, E> {
    fn next(&mut self, layer: &str, tensor: &str) -> Result<Option<(Parameter, Values)>, E> {
        let name = format!("{layer}.{tensor}");
        match self.parameters.next_if(|next| next.name == name) {
            Some(parameter) => {
                let values = (self.source)(&parameter)?;
                Ok(Some((parameter, values)))
            }
            None => Ok(None),
        }
    }

    fn vector(&mut self, layer: &str, tensor: &str) -> Result<Option<Vec<f32>>, E> {
        Ok(match self.next(layer, tensor)? {
            Some((_, Values::Vector(values))) => Some(values),
            Some((_, Values::Matrices(_))) => unreachable!("{layer}.{tensor} is a vector"),
            None => None,
        })
    }

    fn matrices(&mut self, layer: &str) -> Result<Option<Vec<Matrix>>, E> {
        Ok(match self.next(layer, "weight")? {
            Some((_, Values::Matrices(matrices))) => Some(matrices),
            Some((_, Values::Vector(_))) => unreachable!("{layer} is a matrix"),
            None => None,
        })
    }

    fn table(&mut self, layer: &str) -> Result<Option<Matrix>, E> {
        Ok(self.matrices(layer)?.map(|mut matrices| matrices.remove(0)))
    }

    fn norm(&mut self, layer: &str) -> Result<Option<Norm>, E> {
        let Some(weight) = self.vector(layer, "weight")? else { return Ok(None) };
        let bias = self.vector(layer, "bias")?;
        Ok(Some(Norm { weight, bias, config: self.config.norm }))
    }

    /// The layers that stand side by side in one of the model's.
    fn linears(&mut self, layer: &str) -> Result<Vec<Linear>, E> {
        let matrices = self.matrices(layer)?.expect("a matrix");
        let bias = self.vector(layer, "bias")?;
        let mut start = 0;
        let linear = |weight: Matrix| {
            let columns = start..start + weight.rows();
            start = columns.end;
            Linear { weight, bias: bias.as_ref().map(|bias| bias[columns].to_vec()) }
        };
        Ok(matrices.into_iter().map(linear).collect())
    }

    fn linear(&mut self, layer: &str) -> Result<Linear, E> {
        Ok(self.linears(layer)?.remove(0))
    }

    fn block(&mut self, index: usize) -> Result<Block, E> {
        let name = |part: &str| format!("h.{index}.{part}");
        let divisor = match self.config.scale_attn_by_inverse_layer_idx {
            true => index + 1,
            false => 1,
        };
        let ln_1 = self.norm(&name("ln_1"))?.expect("a normalisation");
        let qkv = self.linears(&name("attn.c_attn"))?;
        Ok(Block {
            ln_1,
            qkv: qkv.try_into().expect("queries, keys and values"),
            attn_proj: self.linear(&name("attn.c_proj"))?,
            q_norm: self.norm(&name("attn.q_norm"))?,
            k_norm: self.norm(&name("attn.k_norm"))?,
            scale: 1.0 / (divisor as f64 * (self.config.head_size() as f64).sqrt()) as f32,
            ln_2: self.norm(&name("ln_2"))?.expect("a normalisation"),
            fc: self.linears(&name("mlp.c_fc"))?,
            mlp_proj: self.linear(&name("mlp.c_proj"))?,
        })
    }
}
