//! The valid files that mutants are made from: a small run and what the program makes of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A folder with a run, its model, an adapter and an index.
pub(crate) struct Stage {
    pub(crate) program: PathBuf,
    pub(crate) folder: PathBuf,
}

/// What the run in `run` is told: a context that has room for an instruction, and steps that end soon.
const TRAIN: &str = "--preset tiny --device cpu --max-steps 4 --eval-every 4 --runs .";

impl Stage {
    pub(crate) fn new(program: &Path, folder: &Path) -> Result<Self> {
        fs_err::create_dir_all(folder)?;
        let stage = Self { program: program.to_owned(), folder: folder.to_owned() };
        fs_err::write(folder.join("prose.txt"), prose())?;
        // 19 characters, and the end of a text: the vocabulary of PyTorch's fixtures.
        fs_err::write(folder.join("sea.txt"), "It was the sea. bcdfgklmn\n".repeat(40))?;
        stage.minigpt(&format!(
            "train --data prose.txt --tokenizer bpe:300 --set model.block_size=128 --name run {TRAIN}"
        ))?;
        stage
            .minigpt(&format!("train --data sea.txt --tokenizer char --name characters {TRAIN}"))?;
        stage.minigpt("finetune run --task lm --data prose.txt --lora 2 --max-steps 2 --device cpu --name tuned --runs .")?;
        stage.minigpt(&format!(
            "train --data prose.txt --tokenizer bpe:300 --model tiny-llama --name llama {TRAIN}"
        ))?;
        stage.minigpt("export run --out model --gguf gpt2.gguf --device cpu")?;
        stage.minigpt("export llama --gguf llama.gguf --device cpu")?;
        stage.minigpt("index prose.txt --out index")?;
        Ok(stage)
    }

    fn minigpt(&self, line: &str) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace()).current_dir(&self.folder);
        command.env("MINIGPT_CACHE", self.folder.join("cache"));
        let output = command.output().with_context(|| format!("could not start {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "minigpt {line} failed:\n{said}");
        Ok(())
    }

    /// A file of the stage.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>> {
        Ok(fs_err::read(self.folder.join(name))?)
    }

    /// A new folder with copies of files and folders of the stage, each with its name there.
    pub(crate) fn template(&self, name: &str, copies: &[(&str, &str)]) -> Result<PathBuf> {
        let folder = self.folder.join("templates").join(name);
        for (from, to) in copies {
            let (from, to) = (self.folder.join(from), folder.join(to));
            if from.is_dir() {
                copy_folder(&from, &to)?;
            } else {
                fs_err::create_dir_all(to.parent().context("a name without a folder")?)?;
                fs_err::copy(from, to)?;
            }
        }
        Ok(folder)
    }
}

/// Copies a folder with all that is below it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs_err::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

/// Sentences enough to learn from and to hold a tenth out.
pub(crate) fn prose() -> String {
    let mut text = String::new();
    for who in ["Anne", "Mr. Weston", "the captain", "her sister", "Emma"] {
        for what in ["walked to", "wrote from", "spoke of", "hoped to see", "remembered"] {
            for place in ["the village", "the sea", "the old house", "Bath", "the garden"] {
                text += &format!("In the morning {who} {what} {place}.\n\n");
            }
        }
    }
    text
}
