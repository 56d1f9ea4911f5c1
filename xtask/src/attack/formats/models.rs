//! Models as other programs write them, and the hub that serves them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{STATS, Target, repository, texts};
use crate::attack::hub::{FILES, HEADERS, LISTING, REDIRECT};
use crate::attack::kind::Kind;
use crate::attack::stage::Stage;

pub(super) const GENERATE: &str = "generate model --prompt It --max-tokens 4 --greedy --device cpu";

/// The three files of a model folder.
pub(super) const MODEL: [(&str, &str); 3] = [
    ("model/config.json", "model/config.json"),
    ("model/model.safetensors", "model/model.safetensors"),
    ("model/tokenizer.json", "model/tokenizer.json"),
];

pub(super) fn safetensors(stage: &Stage) -> Result<Vec<Target>> {
    let model = stage.template("safetensors", &MODEL)?;
    Ok(vec![Target::new(&model, "model/model.safetensors", Kind::Safetensors, GENERATE)?])
}

pub(super) fn config(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("config", &MODEL)?;
    let chat = format!("{GENERATE} --chat");
    let template = "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] | trim }}\
        {{ eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
    let names = json!({
        "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
        "add_bos_token": false, "clean_up_tokenization_spaces": false, "model_max_length": 128,
        "tokenizer_class": "GPT2Tokenizer", "chat_template": template,
    });
    let generation = json!({
        "bos_token_id": 0, "eos_token_id": [0, 1], "do_sample": true, "temperature": 0.6, "top_k": 40,
        "top_p": 0.9, "repetition_penalty": 1.1, "max_new_tokens": 64, "transformers_version": "5.0.0",
    });
    fs_err::write(folder.join("model/tokenizer_config.json"), names.to_string())?;
    fs_err::write(folder.join("model/generation_config.json"), generation.to_string())?;
    let apart = stage.template("chat-template", &MODEL)?;
    let seed = template.as_bytes().to_vec();
    Ok(vec![
        Target::new(&folder, "model/config.json", Kind::Json, GENERATE)?,
        Target::new(&folder, "model/generation_config.json", Kind::Json, GENERATE)?,
        Target::new(&folder, "model/config.json", Kind::Json, GENERATE)?,
        Target::new(&folder, "model/tokenizer_config.json", Kind::Json, &chat)?,
        Target::of_seed(&apart, "model/chat_template.jinja", Kind::Text, seed, &chat),
    ])
}

/// Models of two families, as the program exports them.
pub(super) fn gguf(stage: &Stage) -> Result<Vec<Target>> {
    let copies = [("gpt2.gguf", "gpt2.gguf"), ("llama.gguf", "llama.gguf")];
    let folder = stage.template("gguf", &copies)?;
    let generate = |name: &str| GENERATE.replace("model", name);
    let export = "export llama.gguf --out copy --device cpu";
    Ok(vec![
        Target::new(&folder, "llama.gguf", Kind::Gguf, &generate("llama.gguf"))?,
        Target::new(&folder, "gpt2.gguf", Kind::Gguf, &generate("gpt2.gguf"))?,
        Target::new(&folder, "llama.gguf", Kind::Gguf, export)?,
    ])
}

/// What PyTorch itself wrote, with a tokenizer that is small enough.
pub(super) fn pytorch(stage: &Stage) -> Result<Vec<Target>> {
    let folder =
        stage.template("pytorch", &[("characters/tokenizer.json", "model/tokenizer.json")])?;
    let config = json!({
        "model_type": "gpt2", "vocab_size": 20, "n_positions": 16, "n_layer": 2, "n_head": 2,
        "n_embd": 8, "n_inner": 12,
    });
    fs_err::write(folder.join("model/config.json"), config.to_string())?;
    let fixtures = repository("crates/minigpt-model/tests/fixtures/pytorch");
    let kinds = [
        ("archive.bin", Kind::Archive),
        ("parameters.bin", Kind::Archive),
        ("legacy.bin", Kind::Pickles),
    ];
    let target = |(name, kind)| {
        let seed = fs_err::read(fixtures.join(name))?;
        Ok(Target::of_seed(&folder, "model/pytorch_model.bin", kind, seed, GENERATE))
    };
    let mut targets: Vec<Target> = kinds.into_iter().map(target).collect::<Result<_>>()?;
    let folder = stage.template("nano-gpt", &[("characters/tokenizer.json", "tokenizer.json")])?;
    let seed =
        fs_err::read(repository("crates/minigpt-model/tests/fixtures/families/nano-gpt/ckpt.pt"))?;
    let command = GENERATE.replace("model", "ckpt.pt");
    targets.push(Target::of_seed(&folder, "ckpt.pt", Kind::Archive, seed, &command));
    Ok(targets)
}

