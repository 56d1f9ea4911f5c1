use super::*;

/// Blocks of 4 heads of 16 in a context of 128.
fn gpt2() -> GptConfig {
    GptConfig::new(300, 128, 2, 4, 64)
}

#[test]
fn a_gpt_2_saves_its_vectors_once() {
    // Into and out of two norms, queries, keys and values, what attention gives; the hidden layer is four times
    // as wide.
    let rest = (2 + 2 + 3 + 1) * 64;
    assert_eq!(gpt2().saved_numbers_per_block(Kernels::Cpu), rest + 256);
    assert_eq!(gpt2().saved_numbers_per_block(Kernels::Gpu), rest + 2 * 256);
    // Six maps of 4 heads and 128 positions.
    assert_eq!(gpt2().saved_numbers_per_block(Kernels::Plain), 6 * 4 * 128 + 22 * 64 + 5 * 256);
    let no_bias = GptConfig { bias: BiasConfig::NONE, ..gpt2() };
    assert_eq!(no_bias.saved_numbers_per_block(Kernels::Cpu), rest + 2 * 256);
    for (mlp, vectors) in [(MlpKind::GeluExact, 2), (MlpKind::ReluSquared, 3)] {
        let other = GptConfig { mlp, ..gpt2() };
        assert_eq!(other.saved_numbers_per_block(Kernels::Cpu), rest + vectors * 256);
    }
}

#[test]
fn a_llama_saves_what_goes_into_its_layers() {
    let llama = gpt2().as_llama();
    assert_eq!((llama.n_inner, llama.n_kv_head()), (192, 2));
    // Into two norms, queries of four heads, keys and values of two, what attention gives; gate and rest.
    let lean = (2 + 2 + 1) * 64;
    assert_eq!(llama.saved_numbers_per_block(Kernels::Cpu), lean + 2 * 192);
    // Keys and values of two heads stand beside the queries of four as those of four.
    let rest = (2 + 2 + 3 + 1) * 64;
    // Two normalised vectors more, and of the gate its sigmoid and what that makes of it.
    assert_eq!(llama.saved_numbers_per_block(Kernels::Gpu), rest + 2 * 64 + 5 * 192);
    // Heads wider than the model's width says: 4 · 20 numbers in place of 64 twice, and of keys and values half.
    let wide = GptConfig { head_size: Some(20), ..llama.clone() };
    assert_eq!(
        wide.saved_numbers_per_block(Kernels::Cpu),
        llama.saved_numbers_per_block(Kernels::Cpu) + 3 * (80 - 64)
    );
    // On a processor norms of heads are part of what attends, which saves what goes into them anyway; by burn's operations what 4
    // queries and 2 keys of 16 are before and after.
    let normed = GptConfig { qk_norm: true, ..llama.clone() };
    let more =
        |kernels| normed.saved_numbers_per_block(kernels) - llama.saved_numbers_per_block(kernels);
    assert_eq!((more(Kernels::Cpu), more(Kernels::Gpu)), (0, 2 * 96));
}

#[test]
fn what_is_rounded_to_16_bits_is_half_as_much() {
    let saved =
        |config: &GptConfig, precision| config.saved_activations_per_block(Kernels::Cpu, precision);
    let llama = gpt2().as_llama();
    let whole = saved(&llama, Precision::F32);
    let rounded = if minigpt_ops::Precision::Bf16.is_native() { whole / 2 } else { whole };
    assert_eq!(saved(&llama, Precision::Bf16), rounded);
    // Another perceptron, and layers that are operations of their own.
    let squared = GptConfig { mlp: MlpKind::ReluSquared, ..llama };
    assert_eq!(saved(&squared, Precision::Bf16), saved(&squared, Precision::F32));
    assert_eq!(saved(&gpt2(), Precision::Bf16), saved(&gpt2(), Precision::F32));
}
