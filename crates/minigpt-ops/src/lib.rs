//! A small GPT's operations on the CPU, vectorised and on all cores: those of training fused, so that
//! what a framework does in ten passes over memory takes one or two; and products with [`quantized`]
//! weights.
//!
//! ```text
//!  ids ─► wte[ids] + wpe ─► dropout ──────────────┐            embedding_backward
//!      ┌──────────────────────────────────────────┘
//!      ├─► layer_norm ─► linear ─► causal_attention ─► project ─► residual_dropout ─┐
//!      ├────────────────────────────────────────────────────────────────────────────┘
//!      ├─► layer_norm ─► project ─► bias_gelu ─► project ─► residual_dropout ─┐     (n_layer times)
//!      └──────────────────────────────────────────────────────────────────────┘
//!  layer_norm ─► linear_cross_entropy_with_gradients                sum_of_squares, AdamW::update, Muon::update
//! ```
//!
//! For the crate `minigpt-model`, which calls these instead of burn's operations on a processor, and for any
//! program that has rows of numbers: it stands at the bottom of the workspace and needs neither burn nor the
//! other crates.
//!
//! Everything is a function on row-major slices, of `f32` but for quantised weights. Sizes follow from the
//! lengths of the slices wherever they can; outputs come last and belong to the caller, who can use them
//! again: what they hold before is ignored unless the function says that it adds. Those of training that
//! multiply matrices first take the [`Precision`] that they do it in. Each operation of training has a
//! `_backward` that takes what the forward pass took and gave. Lengths that do not fit together panic.
//!
//! | what | forward | backward |
//! |---|---|---|
//! | `x · w + b` | [`linear`] | [`linear_backward`] |
//! | `x · w` | [`project`] | [`project_backward`], for a frozen `w` [`project_backward_input`] |
//! | layer normalisation | [`layer_norm`] | [`layer_norm_backward`] |
//! | root mean square normalisation | [`rms_norm`] | [`rms_norm_backward`] |
//! | `gelu(x + b)` | [`bias_gelu`] | [`bias_gelu_backward`] |
//! | `gelu(x)` | [`gelu()`] | [`gelu_backward`] |
//! | `silu(gate) · up` | [`swiglu`] | [`swiglu_backward`] |
//! | `x + dropout(a)` | [`residual_dropout`] | [`dropout()`] of the gradient |
//! | dropout alone | [`dropout()`] | [`dropout()`] of the gradient |
//! | attention | [`causal_attention`] | [`causal_attention_backward`] |
//! | embedding | (a copy) | [`embedding_backward`] |
//! | head and loss | [`linear_cross_entropy`] | [`linear_cross_entropy_with_gradients`] |
//! | the same with teachers | [`distillation()`] without gradients | [`distillation()`] |
//! | by a factor known later | | [`scale`] |
//! | several in a row, with less waiting | [`in_pool`] | |
//! | two sequences of operations at once | [`run_both`] | |
//! | optimiser | [`sum_of_squares`], [`AdamW::update`], [`Muon::update`] | |
//! | a token of a few texts | [`linear_vectors`], [`project_vectors`], [`head_vectors`] | |
//! | weights as GGUF files have them | [`quantized::linear`], [`quantized::linears`], [`quantized::dequantize_row`] | |
//! | attention to kept keys and values | [`KeyValues`], [`cached_attention`] | |
//! | rotary positions, in place | [`rotate`] | |
//! | `silu(gate) · up`, `gelu(x)` exactly, `x + a`, in place | [`silu_gate`], [`exact_gelu`], [`add_branch`] | |
//! | the processor's peak | [`multiply_adds`] | |
//!
//! Results are the same to the bit for any number of threads: work and sums are divided by fixed sizes,
//! and [`Dropout`] computes its mask from a key and an index. Work runs on the current rayon pool.
//!
//! # Example
//!
//! A gradient step of a linear layer under a cross-entropy:
//!
//! ```
//! use minigpt_ops::{AdamW, Precision, linear_cross_entropy_with_gradients};
//!
//! let hidden = [0.5, -1.0, 0.25, 1.0, 0.0, -0.5]; // [2, 3]
//! let mut head = vec![0.1; 4 * 3]; // [4, 3]
//! let targets = [2, -1]; // a token, and a position that does not count
//!
//! let (mut d_hidden, mut d_head) = ([0.0; 6], vec![0.0; 12]);
//! let (mut m, mut v) = (vec![0.0; 12], vec![0.0; 12]);
//! let mut losses = Vec::new();
//! for step in 1..=20 {
//!     let loss = linear_cross_entropy_with_gradients(
//!         Precision::F32, &hidden, &head, &targets, 0.0, &mut d_hidden, &mut d_head,
//!     );
//!     losses.push(loss.nats);
//!     let adamw = AdamW {
//!         learning_rate: 0.1,
//!         beta_1: 0.9,
//!         beta_2: 0.999,
//!         epsilon: 1e-8,
//!         weight_decay: 0.0,
//!         step,
//!     };
//!     adamw.update(&mut head, &d_head, &mut m, &mut v);
//! }
//! assert!((losses[0] - 4f64.ln()).abs() < 1e-6);
//! assert!(losses[19] < 0.1);
//! ```

