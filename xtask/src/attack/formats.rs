//! The formats that are attacked, and the commands that read them.

mod models;
mod settings;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use minigpt_files::sha256;
use serde_json::{Value, json};

use self::models::{GENERATE, MODEL};
use super::kind::Kind;
use super::packed::Packing;
use super::stage::{Stage, copy_folder, prose};

/// What others may have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `model.safetensors`
    Safetensors,
    /// `pytorch_model.bin`, archives and pickles alone, and nanoGPT's `ckpt.pt`
    Pytorch,
    /// llama.cpp's files, of a GPT-2 and of a Llama
    Gguf,
    /// Hugging Face's `config.json`, and what stands beside it of generation and conversations
    Config,
    /// `tokenizer.json`, `vocab.json` and `merges.txt`
    Tokenizer,
    /// Plain text
    Text,
    /// Text in .gz, .xz and .zst
    Packed,
    /// Texts in JSON lines
    JsonLines,
    /// Texts in Parquet
    Parquet,
    /// Examples to tune with: CSV, TSV, JSON lines and lists
    Examples,
    /// PEFT's adapters
    Adapter,
    /// The folder of an index
    Index,
    /// The folder of a run
    Run,
    /// Settings in TOML
    Settings,
    /// Files of questions, tasks and prompts
    Questions,
    /// What a server answers that says it is the hub
    Hub,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// A file in a folder, and the command that reads it.
pub(crate) struct Target {
    /// What the file is attacked with.
    pub(crate) kind: Kind,
    /// The folder that is copied for each mutant.
    template: PathBuf,
    /// The file in it.
    pub(crate) file: PathBuf,
    /// What mutants are made from.
    pub(crate) seed: Vec<u8>,
    /// A list of checksums in which the file's is put right.
    manifest: Option<PathBuf>,
    /// The words after `minigpt`.
    pub(crate) args: Vec<String>,
}

impl Target {
    fn new(template: &Path, file: &str, kind: Kind, command: &str) -> Result<Self> {
        let seed = fs_err::read(template.join(file))?;
        Ok(Self::of_seed(template, file, kind, seed, command))
    }

    fn of_seed(template: &Path, file: &str, kind: Kind, seed: Vec<u8>, command: &str) -> Self {
        let args = command.split_whitespace().map(str::to_owned).collect();
        let (template, file) = (template.to_owned(), PathBuf::from(file));
        Self { kind, template, file, seed, manifest: None, args }
    }

    fn with_manifest(self) -> Self {
        Self { manifest: Some(self.file.with_file_name("manifest.json")), ..self }
    }

    /// The command as one would type it.
    pub(crate) fn command(&self) -> String {
        format!("minigpt {}", self.args.join(" "))
    }

    /// Makes the folder anew, with these bytes as the file.
    pub(crate) fn lay_out(&self, folder: &Path, bytes: &[u8]) -> Result<()> {
        if folder.exists() {
            fs_err::remove_dir_all(folder)?;
        }
        copy_folder(&self.template, folder)?;
        fs_err::write(folder.join(&self.file), bytes)?;
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let manifest = folder.join(manifest);
        let mut json: Value = serde_json::from_slice(&fs_err::read(&manifest)?)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        json["sha256"][&*name] = sha256(bytes).into();
        Ok(fs_err::write(manifest, json.to_string())?)
    }
}

const STATS: &str = "--preset tiny --tokenizer byte";

impl Format {
    /// The files that are attacked in turn.
    pub(crate) fn targets(self, stage: &Stage) -> Result<Vec<Target>> {
        match self {
            Self::Safetensors => models::safetensors(stage),
            Self::Pytorch => models::pytorch(stage),
            Self::Gguf => models::gguf(stage),
            Self::Config => models::config(stage),
            Self::Tokenizer => models::tokenizer(stage),
            Self::Text => text(stage),
            Self::Packed => packed(stage),
            Self::JsonLines => {
                let folder = stage.template("json-lines", &[("prose.txt", "prose.txt")])?;
                let stats = format!("data stats texts.jsonl {STATS}");
                let seed = texts().into_bytes();
                Ok(vec![Target::of_seed(&folder, "texts.jsonl", Kind::JsonLines, seed, &stats)])
            }
            Self::Parquet => parquet(stage),
            Self::Examples => examples(stage),
            Self::Adapter => adapter(stage),
            Self::Index => index(stage),
            Self::Run => run(stage),
            Self::Settings => settings::settings(stage),
            Self::Questions => questions(stage),
            Self::Hub => models::hub(stage),
        }
    }
}

