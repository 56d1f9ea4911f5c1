"""The configuration of a model, and adapters."""

import struct

from safetensors import EMBD, safetensors, tensors, text

SHAPE = dict(model_type="gpt2", vocab_size=2, n_positions=2, n_layer=1, n_head=1, n_embd=2, n_inner=2)


def make_hugging_face_config():
    settings = {
        "inner_missing": dict(n_inner=None),
        "epsilon": dict(layer_norm_epsilon=1e-6),
        "epsilon_zero": dict(layer_norm_epsilon=0),
        "epsilon_negative": dict(layer_norm_epsilon=-1.0),
        "gelu": dict(activation_function="gelu"),
        "relu": dict(activation_function="relu"),
        "scaled_by_layer": dict(scale_attn_by_inverse_layer_idx=True),
        "unscaled": dict(scale_attn_weights=False),
        "cross_attention": dict(add_cross_attention=True),
        "untied": dict(tie_word_embeddings=False),
        "dtype_twice": dict(dtype="float32", torch_dtype="float16"),
        "dtype_of_number": dict(dtype=32),
        "no_heads": dict(n_head=0),
        "uneven_heads": dict(n_head=3),
        "no_layers": dict(n_layer=0),
        "layers_of_32_bits": dict(n_layer=(1 << 32) - 1),
        "layers_of_64_bits": dict(n_layer=(1 << 64) - 1),
        "layers_beyond_64_bits": dict(n_layer=1 << 70),
        "width_of_32_bits": dict(n_embd=(1 << 32) - 1),
        "inner_of_32_bits": dict(n_embd=1 << 30, n_inner=None),
        "positions_negative": dict(n_positions=-1),
        "positions_of_a_fraction": dict(n_positions=2.5),
        "positions_of_text": dict(n_positions="2"),
        "vocabulary_of_null": dict(vocab_size=None),
        "dropout_of_1": dict(embd_pdrop=1.0),
        "dropout_negative": dict(attn_pdrop=-0.1),
        "dropout_huge": dict(resid_pdrop=1e308),
        "other_model": dict(model_type="llama"),
        "model_of_a_number": dict(model_type=2),
        "model_of_a_long_name": dict(model_type="g" * 1500),
        "model_of_control_characters": dict(model_type="\x1b[2Jgpt2\n"),
        "text_heads": dict(architectures=["GPT2ForSequenceClassification"]),
    }
    cases = {name: text({**SHAPE, **fields}).encode() for name, fields in settings.items()}
    whole = text(SHAPE).encode()
    return cases | {
        "valid": whole,
        "valid_blanks": b"\n\t " + whole + b"\n",
        "byte_order_mark": b"\xef\xbb\xbf" + whole,
        "empty": b"",
        "cut": whole[:-1],
        "more_behind": whole + b"{}",
        "nan": whole.replace(b'"n_inner":2', b'"n_inner":2,"embd_pdrop":NaN'),
        "beyond_floats": whole.replace(b'"n_inner":2', b'"n_inner":2,"embd_pdrop":1e999'),
        "field_twice": whole.replace(b'"n_inner":2', b'"n_inner":2,"n_inner":3'),
        "list": b"[" + whole + b"]",
        "list_of_depth": b"[" * 1500,
        "null": b"null",
        "not_utf_8": whole.replace(b"gpt2", b"\xff\xfe"),
        "utf_16": whole.decode().encode("utf-16"),
    }


