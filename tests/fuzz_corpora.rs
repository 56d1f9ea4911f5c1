//! Every input of the fuzz targets' corpora, read by an ordinary build: none makes a reader panic, and those
//! whose names begin with `valid` are read.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::PathBuf;

/// A module and a test for each target, and the list of all of them.
macro_rules! targets {
    ($($target:ident: $path:literal,)*) => {
        $(#[path = $path] mod $target;)*

        /// The names of the targets.
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        mod corpus_of {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target), super::$target::$target);
                }
            )*
        }
    };
}

targets! {
    adapter: "../fuzz/readers/adapter.rs",
    checkpoint: "../fuzz/readers/checkpoint.rs",
    config: "../fuzz/readers/config.rs",
    example_records: "../fuzz/readers/example_records.rs",
    gguf: "../fuzz/readers/gguf.rs",
    hub: "../fuzz/readers/hub.rs",
    hugging_face_config: "../fuzz/readers/hugging_face_config.rs",
    index: "../fuzz/readers/index.rs",
    json_lines: "../fuzz/readers/json_lines.rs",
    packed: "../fuzz/readers/packed.rs",
    parquet: "../fuzz/readers/parquet.rs",
    pytorch: "../fuzz/readers/pytorch.rs",
    safetensors: "../fuzz/readers/safetensors.rs",
    tokenizer: "../fuzz/readers/tokenizer.rs",
    vocabulary: "../fuzz/readers/vocabulary.rs",
}

fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn names(folder: PathBuf) -> BTreeSet<String> {
    let entries = fs_err::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Gives each input to the reader, and names all with which something is wrong.
fn replay(target: &str, reader: fn(&[u8]) -> bool) {
    let folder = corpora().join(target);
    let inputs = names(folder.clone());
    assert!(inputs.len() >= 20, "only {} inputs in {}", inputs.len(), folder.display());
    let wrong = inputs.iter().filter_map(|name| {
        let bytes = fs_err::read(folder.join(name)).unwrap();
        match catch_unwind(|| reader(&bytes)) {
            Err(_) => Some(format!("{target}/{name} breaks its reader")),
            Ok(false) if name.starts_with("valid") => Some(format!("{target}/{name} is not read")),
            Ok(_) => None,
        }
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().copied().map(str::to_owned).collect();
    assert_eq!(names(corpora()), targets);
    let binaries = names(corpora().join("../fuzz_targets"));
    let binaries: BTreeSet<String> =
        binaries.iter().map(|name| name.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(binaries, targets);
}