/// A folder of the repository.
fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
}

fn text(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("text", &[("prose.txt", "text.txt")])?;
    let tokenizers = ["byte", "char", "bpe:300", "gpt2"];
    let target = |tokenizer| {
        let command = format!("data stats text.txt --preset tiny --tokenizer {tokenizer}");
        Target::new(&folder, "text.txt", Kind::Text, &command)
    };
    tokenizers.into_iter().map(target).collect()
}

fn packed(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("packed", &[("prose.txt", "prose.txt")])?;
    let files = [
        ("text.txt.gz", Packing::Gzip, prose()),
        ("text.txt.xz", Packing::Xz, prose()),
        ("text.txt.zst", Packing::Zstd, prose()),
        ("texts.jsonl.gz", Packing::Gzip, texts()),
    ];
    let target = |(name, packing, text): (_, _, String)| {
        let (kind, stats) = (Kind::Packed(packing), format!("data stats {name} {STATS}"));
        Target::of_seed(&folder, name, kind, text.into_bytes(), &stats)
    };
    Ok(files.into_iter().map(target).collect())
}

/// Texts in JSON lines.
fn texts() -> String {
    let prose = prose();
    let lines = prose.lines().filter(|line| !line.is_empty()).take(40);
    lines.map(|line| format!("{}\n", json!({"id": 7, "text": line, "score": 0.5}))).collect()
}

/// What Parquet's own library wrote, from the corpus of the fuzz target.
fn parquet(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("parquet", &[("prose.txt", "prose.txt")])?;
    let corpus = repository("fuzz/corpus/parquet");
    let mut files = Vec::new();
    for entry in fs_err::read_dir(corpus)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("valid_pyarrow") {
            files.push(path);
        }
    }
    files.sort();
    let stats = format!("data stats texts.parquet {STATS}");
    let target = |path| {
        let seed = fs_err::read(path)?;
        Ok(Target::of_seed(&folder, "texts.parquet", Kind::Parquet, seed, &stats))
    };
    files.iter().map(target).collect()
}

fn examples(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("examples", &MODEL)?;
    let places = ["Bath", "the sea", "London", "the garden", "the village", "the old house"];
    let labelled = |number: usize| (places[number % 6], ["good", "bad"][number % 2]);
    let table = |separator: char, quote: &str| {
        let row = |number| {
            let (place, word) = labelled(number);
            format!("{quote}{place}, it is {word}.{quote}{separator}{word}\n")
        };
        format!("text{separator}label\n{}", (0..20).map(row).collect::<String>())
    };
    let lines = |record: &dyn Fn(usize) -> Value| {
        (0..20).map(|number| format!("{}\n", record(number))).collect::<String>()
    };
    let instructions = lines(&|number| {
        let (place, word) = labelled(number);
        json!({"instruction": format!("How is {place}?"), "input": "", "output": word})
    });
    let messages = lines(&|number| {
        let (place, word) = labelled(number);
        json!({"messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": format!("How is {place}?")},
            {"role": "assistant", "content": word},
        ]})
    });
    let summaries: Vec<Value> = (0..20)
        .map(|number| {
            let (place, word) = labelled(number);
            json!({"document": format!("In the morning {place} is {word}."), "summary": word})
        })
        .collect();
    let files = [
        ("classify", "examples.csv", Kind::Text, table(',', "\"")),
        ("classify", "examples.tsv", Kind::Text, table('\t', "")),
        ("instruct", "examples.jsonl", Kind::JsonLines, instructions),
        ("instruct", "messages.jsonl", Kind::JsonLines, messages),
        ("summarize", "summaries.json", Kind::Json, json!(summaries).to_string()),
    ];
    let target = |(task, name, kind, contents): (&str, &str, Kind, String)| {
        let command = format!("finetune model --task {task} --data {name} --dry-run --device cpu");
        Target::of_seed(&folder, name, kind, contents.into_bytes(), &command)
    };
    Ok(files.into_iter().map(target).collect())
}

