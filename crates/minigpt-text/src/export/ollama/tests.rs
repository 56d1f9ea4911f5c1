use minigpt_data::Template;
use minigpt_model::{GptConfig, WeightType};

use super::*;
use crate::generation::GenerationDefaults;

/// SmolLM2's, whose models are told who they are where nobody else tells them.
const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
    {{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + \
    message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}\
    {{ '<|im_start|>assistant\n' }}{% endif %}";

fn chat(source: &str) -> ChatTemplate {
    ChatTemplate::from_jinja(source, [].into(), "a test").unwrap()
}

#[test]
fn templates_that_put_message_after_message_are_told_to_ollama() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let go = |template: &ChatTemplate| go_template(template, &tokenizer);
    assert_eq!(
        go(&chat(CHATML)).unwrap(),
        "{{ if not .System }}<|im_start|>system\nBe kind.<|im_end|>\n{{ end }}\
         {{ range .Messages }}{{ if eq .Role \"system\" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n\
         {{ else }}{{ if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n\
         {{ else if eq .Role \"assistant\" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n{{ end }}{{ end }}\
         {{ end }}<|im_start|>assistant\n"
    );
    assert_eq!(
        go(&Template::instruct().into()).unwrap(),
        "{{ range .Messages }}{{ if eq .Role \"system\" }}{{ .Content }}\n\n{{ else }}{{ if eq .Role \"user\" }}\
         ### Instruction:\n{{ .Content }}\n\n{{ else if eq .Role \"assistant\" }}\
         ### Response:\n{{ .Content }}<|endoftext|>{{ end }}{{ end }}{{ end }}### Response:\n"
    );
    // A system message within the first question, as Llama 2's, and an answer that depends on what follows.
    assert_eq!(go(&chat("{{ messages | length }}{{ messages[-1].content }}")), None);
}

/// Ollama puts the token there itself, and knows this template of Llama 2's by the GGUF file.
#[test]
fn a_template_that_begins_each_question_as_a_text_is_left_to_the_gguf_file() {
    let vocabulary = Tokenizer::bytes().unwrap().to_gguf().unwrap();
    let vocabulary = minigpt_data::GgufVocabulary { add_bos: Some(true), ..vocabulary };
    let tokenizer = Tokenizer::from_gguf(vocabulary, Path::new("model.gguf")).unwrap();
    let go = |begin: &str, begin_turn: &str| {
        let source = format!(
            "{begin}{{% for m in messages %}}{{% if m.role == 'user' %}}{begin_turn}[INST] \
             {{{{ m.content }}}} [/INST]{{% else %}}{{{{ m.content }}}}</s>{{% endif %}}{{% endfor %}}"
        );
        go_template(&chat(&source), &tokenizer)
    };
    assert_eq!(go("", "<|endoftext|>"), None);
    let once = go("<|endoftext|>", "").unwrap();
    assert!(
        !once.contains("<|endoftext|>") && once.contains("[INST] {{ .Content }} [/INST]"),
        "{once}"
    );
}

#[test]
fn what_a_modelfile_cannot_hold_is_a_string_of_gos() {
    for (text, expected) in [
        ("{{ x }}", r#"{{ "{{ x }}" }}"#),
        ("{", r#"{{ "{" }}"#),
        ("\\ é\n\t\0\u{7f}\u{200b}\"", "{{ \"\\\\ é\\n\\u0009\\u0000\\u007f\u{200b}\\\"\" }}"),
        ("as it is\n", "as it is\n"),
    ] {
        assert_eq!(literal(text), expected);
    }
}

#[test]
fn a_modelfile_names_the_file_and_what_ends_texts_and_replaces_none_that_was_edited() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let config = GptConfig::tiny(tokenizer.vocab_size());
    let model = minigpt_model::Gpt::init(&config, 0, &burn::tensor::Device::flex()).unwrap();
    let generation = GenerationDefaults { temperature: Some(0.6), ..GenerationDefaults::default() };
    let export = Export {
        name: "tiny",
        model: &model,
        tokenizer: &tokenizer,
        template: None,
        generation: &generation,
        weights: WeightType::F32,
        card: "",
        plots: &[],
    };
    let folder = tempfile::tempdir().unwrap();
    let (gguf, path) = (folder.path().join("tiny.gguf"), folder.path().join(MODELFILE));
    for _ in 0..2 {
        assert_eq!(write_modelfile(&export, &gguf).unwrap(), Modelfile::Written);
        assert_eq!(
            fs_err::read_to_string(&path).unwrap(),
            "# Written by minigpt: ollama create tiny -f Modelfile\nFROM ./tiny.gguf\n\
             TEMPLATE \"\"\"{{ .Prompt }}\"\"\"\nPARAMETER num_ctx 32\nPARAMETER stop \"<|endoftext|>\"\n\
             PARAMETER temperature 0.6\n"
        );
    }
    let edited = fs_err::read_to_string(&path).unwrap() + "PARAMETER seed 7\n";
    for users in [edited.as_str(), "FROM llama3.2\n", "\u{feff}"] {
        fs_err::write(&path, users).unwrap();
        let kept = write_modelfile(&export, &gguf).unwrap();
        assert_eq!(kept, Modelfile::Kept { path: path.clone() });
        assert_eq!(fs_err::read_to_string(&path).unwrap(), users);
    }
}
