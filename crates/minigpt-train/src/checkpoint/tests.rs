//! Sets that cannot be written, and sets that cannot be read.

use std::path::PathBuf;

use burn::store::RecordError;
use burn::tensor::Bytes;

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

fn manifest() -> Manifest {
    Manifest::new(1, GptConfig::tiny(256), String::new(), String::new())
}

#[test]
fn a_part_without_bytes_ends_its_set() {
    let folder = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::new(folder.path().join("checkpoints"));
    let sets = SetWriter::new(folder.clone(), 2);
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
        sets.set_aside_after(10).unwrap();
    }
    let model = |name: &str| fs_err::read_to_string(folder.path().join(name).join("model.bpk"));
    assert_eq!(model("step-000020.damaged").unwrap(), "first");
    assert_eq!(model("step-000020.damaged-2").unwrap(), "second");
    assert!(sets.is_empty().unwrap());
}
