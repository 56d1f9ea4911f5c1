use super::*;

#[test]
fn parameters_have_llama_cpps_names() {
    assert_eq!(name("wte.weight"), "token_embd.weight");
    assert_eq!(name("ln_f.bias"), "output_norm.bias");
    assert_eq!(name("h.11.attn.c_attn.weight"), "blk.11.attn_qkv.weight");
    assert_eq!(name("h.0.mlp.c_proj.bias"), "blk.0.ffn_down.bias");
    assert_eq!(name("h.2.attn.c_proj.bias"), "blk.2.attn_output.bias");
}

#[test]
fn a_matrix_is_transposed() {
    let bytes = |values: [f32; 6]| values.map(f32::to_le_bytes).concat();
    let matrix = bytes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(transposed(&matrix, [2, 3]), bytes([1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
}