mod adamw;
mod attention;
mod blocks;
mod cached_attention;
mod cross_entropy;
mod decode;
mod distillation;
mod dropout;
mod embedding;
mod frozen;
mod gelu;
mod half_floats;
mod heads;
mod instructions;
mod layer_norm;
mod linear;
mod matrix;
mod muon;
mod peak;
mod pool;
mod precision;
pub mod quantized;
mod residual;
mod rms_norm;
mod rotary;
mod rows;
mod saved;
mod scratch;
mod simd;
mod swiglu;

pub use adamw::{AdamW, sum_of_squares};
pub use attention::{AttentionShape, causal_attention, causal_attention_backward};
pub use blocks::scale;
pub use cached_attention::{CacheType, Heads, KeyValues, Reading, cached_attention};
pub use cross_entropy::{CrossEntropy, linear_cross_entropy, linear_cross_entropy_with_gradients};
pub use decode::{head_vectors, linear_vectors, project_vectors};
pub use distillation::{Lesson, Teacher, distillation};
pub use dropout::{Dropout, dropout};
pub use embedding::embedding_backward;
pub use frozen::{
    Adapter, FrozenWeight, adapter_backward, frozen_cross_entropy, frozen_project,
    frozen_project_backward,
};
pub use gelu::{bias_gelu, bias_gelu_backward, exact_gelu, gelu, gelu_backward};
pub use heads::{Angles, GroupedHeads, HeadNorms, spread_heads, spread_heads_backward};
pub use instructions::Instructions;
pub use layer_norm::{RowStatistics, layer_norm, layer_norm_backward};
pub use linear::{linear, linear_backward, project, project_backward, project_backward_input};
pub use muon::Muon;
pub use peak::multiply_adds;
pub use pool::{in_pool, is_pool_thread, run_both, run_each};
pub use precision::Precision;
pub use residual::{add_branch, residual_dropout};
pub use rms_norm::{rms_norm, rms_norm_backward};
pub use rotary::{RotaryPairs, rotate};
pub use rows::{join_rows, split_rows};
pub use saved::{round_to_bf16, rounded_len, widen_from_bf16};
pub use swiglu::{silu_gate, swiglu, swiglu_backward};

/// Says that a test cannot run here. Not by `eprintln!`, which is kept back where a test passes: `cargo xtask test`
/// counts these lines.
#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
#[allow(clippy::disallowed_methods, reason = "the cli's output.rs is not to be had here")]
fn skipped(reason: &str) {
    use std::io::Write;

    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {reason}");
}