def make_adapter():
    base = "base_model.model.transformer.h.0.attn.c_attn"
    shapes = {f"{base}.lora_A.weight": [1, EMBD], f"{base}.lora_B.weight": [3 * EMBD, 1]}
    whole = dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path="gpt2", r=1, lora_alpha=2)
    whole |= dict(lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, bias="none")
    weights = safetensors(*tensors(shapes))

    def both(config=(), weights=weights):
        config = config if isinstance(config, bytes) else text(whole | dict(config)).encode()
        return config + b"\0" + weights

    settings = {
        "alpha_of_a_fraction": dict(lora_alpha=0.5),
        "alpha_zero": dict(lora_alpha=0),
        "alpha_negative": dict(lora_alpha=-2),
        "alpha_huge": dict(lora_alpha=1e308),
        "rank_zero": dict(r=0),
        "rank_of_64_bits": dict(r=(1 << 64) - 1),
        "rank_other": dict(r=2),
        "rank_negative": dict(r=-1),
        "rank_of_text": dict(r="1"),
        "rs_lora": dict(use_rslora=True),
        "dora": dict(use_dora=True),
        "pissa": dict(init_lora_weights="pissa"),
        "olora": dict(init_lora_weights="olora"),
        "loftq": dict(init_lora_weights="loftq", loftq_config={"loftq_bits": 4}),
        "gaussian": dict(init_lora_weights="gaussian"),
        "init_true": dict(init_lora_weights=True),
        "rank_pattern": dict(rank_pattern={"c_attn": 1}),
        "rank_pattern_of_a_bad_expression": dict(rank_pattern={"(": 1}),
        "rank_pattern_of_zero": dict(rank_pattern={"c_attn": 0}),
        "alpha_pattern": dict(alpha_pattern={"c_attn": 1e308}),
        "targets_of_an_expression": dict(target_modules=".*c_attn"),
        "targets_of_a_bad_expression": dict(target_modules="(a+)+(("),
        "targets_of_all": dict(target_modules="all-linear"),
        "targets_empty": dict(target_modules=[]),
        "targets_of_numbers": dict(target_modules=[1]),
        "targets_unknown": dict(target_modules=["q_proj"]),
        "targets_long": dict(target_modules=["q" * 1200]),
        "targets_null": dict(target_modules=None),
        "exclude": dict(exclude_modules=["c_attn"]),
        "bias_all": dict(bias="all"),
        "modules_to_save": dict(modules_to_save=["wte"]),
        "layers": dict(layers_to_transform=[0]),
        "layers_pattern": dict(layers_pattern="h"),
        "replication": dict(layer_replication=[[0, 1 << 62]]),
        "trainable_tokens": dict(trainable_token_indices=[0]),
        "megatron": dict(megatron_config={}),
        "eva": dict(eva_config={}),
        "other_kind": dict(peft_type="PREFIX_TUNING"),
        "not_transposed": dict(fan_in_fan_out=False),
        "unknown_field": dict(surprise=1),
    }
    cases = {name: both(config) for name, config in settings.items()}
    a, b = shapes
    return cases | {
        "valid": both(),
        "valid_saved_by_a_newer_peft": both(dict(qalora_group_size=16, use_rslora=False, peft_version="0.21.0")),
        "empty": b"",
        "config_cut": text(whole).encode()[:-1] + b"\0" + weights,
        "config_of_depth": both(b"[" * 1500),
        "config_of_null": both(b"null"),
        "weights_missing": both(weights=b""),
        "weights_cut": both(weights=weights[:-1]),
        "weights_swapped": both(weights=safetensors(*tensors({a: shapes[b], b: shapes[a]}))),
        "weights_of_one": both(weights=safetensors(*tensors({a: shapes[a]}))),
        "weights_unexpected": both(
            weights=safetensors(*tensors({**shapes, "base_model.model.lm_head.weight": [2, 2]}))
        ),
        "weights_nan": both(weights=safetensors(*tensors(shapes, fill=float("nan")))),
        "weights_of_halves": both(weights=safetensors(*tensors(shapes, "BF16"))),
        "weights_of_whole_numbers": both(weights=safetensors(*tensors(shapes, "I64"))),
        "header_of_4_gib": both(weights=struct.pack("<Q", 1 << 32) + weights[8:]),
        "another_base": both(
            weights=safetensors({"__metadata__": {"base_sha256": "0" * 64}, **tensors(shapes)[0]}, tensors(shapes)[1])
        ),
    }
