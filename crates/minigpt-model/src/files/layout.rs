//! What other programs call a model's parameters and how they store them, as data.
//!
//! A [`Layout`] says it for files of one kind. By it, a parameter is made of one or more tensors of a file, its
//! [`Slice`]s: queries, keys and values, which are one matrix here, are three tensors in most files.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::matrix::TOGETHER;
use crate::model::config::GptConfig;
use crate::model::parameters::{Parameter, Role};

/// Names and storage of parameters in files of one kind.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Stands before each name but the head's; files of a model without its head may leave it out.
    pub(crate) prefix: &'static str,
    /// Stands before the number of a block.
    blocks: &'static str,
    /// Our layers with the names of what they are made of: one name for the whole layer, or one for each of its
    /// [columns](Parameter::columns). A layer that is not here is called as ours.
    layers: &'static [(&'static str, &'static [&'static str])],
    /// Whether the matrices inside the blocks are stored `[out, in]`, as PyTorch's linear layers are.
    pub(crate) is_transposed: bool,
    /// Whether the rows of queries and keys that turn together stand beside each other: row `i` of a head and
    /// row `i + head_size / 2` as rows `2i` and `2i + 1`.
    pub(crate) is_interleaved: bool,
}

/// transformers' `GPT2LMHeadModel`.
pub(crate) const GPT2: Layout = Layout {
    prefix: "transformer.",
    blocks: "h",
    layers: &[],
    is_transposed: false,
    is_interleaved: false,
};

/// nanoGPT's `GPT`.
pub(crate) const NANO_GPT: Layout = Layout { is_transposed: true, ..GPT2 };

/// transformers' `LlamaForCausalLM`, and those of Mistral, Qwen 2 and Qwen 3.
pub(crate) const LLAMA: Layout = Layout {
    prefix: "model.",
    blocks: "layers",
    layers: &[
        ("wte", &["embed_tokens"]),
        ("ln_1", &["input_layernorm"]),
        ("attn.c_attn", &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        ("attn.c_proj", &["self_attn.o_proj"]),
        ("attn.q_norm", &["self_attn.q_norm"]),
        ("attn.k_norm", &["self_attn.k_norm"]),
        ("ln_2", &["post_attention_layernorm"]),
        ("mlp.c_fc", &["mlp.gate_proj", "mlp.up_proj"]),
        ("mlp.c_proj", &["mlp.down_proj"]),
        ("ln_f", &["norm"]),
    ],
    is_transposed: true,
    is_interleaved: false,
};

/// llama.cpp's architecture `gpt2`.
pub(crate) const GGUF_GPT2: Layout = Layout {
    prefix: "",
    blocks: "blk",
    layers: &[
        ("wte", &["token_embd"]),
        ("wpe", &["position_embd"]),
        ("ln_1", &["attn_norm"]),
        ("attn.c_attn", &["attn_qkv"]),
        ("attn.c_proj", &["attn_output"]),
        ("ln_2", &["ffn_norm"]),
        ("mlp.c_fc", &["ffn_up"]),
        ("mlp.c_proj", &["ffn_down"]),
        ("ln_f", &["output_norm"]),
        ("lm_head", &["output"]),
    ],
    is_transposed: true,
    is_interleaved: false,
};

/// llama.cpp's architectures `qwen2` and `qwen3`.
pub(crate) const GGUF_QWEN: Layout = Layout {
    layers: &[
        ("wte", &["token_embd"]),
        ("ln_1", &["attn_norm"]),
        ("attn.c_attn", &["attn_q", "attn_k", "attn_v"]),
        ("attn.c_proj", &["attn_output"]),
        ("attn.q_norm", &["attn_q_norm"]),
        ("attn.k_norm", &["attn_k_norm"]),
        ("ln_2", &["ffn_norm"]),
        ("mlp.c_fc", &["ffn_gate", "ffn_up"]),
        ("mlp.c_proj", &["ffn_down"]),
        ("ln_f", &["output_norm"]),
        ("lm_head", &["output"]),
    ],
    ..GGUF_GPT2
};

/// llama.cpp's architecture `llama`, which is Mistral's too.
pub(crate) const GGUF_LLAMA: Layout = Layout { is_interleaved: true, ..GGUF_QWEN };

/// A tensor of a file, and what part of a parameter it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slice {
    /// Its name in the file.
    pub(crate) name: String,
    /// Its sizes in the file.
    pub(crate) shape: Vec<usize>,
    /// Its columns in the parameter.
    pub(crate) columns: Range<usize>,
    /// Rows and columns of the parameter; a vector has one row.
    parameter: [usize; 2],
    is_transposed: bool,
    /// The width of a head whose rows are interleaved.
    interleaved: Option<usize>,
}

