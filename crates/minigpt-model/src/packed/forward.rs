//! The forward pass over rows of numbers, as [`Gpt`](crate::Gpt)'s over tensors.

use minigpt_ops::quantized::{Product, linears};
use minigpt_ops::{
    Heads, KeyValues, Reading, RowStatistics, add_branch, cached_attention, exact_gelu, gelu,
    layer_norm, rms_norm, rotate, silu_gate,
};

use super::adapter::{AdaptedRows, Place};
use super::cache::PackedCache;
use super::{Block, Linear, Norm, PackedGpt, TextInput};
use crate::model::config::{MlpKind, NormKind};

/// Tokens that go through the model together at most: few enough that what is computed of them needs little memory, enough
/// that weights are read seldom.
const TOKENS_AT_ONCE: usize = 256;

/// Some tokens of one text, rows of a chunk.
struct Span<'a> {
    tokens: &'a [u32],
    cache: &'a mut PackedCache,
}

/// The cosines and sines of a chunk's positions, `[rows, head_size / 2]` each; empty where nothing turns.
pub(super) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// What stands beside the matrices of a block, for some rows.
pub(super) struct Beside<'a> {
    pub(super) block: usize,
    pub(super) rows: &'a [AdaptedRows],
    /// Rows of the chunk.
    pub(super) chunk: usize,
}