pub(super) fn tokenizer(stage: &Stage) -> Result<Vec<Target>> {
    let one = stage.template("tokenizer", &MODEL)?;
    let two = stage.template("vocabulary", &MODEL)?;
    let json: Value = serde_json::from_slice(&stage.read("model/tokenizer.json")?)?;
    let merges = json["model"]["merges"].as_array().context("a tokenizer without merges")?;
    let part = |merge: &Value, at: usize| merge[at].as_str().unwrap_or_default().to_owned();
    let merges = merges.iter().map(|merge| format!("{} {}\n", part(merge, 0), part(merge, 1)));
    let merges = format!("#version: 0.2\n{}", merges.collect::<String>());
    fs_err::remove_file(two.join("model/tokenizer.json"))?;
    fs_err::write(two.join("model/vocab.json"), json["model"]["vocab"].to_string())?;
    fs_err::write(two.join("model/merges.txt"), merges)?;
    let characters = stage.read("characters/tokenizer.json")?;
    let whole = "model/tokenizer.json";
    Ok(vec![
        Target::new(&one, whole, Kind::Json, GENERATE)?,
        Target::new(&two, "model/vocab.json", Kind::Json, GENERATE)?,
        Target::new(&one, whole, Kind::Json, GENERATE)?,
        Target::new(&two, "model/merges.txt", Kind::Text, GENERATE)?,
        Target::of_seed(&one, whole, Kind::Json, characters, GENERATE),
    ])
}

/// A commit, of which the hub has any.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The hub's list of a repository's files, the headers of its files, and those of an answer that leads on.
pub(super) fn hub(stage: &Stage) -> Result<Vec<Target>> {
    let names = ["config.json", "model.safetensors", "tokenizer.json"];
    let files = names.map(|name| (format!("model/{name}"), format!("hub/{FILES}/{name}")));
    let copies = files.each_ref().map(|(from, to)| (&**from, &**to));
    let listing = |id: &str, names: &[&str]| {
        let names: Vec<Value> = names.iter().map(|name| json!({"rfilename": name})).collect();
        let about = json!({
            "id": id, "sha": COMMIT, "private": false, "gated": false, "downloads": 7, "tags": ["text"],
            "siblings": names,
        });
        about.to_string().into_bytes()
    };
    let about = format!(
        "X-Repo-Commit: {COMMIT}\r\nX-Linked-Size: LENGTH\r\nX-Linked-Etag: \"CHECKSUM\"\r\n"
    );
    let headers = format!(
        "Content-Type: application/octet-stream\r\nContent-Length: LENGTH\r\nAccept-Ranges: bytes\r\n\
         Cache-Control: max-age=604800\r\nETag: \"CHECKSUM\"\r\n{about}"
    );
    let redirect = format!("Location: /led-to/NAME\r\nContent-Length: 0\r\n{about}");

    let direct = stage.template("hub", &copies)?;
    fs_err::write(direct.join("hub").join(HEADERS), &headers)?;
    fs_err::write(direct.join("hub").join(LISTING), listing("owner/model", &names))?;
    let led = stage.template("hub-led", &copies)?;
    fs_err::write(led.join("hub").join(HEADERS), &headers)?;
    fs_err::write(led.join("hub").join(LISTING), listing("owner/model", &names))?;
    fs_err::write(led.join("hub").join(REDIRECT), redirect)?;
    let data = stage.template("hub-data", &[])?;
    fs_err::create_dir_all(data.join("hub").join(FILES))?;
    fs_err::write(data.join("hub").join(FILES).join("train.jsonl"), texts())?;
    fs_err::write(data.join("hub").join(HEADERS), &headers)?;
    fs_err::write(
        data.join("hub").join(LISTING),
        listing("owner/texts", &["README.md", "train.jsonl"]),
    )?;

    let generate = GENERATE.replace("model", "hf:owner/model");
    let [fetch, stats] =
        ["models fetch hf:owner/model", &format!("data stats hf:owner/texts {STATS}")];
    let file = |name| format!("hub/{name}");
    Ok(vec![
        Target::new(&direct, &file(LISTING), Kind::Json, &generate)?,
        Target::new(&direct, &file(HEADERS), Kind::Text, fetch)?,
        Target::new(&data, &file(LISTING), Kind::Json, stats)?,
        Target::new(&led, &file(REDIRECT), Kind::Text, fetch)?,
    ])
}