fn adapter(stage: &Stage) -> Result<Vec<Target>> {
    let files = [&MODEL[..], &[("tuned/adapter", "adapter")]].concat();
    let folder = stage.template("adapter", &files)?;
    let command = format!("{GENERATE} --adapter adapter");
    Ok(vec![
        Target::new(&folder, "adapter/adapter_config.json", Kind::Json, &command)?,
        Target::new(&folder, "adapter/adapter_model.safetensors", Kind::Safetensors, &command)?,
    ])
}

fn index(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("index", &[("index", "index")])?;
    let command = "ask --index index --no-model sea";
    Ok(vec![Target::new(&folder, "index/index.bin", Kind::Binary, command)?])
}

/// The files of a run that some command reads.
fn run(stage: &Stage) -> Result<Vec<Target>> {
    let files = [
        "config.json",
        "environment.json",
        "tokenizer.json",
        "metrics.csv",
        "samples.md",
        "summary.json",
        "checkpoints",
        "plots",
    ];
    let names = files.map(|file| format!("run/{file}"));
    let mut copies: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &**name)).collect();
    copies.push(("prose.txt", "prose.txt"));
    let folder = stage.template("run", &copies)?;
    // Nothing to fall back on.
    for entry in fs_err::read_dir(folder.join("run/checkpoints"))? {
        let path = entry?.path();
        if !path.ends_with("step-000004") {
            fs_err::remove_dir_all(path)?;
        }
    }
    // Two steps that a resumed run still has to take.
    let path = folder.join("run/config.json");
    let mut config: Value = serde_json::from_slice(&fs_err::read(&path)?)?;
    config["training"]["max_steps"] = 6.into();
    fs_err::write(path, config.to_string())?;
    let (generate, resume) = (GENERATE.replace("model", "run"), "train --resume run --device cpu");
    let set = |name: &str| format!("run/checkpoints/step-000004/{name}");
    Ok(vec![
        Target::new(&folder, "run/config.json", Kind::Json, &generate)?,
        Target::new(&folder, &set("model.bpk"), Kind::Binary, &generate)?.with_manifest(),
        Target::new(&folder, &set("manifest.json"), Kind::Json, &generate)?,
        Target::new(&folder, "run/config.json", Kind::Json, resume)?,
        Target::new(&folder, "run/metrics.csv", Kind::Text, "plot run")?,
        Target::new(&folder, &set("optimizer.bpk"), Kind::Binary, resume)?.with_manifest(),
        Target::new(&folder, &set("schedule.bpk"), Kind::Binary, resume)?.with_manifest(),
        Target::new(&folder, "run/metrics.csv", Kind::Text, resume)?,
        Target::new(&folder, "run/samples.md", Kind::Text, resume)?,
        Target::new(&folder, "run/tokenizer.json", Kind::Json, &generate)?,
        Target::new(&folder, "run/summary.json", Kind::Json, "export run --out copy --device cpu")?,
        Target::new(
            &folder,
            "run/environment.json",
            Kind::Json,
            "export run --out copy --device cpu",
        )?,
    ])
}

fn questions(stage: &Stage) -> Result<Vec<Target>> {
    let files = [&MODEL[..], &[("index", "index"), ("prose.txt", "prose.txt")]].concat();
    let folder = stage.template("questions", &files)?;
    let choices =
        json!({"question": "Anne walked to", "choices": ["Bath", "the sea"], "answer": 1});
    let cloze = json!({"text": "In the morning Emma spoke of the garden"});
    let asked =
        json!({"question": "Who walked to the sea?", "source": "prose.txt:1", "answer": "Anne"});
    let lines = |value: &Value| format!("{value}\n").repeat(3).into_bytes();
    let target =
        |name, kind, seed, command: &str| Target::of_seed(&folder, name, kind, seed, command);
    let eval = "eval model --device cpu --tasks";
    Ok(vec![
        target("choices.jsonl", Kind::JsonLines, lines(&choices), &format!("{eval} choices.jsonl")),
        target("cloze.jsonl", Kind::JsonLines, lines(&cloze), &format!("{eval} cloze.jsonl")),
        target(
            "asked.jsonl",
            Kind::JsonLines,
            lines(&asked),
            "ask --index index --no-model --questions asked.jsonl",
        ),
        target(
            "prompts.txt",
            Kind::Text,
            b"In the morning\nAnne walked\n".to_vec(),
            "generate model --prompts prompts.txt --max-tokens 4 --greedy --device cpu",
        ),
    ])
}
