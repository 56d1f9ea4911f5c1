use super::*;
use crate::model::config::{BiasConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig};

/// A shape with every layer of the table, three heads of queries to one of keys.
fn llama() -> GptConfig {
    GptConfig {
        n_inner: 10,
        n_kv_head: Some(1),
        head_size: Some(4),
        mlp: MlpKind::Swiglu,
        qk_norm: true,
        tied: false,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-6 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig { attention: true, ..BiasConfig::NONE },
        ..GptConfig::new(20, 16, 12, 3, 6)
    }
}

fn slices(layout: &Layout, config: &GptConfig, name: &str) -> Vec<Slice> {
    let parameter = config.parameters().find(|parameter| parameter.name == name).unwrap();
    layout.slices(config, &parameter)
}

#[track_caller]
fn assert_parts(layout: &Layout, config: &GptConfig, name: &str, parts: &[(&str, &[usize])]) {
    let found: Vec<(String, Vec<usize>)> =
        slices(layout, config, name).into_iter().map(|slice| (slice.name, slice.shape)).collect();
    let expected: Vec<(String, Vec<usize>)> =
        parts.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
    assert_eq!(found, expected);
}

#[test]
fn gpt2s_parameters_have_the_names_of_other_programs() {
    let config = GptConfig::new(300, 16, 12, 2, 24);
    for (name, shape, gguf) in [
        ("wte.weight", &[300, 24][..], "token_embd.weight"),
        ("wpe.weight", &[16, 24], "position_embd.weight"),
        ("ln_f.bias", &[24], "output_norm.bias"),
        ("h.11.attn.c_attn.weight", &[24, 72], "blk.11.attn_qkv.weight"),
        ("h.0.mlp.c_fc.bias", &[96], "blk.0.ffn_up.bias"),
        ("h.0.mlp.c_proj.bias", &[24], "blk.0.ffn_down.bias"),
        ("h.2.attn.c_proj.weight", &[24, 24], "blk.2.attn_output.weight"),
        ("h.2.ln_1.weight", &[24], "blk.2.attn_norm.weight"),
        ("h.2.ln_2.weight", &[24], "blk.2.ffn_norm.weight"),
    ] {
        assert_parts(&GPT2, &config, name, &[(&format!("transformer.{name}"), shape)]);
        let mut transposed = shape.to_vec();
        if name.starts_with("h.") {
            transposed.reverse();
        }
        assert_parts(&GGUF_GPT2, &config, name, &[(gguf, &transposed)]);
        assert_parts(&NANO_GPT, &config, name, &[(&format!("transformer.{name}"), &transposed)]);
    }
    let untied = GptConfig { tied: false, ..config };
    assert_parts(&GPT2, &untied, "lm_head.weight", &[("lm_head.weight", &[300, 24])]);
    assert_eq!(GPT2.head(), "lm_head.weight");
}

#[test]
fn llamas_parameters_are_made_of_several_tensors() {
    let config = llama();
    let projections: [(&str, &[usize]); 3] = [
        ("model.layers.11.self_attn.q_proj.weight", &[12, 6]),
        ("model.layers.11.self_attn.k_proj.weight", &[4, 6]),
        ("model.layers.11.self_attn.v_proj.weight", &[4, 6]),
    ];
    assert_parts(&LLAMA, &config, "h.11.attn.c_attn.weight", &projections);
    let biases: [(&str, &[usize]); 3] =
        [("blk.0.attn_q.bias", &[12]), ("blk.0.attn_k.bias", &[4]), ("blk.0.attn_v.bias", &[4])];
    assert_parts(&GGUF_QWEN, &config, "h.0.attn.c_attn.bias", &biases);
    let gated: [(&str, &[usize]); 2] =
        [("blk.3.ffn_gate.weight", &[10, 6]), ("blk.3.ffn_up.weight", &[10, 6])];
    assert_parts(&GGUF_LLAMA, &config, "h.3.mlp.c_fc.weight", &gated);
    for (name, theirs, gguf, shape) in [
        ("wte.weight", "model.embed_tokens.weight", "token_embd.weight", &[20, 6][..]),
        ("lm_head.weight", "lm_head.weight", "output.weight", &[20, 6]),
        ("ln_f.weight", "model.norm.weight", "output_norm.weight", &[6]),
    ] {
        assert_parts(&LLAMA, &config, name, &[(theirs, shape)]);
        assert_parts(&GGUF_LLAMA, &config, name, &[(gguf, shape)]);
    }
    assert_eq!(GGUF_LLAMA.head(), "output.weight");
}

/// Columns 0 to 11 are queries of three heads, each of whose pairs are `i` and `i + 2`.
#[test]
fn rows_that_turn_together_are_put_beside_each_other() {
    let config = llama();
    let name = "h.0.attn.c_attn.bias";
    let parameter: Vec<f32> = (0..20).map(|column| column as f32).collect();
    let taken: Vec<Vec<f32>> =
        slices(&GGUF_LLAMA, &config, name).iter().map(|slice| slice.take(&parameter)).collect();
    assert_eq!(taken[0], [0., 2., 1., 3., 4., 6., 5., 7., 8., 10., 9., 11.]);
    assert_eq!(taken[1], [12., 14., 13., 15.]);
    assert_eq!(taken[2], [16., 17., 18., 19.]);
}

#[test]
fn what_is_taken_apart_is_put_together_again() {
    let config = GptConfig { n_embd: 37, n_inner: 70, head_size: Some(22), ..llama() };
    for layout in [&GPT2, &NANO_GPT, &LLAMA, &GGUF_GPT2, &GGUF_QWEN, &GGUF_LLAMA] {
        for parameter in config.parameters().filter(|parameter| parameter.block != Some(1)) {
            let elements: usize = parameter.shape.iter().product();
            let values: Vec<f32> = (0..elements).map(|index| index as f32).collect();
            let mut again = vec![-1.0; elements];
            for slice in layout.slices(&config, &parameter) {
                slice.put(&slice.take(&values), &mut again);
            }
            assert_eq!(again, values, "{}", parameter.name);
        }
    }
}

#[test]
fn a_matrix_is_transposed() {
    let config = GptConfig::new(20, 16, 1, 1, 2);
    let matrix = slices(&NANO_GPT, &config, "h.0.attn.c_proj.weight").remove(0);
    assert_eq!(matrix.take(&[1.0, 2.0, 3.0, 4.0]), [1.0, 3.0, 2.0, 4.0]);
    assert!(!matrix.is_whole());
    assert!(slices(&NANO_GPT, &config, "wte.weight")[0].is_whole());
    assert!(slices(&GPT2, &config, "h.0.attn.c_attn.weight")[0].is_whole());
}