impl PackedGpt {
    /// Reads the tokens of several texts, and gives the residual stream after the last `wanted` tokens of each,
    /// `[wanted of all, n_embd]`.
    ///
    /// # Panics
    /// As [`forward_after`](Self::forward_after).
    pub(super) fn read(&self, texts: &mut [TextInput<'_>], wanted: &[usize]) -> Vec<f32> {
        assert_eq!(texts.len(), wanted.len(), "a number of wanted tokens for each text");
        for (TextInput { tokens, cache }, wanted) in texts.iter_mut().zip(wanted) {
            assert!(!tokens.is_empty() && *wanted <= tokens.len(), "fewer tokens than are wanted");
            let len = cache.len + tokens.len();
            assert!(len <= self.config.block_size, "{len} tokens exceed the context");
            let is_known = |id: &u32| (*id as usize) < self.config.vocab_size;
            assert!(tokens.iter().all(is_known), "an id that is not in the vocabulary");
            let (n_kv_head, head_size) = (self.config.n_kv_head(), self.config.head_size());
            cache.prepare(self.blocks.len(), n_kv_head, head_size);
        }
        let n_embd = self.config.n_embd;
        let mut stream = vec![Vec::new(); texts.len()];
        let mut next = vec![0; texts.len()];
        loop {
            let (mut spans, mut places) = (Vec::new(), Vec::new());
            let mut room = TOKENS_AT_ONCE;
            for (place, (TextInput { tokens, cache }, next)) in
                texts.iter_mut().zip(&mut next).enumerate()
            {
                let len = room.min(tokens.len() - *next);
                if len > 0 {
                    spans.push(Span { tokens: &tokens[*next..][..len], cache });
                    *next += len;
                    room -= len;
                    places.push((place, *next, len));
                }
            }
            if spans.is_empty() {
                return stream.concat();
            }
            let x = self.read_chunk(&mut spans);
            let mut rest = &x[..];
            for (place, end, len) in places {
                let (rows, others) = rest.split_at(len * n_embd);
                rest = others;
                // Of the rows before `end`, those that are among the last.
                let first = texts[place].tokens.len().saturating_sub(wanted[place]);
                let skipped = first.saturating_sub(end - len).min(len);
                stream[place].extend_from_slice(&rows[skipped * n_embd..]);
            }
        }
    }

    /// `[rows, n_embd]` after all blocks.
    fn read_chunk(&self, spans: &mut [Span<'_>]) -> Vec<f32> {
        let mut positions = Vec::new();
        let mut x = Vec::new();
        let mut adapted: Vec<AdaptedRows> = Vec::new();
        for Span { tokens, cache } in &mut *spans {
            if let Some(adapter) = &cache.adapter {
                let first = positions.len();
                adapted.push((first..first + tokens.len(), adapter.clone()));
            }
            for token in *tokens {
                positions.push(cache.len);
                cache.len += 1;
                self.embed(*token, cache.len - 1, &mut x);
            }
        }
        let angles = self.angles(&positions);
        for (index, block) in self.blocks.iter().enumerate() {
            let mut layers: Vec<(usize, &mut KeyValues)> = spans
                .iter_mut()
                .map(|span| (span.tokens.len(), &mut span.cache.layers[index]))
                .collect();
            let beside = Beside { block: index, rows: &adapted, chunk: positions.len() };
            self.attend(block, &beside, &mut x, &mut layers, &angles);
            self.mlp(block, &beside, &mut x);
        }
        x
    }

    /// Appends the vector of a token at its position.
    pub(super) fn embed(&self, token: u32, position: usize, x: &mut Vec<f32>) {
        let (start, n_embd) = (x.len(), self.config.n_embd);
        x.resize(start + n_embd, 0.0);
        self.wte.read_row(token as usize, &mut x[start..]);
        if let Some(wpe) = &self.wpe {
            let mut place = vec![0.0; n_embd];
            wpe.read_row(position, &mut place);
            add_branch(&mut x[start..], &place);
        }
    }

    pub(super) fn angles(&self, positions: &[usize]) -> Angles {
        let frequencies = &self.frequencies;
        let angles = positions.iter().flat_map(|position| {
            frequencies.iter().map(move |frequency| (*position as f64 * frequency).sin_cos())
        });
        let (sin, cos) = angles.map(|(sin, cos)| (sin as f32, cos as f32)).unzip();
        Angles { cos, sin }
    }

    /// `x += attn(ln_1(x))`, over what the caches have and `x`, which joins them: of each text so many rows. Gives the
    /// queries, `[rows, n_head * head_size]`.
    pub(super) fn attend(
        &self,
        block: &Block,
        beside: &Beside<'_>,
        x: &mut [f32],
        layers: &mut [(usize, &mut KeyValues)],
        angles: &Angles,
    ) -> Vec<f32> {
        let (head_size, n_kv_head) = (self.config.head_size(), self.config.n_kv_head());
        let normal = block.ln_1.forward(x);
        let [mut q, mut k, mut v] = products(&normal, &block.qkv);
        beside.add(Place::Query, &normal, &mut q);
        beside.add(Place::Key, &normal, &mut k);
        beside.add(Place::Value, &normal, &mut v);
        for (norm, heads) in [(&block.q_norm, &mut q), (&block.k_norm, &mut k)] {
            if let Some(norm) = norm {
                *heads = norm.forward(heads); // each head a row
            }
            rotate(self.pairs, head_size, &angles.cos, &angles.sin, heads);
        }
        let width = n_kv_head * head_size;
        let (mut keys, mut values) = (&k[..], &v[..]);
        for (rows, layer) in layers.iter_mut() {
            let (new_keys, new_values);
            (new_keys, keys) = keys.split_at(*rows * width);
            (new_values, values) = values.split_at(*rows * width);
            layer.extend(new_keys, new_values);
        }
        let texts = layers.iter().map(|(rows, layer)| Reading { cache: layer, rows: *rows });
        let texts: Vec<Reading> = texts.collect();
        let mut mixed = vec![0.0; q.len()];
        cached_attention(self.heads(block), &q, &texts, &mut mixed);
        let [mut branch] = products(&mixed, [&block.attn_proj]);
        beside.add(Place::AttnProj, &mixed, &mut branch);
        add_branch(x, &branch);
        q
    }

    /// The heads of a block.
    pub(super) fn heads(&self, block: &Block) -> Heads {
        let (n_head, n_kv_head) = (self.config.n_head, self.config.n_kv_head());
        Heads { n_head, n_kv_head, head_size: self.config.head_size(), scale: block.scale }
    }

    /// `x += mlp(ln_2(x))`.
    pub(super) fn mlp(&self, block: &Block, beside: &Beside<'_>, x: &mut [f32]) {
        let normal = block.ln_2.forward(x);
        let hidden = match (self.config.mlp, &block.fc[..]) {
            (MlpKind::Swiglu, [gate, up]) => {
                let [mut gate, mut up] = products(&normal, [gate, up]);
                beside.add(Place::Fc, &normal, &mut gate);
                beside.add(Place::Up, &normal, &mut up);
                silu_gate(&gate, &mut up);
                up
            }
            (MlpKind::Swiglu, _) => unreachable!("SwiGLU has a gate and another matrix"),
            (kind, fc) => {
                let [mut hidden] = products(&normal, [&fc[0]]);
                beside.add(Place::Fc, &normal, &mut hidden);
                match kind {
                    MlpKind::GeluExact => exact_gelu(&mut hidden),
                    MlpKind::ReluSquared => {
                        hidden.iter_mut().for_each(|x| *x = x.max(0.0) * x.max(0.0));
                    }
                    MlpKind::GeluTanh | MlpKind::Swiglu => {
                        let before = hidden.clone();
                        gelu(&before, &mut hidden);
                    }
                }
                hidden
            }
        };
        let [mut branch] = products(&hidden, [&block.mlp_proj]);
        beside.add(Place::MlpProj, &hidden, &mut branch);
        add_branch(x, &branch);
    }

    /// Logits of rows of the residual stream, `[rows, vocab_size]`; those of padding are minus infinity.
    pub(super) fn logits(&self, stream: &[f32]) -> Vec<f32> {
        self.logits_of_normal(&self.ln_f.forward(stream))
    }

    /// The same of rows that are normalised.
    pub(super) fn logits_of_normal(&self, normal: &[f32]) -> Vec<f32> {
        let head = self.lm_head.as_ref().unwrap_or(&self.wte);
        let vocab_size = head.rows();
        let mut logits = vec![0.0; normal.len() / self.config.n_embd * vocab_size];
        linears(normal, &mut [Product { weight: head.view(), bias: None, y: &mut logits }]);
        if self.tokenizer_size < vocab_size {
            let rows = logits.chunks_exact_mut(vocab_size);
            rows.for_each(|row| row[self.tokenizer_size..].fill(f32::NEG_INFINITY));
        }
        logits
    }
}

impl Beside<'_> {
    /// Adds to what a matrix made of all rows, `y`, what stands beside it for the rows that have an adapter.
    fn add(&self, place: Place, x: &[f32], y: &mut [f32]) {
        let (from, to) = (x.len() / self.chunk, y.len() / self.chunk);
        for (rows, adapter) in self.rows {
            let x = &x[rows.start * from..rows.end * from];
            let y = &mut y[rows.start * to..rows.end * to];
            adapter.add(self.block, place, x, y);
        }
    }
}

/// What several layers make of the same rows.
fn products<'a, const N: usize>(
    x: &[f32],
    layers: impl IntoIterator<Item = &'a Linear>,
) -> [Vec<f32>; N] {
    let layers: Vec<&Linear> = layers.into_iter().collect();
    let mut all = std::array::from_fn(|index| {
        let weight = layers[index].weight.view();
        vec![0.0; x.len() / weight.columns() * weight.rows()]
    });
    let outputs: &mut [Vec<f32>; N] = &mut all;
    let mut products: Vec<Product> = layers
        .iter()
        .zip(outputs)
        .map(|(layer, y)| Product { weight: layer.weight.view(), bias: layer.bias.as_deref(), y })
        .collect();
    linears(x, &mut products);
    all
}

impl Norm {
    /// Each row of the norm's width normalised, to the same shape.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (weight, epsilon) = (&self.weight[..], self.config.epsilon as f32);
        let rows = x.len() / weight.len();
        let mut y = vec![0.0; x.len()];
        match self.config.kind {
            NormKind::RmsNorm => rms_norm(x, weight, epsilon, &mut y, &mut vec![0.0; rows]),
            NormKind::LayerNorm => {
                let none = Vec::new();
                let bias = self.bias.as_ref().unwrap_or(&none);
                let mut statistics = vec![RowStatistics::default(); rows];
                match bias.is_empty() {
                    false => layer_norm(x, weight, bias, epsilon, &mut y, &mut statistics),
                    true => {
                        let bias = vec![0.0; weight.len()];
                        layer_norm(x, weight, &bias, epsilon, &mut y, &mut statistics);
                    }
                }
            }
        }
        y
    }
}
