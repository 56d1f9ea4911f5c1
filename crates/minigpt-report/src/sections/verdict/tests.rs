use minigpt_train::{RunConfig, RunFolder, StartFigures};

use super::*;

#[test]
fn texts_of_one_name_and_different_sizes_rank_no_runs() {
    let folder = tempfile::tempdir().unwrap();
    let config = serde_json::to_string(&RunConfig::tiny()).unwrap();
    fs_err::write(folder.path().join("config.json"), config).unwrap();
    let run = RunFolder::open(folder.path()).unwrap();
    let record = |bytes: Option<u64>, tokens: usize| {
        let split = |bytes| SplitFigures {
            examples: None,
            tokens,
            predicted: tokens,
            bytes,
            words: 9,
            characters: 99,
        };
        let start = |bytes| StartFigures {
            parameters: 1,
            trained: 1,
            train: split(7),
            valid: split(bytes),
            unigram_perplexity: None,
        };
        let mut record = RunRecord::read(&run, 1).unwrap();
        record.start = bytes.map(start);
        record
    };
    let is_one_text = |runs: [RunRecord; 3]| !ranking(&runs).contains("different texts");
    assert!(is_one_text([record(Some(100), 20), record(None, 20), record(Some(100), 30)]));
    assert!(!is_one_text([record(Some(100), 20), record(None, 20), record(Some(101), 20)]));
}
