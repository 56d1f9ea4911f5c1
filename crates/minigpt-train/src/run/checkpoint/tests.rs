//! Sets that cannot be written, and sets that cannot be read.

use std::path::{Path, PathBuf};

use burn::store::RecordError;
use burn::tensor::Bytes;
use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};

use super::*;

/// A record that cannot be written.
struct Unwritable;

impl Checkpoint for Unwritable {
    fn save(self, _: PathBuf) -> Result<(), CheckpointerError> {
        Err(CheckpointerError::Unknown("never".to_owned()))
    }
    fn load(_: PathBuf) -> Result<Self, CheckpointerError> {
        Err(CheckpointerError::Unknown("never".to_owned()))
    }
    fn checkpoint_from_bytes(_: Bytes) -> Result<Self, RecordError> {
        Ok(Self)
    }
    fn checkpoint_into_bytes(self) -> Result<Bytes, RecordError> {
        Err(RecordError::Io("no bytes".to_owned()))
    }
}

fn manifest() -> CheckpointManifest {
    CheckpointManifest::new(1, GptConfig::tiny(256), String::new(), String::new())
}

#[test]
fn a_part_without_bytes_ends_its_set() {
    let folder = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::new(folder.path().join("checkpoints"));
    let sets = SetWriter::new(folder.clone(), 2, None);
    sets.begin(manifest(), &[]).unwrap();
    let [model, ..] = sets.parts();
    model.save(1, Unwritable).unwrap_err();
    assert!(sets.check().unwrap_err().to_string().contains("no bytes"));
    assert!(!folder.partial(1).exists());
    // With the set still announced this would wait for ever.
    sets.begin(manifest(), &[]).unwrap();
}

#[test]
fn sets_that_could_not_be_read_are_kept_under_other_names() {
    let folder = tempfile::tempdir().unwrap();
    let sets = CheckpointFolder::new(folder.path().to_owned());
    for text in ["first", "second"] {
        fs_err::create_dir(sets.set(20)).unwrap();
        fs_err::write(sets.set(20).join("model.bpk"), text).unwrap();
        sets.set_aside_after(10, &mut |message| panic!("{message}")).unwrap();
    }
    let model = |name: &str| fs_err::read_to_string(folder.path().join(name).join("model.bpk"));
    assert_eq!(model("step-000020.damaged").unwrap(), "first");
    assert_eq!(model("step-000020.damaged-2").unwrap(), "second");
    assert!(sets.is_empty().unwrap());
}

/// What is in a folder, but for folders in it.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn names_that_are_not_of_sets_are_known() {
    for (name, expected) in [
        ("step-000700", Entry::Set(700)),
        ("step-1000000", Entry::Set(1_000_000)),
        ("step-000700.partial", Entry::HalfWritten),
        ("step-700", Entry::Stray),
        ("step-0000700", Entry::Stray),
        ("step-700.partial", Entry::Stray),
        ("step-000700.old", Entry::Stray),
        ("step-000700.damaged", Entry::Other),
        ("step-000700.damaged-2", Entry::Other),
        ("step-700.damaged", Entry::Other),
        ("notes.txt", Entry::Other),
        ("mine.partial", Entry::Other),
    ] {
        assert_eq!(Entry::of(name), expected, "{name}");
    }
}

#[test]
fn only_what_a_run_wrote_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let sets = CheckpointFolder::new(folder.path().to_owned());
    // As a crash leaves it; the same with somebody's notes; a file; an invalid name.
    for (step, extra) in [(10, None), (20, Some("notes.txt"))] {
        fs_err::create_dir(sets.partial(step)).unwrap();
        for file in [MODEL_FILE, TOKENIZER_FILE].into_iter().chain(extra) {
            fs_err::write(sets.partial(step).join(file), "x").unwrap();
        }
    }
    fs_err::write(sets.partial(30), "a file").unwrap();
    fs_err::create_dir(folder.path().join("step-700")).unwrap();
    fs_err::write(folder.path().join("mine.partial"), "the user's").unwrap();
    let mut heard = Vec::new();
    sets.set_aside_after(5, &mut |message| heard.push(message)).unwrap();
    let aside = ["step-000020.partial.damaged", "step-000030.partial.damaged", "step-700.damaged"];
    assert_eq!(names(folder.path()), [&["mine.partial"], &aside[..]].concat());
    assert_eq!(names(&folder.path().join(aside[0])), ["notes.txt"]);
    assert_eq!(heard.len(), 3, "{heard:?}");
    for (message, aside) in heard.iter().zip(aside) {
        assert!(message.ends_with(&format!("set aside as {aside}")), "{message}");
    }
    // A second time there is nothing to do.
    sets.set_aside_after(5, &mut |message| panic!("{message}")).unwrap();
}

/// A set with all its files, under its own name or another.
pub(super) fn write_set(path: &Path, step: usize) {
    fs_err::create_dir(path).unwrap();
    let mut manifest = CheckpointManifest { step, ..manifest() };
    for part in PARTS {
        fs_err::write(path.join(part), part).unwrap();
        manifest.sha256.insert(part.to_owned(), minigpt_files::sha256(part));
    }
    let json = serde_json::to_vec(&manifest).unwrap();
    fs_err::write(path.join(MANIFEST_FILE), json).unwrap();
}

#[test]
fn a_set_that_is_whole_but_for_its_name_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let sets = CheckpointFolder::new(folder.path().to_owned());
    write_set(&sets.partial(10), 10);
    write_set(&sets.partial(20), 20);
    fs_err::write(sets.partial(20).join(MODEL_FILE), "half").unwrap();
    sets.finish_written().unwrap();
    assert_eq!(names(folder.path()), ["step-000010", "step-000020.partial"]);
    assert_eq!(sets.last(&mut |error| panic!("{error}")).unwrap().unwrap().step, 10);
}

#[test]
fn a_manifest_that_leads_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sets = CheckpointFolder::new(folder.path().to_owned());
    write_set(&sets.set(10), 10);
    let path = sets.set(10).join(MANIFEST_FILE);
    let whole: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let message = || {
        let mut heard = Vec::new();
        assert!(sets.last(&mut |error| heard.push(error.to_string())).unwrap().is_none());
        heard.remove(0)
    };
    for name in ["/dev/zero", "../step-000010/model.bpk", "..", "a/b"] {
        let mut manifest = whole.clone();
        manifest["sha256"][name] = "0".into();
        fs_err::write(&path, manifest.to_string()).unwrap();
        let expected = format!("it lists {name:?}; expected the name of a file beside it");
        assert!(message().ends_with(&expected), "{}", message());
    }
    fs_err::write(&path, " ".repeat(2 << 20)).unwrap();
    assert!(message().ends_with("too much for the manifest of a checkpoint"));
    #[cfg(unix)]
    {
        fs_err::write(&path, whole.to_string()).unwrap();
        let model = sets.set(10).join(MODEL_FILE);
        fs_err::remove_file(&model).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &model).unwrap();
        assert!(message().ends_with("expected a file"));
    }
}