impl Layout {
    /// The name of the tensor of the layer `lm_head`.
    pub(crate) fn head(&self) -> String {
        format!("{}.weight", self.parts("lm_head")[0])
    }

    /// The name of the tensor of the layer `wte`, without the prefix.
    pub(crate) fn embedding(&self) -> String {
        format!("{}.weight", self.parts("wte")[0])
    }

    /// What a layer is made of, each without the prefix and the block.
    pub(crate) fn parts(&self, layer: &'static str) -> Vec<&'static str> {
        let found = self.layers.iter().find(|(ours, _)| *ours == layer);
        found.map_or_else(|| vec![layer], |(_, parts)| parts.to_vec())
    }

    /// The tensors that a parameter is made of, in the order of its columns.
    pub(crate) fn slices(&self, config: &GptConfig, parameter: &Parameter) -> Vec<Slice> {
        let parts = self.parts(parameter.layer);
        let width = parameter.columns.iter().sum();
        let widths = match parts.len() == parameter.columns.len() {
            true => parameter.columns.clone(),
            false => vec![width],
        };
        let is_matrix = parameter.role.is_projection();
        let from = if parameter.shape.len() == 2 { parameter.shape[0] } else { 1 };
        let is_turned = self.is_interleaved && parameter.layer == "attn.c_attn";
        let mut start = 0;
        let slice = |(index, (part, width)): (usize, (&&str, usize))| {
            let columns = start..start + width;
            start = columns.end;
            let shape = match parameter.shape.len() {
                2 if is_matrix && self.is_transposed => vec![width, from],
                2 => vec![from, width],
                _ => vec![width],
            };
            Slice {
                name: self.name(parameter, part),
                shape,
                columns,
                parameter: [from, parameter.columns.iter().sum()],
                is_transposed: is_matrix && self.is_transposed,
                // Values are not turned.
                interleaved: (is_turned && index < 2).then(|| config.head_size()),
            }
        };
        parts.iter().zip(widths).enumerate().map(slice).collect()
    }

    fn name(&self, parameter: &Parameter, part: &str) -> String {
        let Self { prefix, blocks, .. } = self;
        let tensor = parameter.tensor;
        match parameter.block {
            Some(index) => format!("{prefix}{blocks}.{index}.{part}.{tensor}"),
            None if parameter.role == Role::Head => format!("{part}.{tensor}"),
            None => format!("{prefix}{part}.{tensor}"),
        }
    }
}

impl Slice {
    /// True where the file has the parameter as it is.
    pub(crate) fn is_whole(&self) -> bool {
        let [_, width] = self.parameter;
        self.columns == (0..width) && !self.is_transposed && self.interleaved.is_none()
    }

    /// Copies the tensor's values into the parameter's.
    pub(crate) fn put(&self, tensor: &[f32], parameter: &mut [f32]) {
        self.each(|in_tensor, in_parameter| parameter[in_parameter] = tensor[in_tensor]);
    }

    /// The tensor's values, of the parameter's.
    pub(crate) fn take(&self, parameter: &[f32]) -> Vec<f32> {
        let mut tensor = vec![0.0; self.shape.iter().product()];
        self.each(|in_tensor, in_parameter| tensor[in_tensor] = parameter[in_parameter]);
        tensor
    }

    /// Visits each value by its places in the tensor and in the parameter.
    fn each(&self, mut visit: impl FnMut(usize, usize)) {
        let [rows, width] = self.parameter;
        let columns = self.columns.len();
        for first in (0..columns).step_by(TOGETHER) {
            for row in 0..rows {
                for column in first..columns.min(first + TOGETHER) {
                    let theirs = self.theirs(column);
                    let in_tensor = if self.is_transposed {
                        theirs * rows + row
                    } else {
                        row * columns + theirs
                    };
                    visit(in_tensor, row * width + self.columns.start + column);
                }
            }
        }
    }

    /// The column as the file counts, of one as we count.
    fn theirs(&self, column: usize) -> usize {
        let Some(head_size) = self.interleaved else { return column };
        let (head, within, half) = (column / head_size, column % head_size, head_size / 2);
        head * head_size + 2 * (within % half) + within / half
    }
}
