use super::*;

#[test]
fn a_card_calls_a_shape_by_its_family_or_by_none() {
    let gpt2 = GptConfig::tiny(260);
    let llama = gpt2.clone().as_llama();
    for (config, name, tag) in [
        (gpt2.clone(), "A GPT-2 of", "tags:\n- gpt2\n- minigpt\n"),
        (llama.clone(), "A Llama of", "tags:\n- llama\n- minigpt\n"),
        (GptConfig { qk_norm: true, ..llama }, "A Qwen 3 of", "tags:\n- qwen3\n"),
        (GptConfig { qk_norm: true, ..gpt2 }, "A transformer of", "tags:\n- minigpt\n"),
    ] {
        let card = pretrained_card("tiny", "elsewhere", &config, "32-bit floats", None);
        assert!(card.contains(name) && card.contains(tag), "{card}");
    }
}
