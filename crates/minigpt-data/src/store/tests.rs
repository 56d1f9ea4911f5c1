//! A store against memory, interrupted, and damaged.
#![allow(clippy::unwrap_used)]

use super::{SplitManifest, TokenStore};
use crate::{Corpus, Preparing, ReadOptions, Source, TokenSplit, Tokenizer, TokenizerSpec};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

fn prepare(root: &Path, spec: &TokenizerSpec, report: &mut dyn FnMut(Preparing)) -> TokenStore {
    let documents = Source::Embedded.open(&ReadOptions::default()).unwrap();
    TokenStore::prepare_in_shards(root, &documents, spec, 100_000, report).unwrap()
}

fn ids(split: &TokenSplit) -> Vec<u32> {
    let mut ids = Vec::new();
    split.tokens.copy(0..split.len(), &mut ids);
    ids
}

/// The counts and ids that tokenizing in memory gives.
fn check(store: &TokenStore) {
    let corpus = Corpus::embedded().unwrap();
    for (split, documents) in [(store.train(), &corpus.train), (store.valid(), &corpus.valid)] {
        let tokenizer = store.tokenizer();
        let expected = TokenSplit::from_documents(tokenizer, documents, &mut |_| {}).unwrap();
        assert!(ids(split) == ids(&expected));
        assert_eq!(
            (split.bytes, split.words, split.characters),
            (expected.bytes, expected.words, expected.characters)
        );
    }
}

#[test]
fn an_interrupted_run_goes_on_after_its_last_shard() {
    let root = tempfile::tempdir().unwrap();
    let spec = TokenizerSpec::Byte;
    let mut reports = 0;
    let interrupted = catch_unwind(AssertUnwindSafe(|| {
        prepare(root.path(), &spec, &mut |_| {
            reports += 1;
            assert_ne!(reports, 2, "as if the power had failed");
        });
    }));
    assert!(interrupted.is_err());
    let mut first = None;
    let store = prepare(root.path(), &spec, &mut |progress| {
        if let Preparing::Tokenizing(progress) = progress {
            first.get_or_insert(progress.done_bytes);
        }
    });
    assert!(first > Some(2_200_000), "{first:?}");
    check(&store);
    let shards = |split: &SplitManifest| split.shards.len();
    assert_eq!(store.manifest().splits.iter().map(shards).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_store_has_what_memory_has_and_costs_nothing_the_second_time() {
    let root = tempfile::tempdir().unwrap();
    let spec = TokenizerSpec::Gpt2;
    let mut reports = Vec::new();
    let store = prepare(root.path(), &spec, &mut |progress| reports.push(progress));
    check(&store);
    assert_eq!(store.manifest().splits[0].documents, 4);
    let Some(Preparing::Tokenizing(last)) = reports.last() else { panic!("{reports:?}") };
    assert_eq!(last.done_bytes, last.total_bytes);
    let again = prepare(root.path(), &spec, &mut |_| panic!("tokenized again"));
    assert_eq!(again.manifest(), store.manifest());
    assert_eq!(store.found(), None);
    let age = again.found().unwrap().elapsed().unwrap_or_default();
    assert!(age.as_secs() < 600, "{age:?}");

    // Another tokenizer is another store; a tokenizer of the same kind is found by its ids.
    let other = prepare(root.path(), &TokenizerSpec::Byte, &mut |_| {});
    assert_ne!(other.folder(), store.folder());
    let path = root.path().join("mine.json");
    Tokenizer::bytes().unwrap().save(&path).unwrap();
    let file = prepare(root.path(), &TokenizerSpec::File { path: path.clone() }, &mut |_| {});
    Tokenizer::train_bpe(std::iter::empty(), 257).unwrap().save(&path).unwrap();
    let changed = prepare(root.path(), &TokenizerSpec::File { path }, &mut |_| {});
    assert_ne!(file.folder(), changed.folder());
}

#[test]
fn damage_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let store = prepare(root.path(), &TokenizerSpec::Byte, &mut |_| {});
    let folder = store.folder().to_owned();
    drop(store);
    let spoil = |file: &str, bytes: &[u8]| {
        let good = fs_err::read(folder.join(file)).unwrap();
        fs_err::write(folder.join(file), bytes).unwrap();
        let error = TokenStore::open(&folder).unwrap_err().to_string();
        fs_err::write(folder.join(file), good).unwrap();
        error
    };
    let error = spoil("train-00000.bin", b"short");
    assert!(error.contains("train-00000.bin is not a usable token store: 5 bytes instead of "));
    let mut turned = fs_err::read(folder.join("train-00000.bin")).unwrap();
    turned[100..102].fill(0xff);
    let error = spoil("train-00000.bin", &turned);
    assert!(error.contains("train-00000.bin is not a usable token store: token id 65535 is not below the vocabulary's 257"), "{error}");
    let manifest = fs_err::read_to_string(folder.join("manifest.json")).unwrap();
    let elsewhere = manifest.replace("train-00000.bin", "../train-00000.bin");
    let error = spoil("manifest.json", elsewhere.as_bytes());
    assert!(error.contains("\"../train-00000.bin\" is no name of a file in it"), "{error}");
    assert!(spoil("manifest.json", b"{").contains("manifest.json is not a usable token store: "));
    let chars = Tokenizer::characters(["a"].into_iter()).unwrap();
    chars.save(&root.path().join("other.json")).unwrap();
    let other = fs_err::read(root.path().join("other.json")).unwrap();
    assert!(spoil("tokenizer.json", &other).contains("is not the one that made its tokens"));
    TokenStore::open(&folder).unwrap();
}
