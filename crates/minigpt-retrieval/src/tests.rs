//! The index as a whole, on disk.

mod damage;
mod processes;
mod reference;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::{
    Changes, Found, Index, IndexingProgress, IndexingStage, PASSAGE_WORDS, RetrievalError, Text,
    find_texts, update,
};

/// An index folder in a folder of texts.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn index(&self) -> PathBuf {
        self.0.path().join("index")
    }

    fn texts(&self) -> PathBuf {
        let folder = self.0.path().join("texts");
        fs_err::create_dir_all(&folder).unwrap();
        folder
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs_err::write(self.texts().join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs_err::remove_file(self.texts().join(name)).unwrap();
    }

    fn update(&self) -> Result<Changes, RetrievalError> {
        let texts = find_texts(&[self.texts()], &self.index())?;
        update(&self.index(), &texts, Some(20), &mut |_| {})
    }

    fn search(&self, question: &str) -> Vec<Found> {
        Index::open(&self.index()).unwrap().search(question, 100).unwrap()
    }
}

/// Names without their folders.
fn names(sources: &[String]) -> Vec<&str> {
    sources.iter().map(|source| Path::new(source).file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn an_update_indexes_what_changed_and_nothing_else() {
    let place = Place::new();
    for (name, text) in [("a.txt", "the sea"), ("b.txt", "the town"), ("c.txt", "the hill")] {
        place.write(name, text);
    }
    let changes = place.update().unwrap();
    assert_eq!(names(&changes.added), ["a.txt", "b.txt", "c.txt"]);
    assert_eq!((changes.texts, changes.passages), (3, 3));

    place.write("b.txt", "the village");
    place.remove("c.txt");
    place.write("d.txt", "the garden");
    place.write("picture.png", b"\x89PNG\0");
    let changes = place.update().unwrap();
    assert_eq!(names(&changes.added), ["d.txt"]);
    assert_eq!(names(&changes.changed), ["b.txt"]);
    assert_eq!(names(&changes.removed), ["c.txt"]);
    assert_eq!((changes.unchanged, changes.texts, changes.passages), (1, 3, 3));
    assert!(changes.skipped[0].reason.contains("NUL"));
    assert!(place.search("town").is_empty() && place.search("hill").is_empty());
    assert_eq!(place.search("villages")[0].passage.text, "the village");

    let changes = place.update().unwrap();
    assert_eq!((changes.unchanged, changes.added.len(), changes.changed.len()), (3, 0, 0));
}

#[test]
fn another_length_of_passages_cuts_all_texts_again() {
    let place = Place::new();
    place.write("a.txt", "one two three four five six seven eight nine ten ".repeat(2));
    assert_eq!(place.update().unwrap().passages, 1);
    let texts = find_texts(&[place.texts()], &place.index()).unwrap();
    let changes = update(&place.index(), &texts, Some(10), &mut |_| {}).unwrap();
    assert_eq!((changes.changed.len(), changes.passages), (1, 2));
    let changes = update(&place.index(), &texts, None, &mut |_| {}).unwrap();
    assert_eq!((changes.unchanged, changes.words), (1, 10), "as the index has them");
    assert_eq!(place.search("seven").len(), 2);
    let error = update(&place.index(), &texts, Some(0), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "passages of 0 words: expected 8 to 10000");
}

/// BM25 as Robertson and Zaragoza write it, with the inverse document frequency that Lucene made
/// non-negative, of words that are their own stems.
fn bm25(question: &str, texts: &[&str]) -> Vec<f64> {
    let (k1, b, all) = (1.2, 0.75, texts.len() as f64);
    let texts: Vec<Vec<&str>> = texts.iter().map(|text| text.split(' ').collect()).collect();
    let mean = texts.iter().map(Vec::len).sum::<usize>() as f64 / all;
    let terms: BTreeSet<&str> = question.split(' ').collect();
    let score = |text: &Vec<&str>| {
        let of_term = |term: &&str| {
            let with = texts.iter().filter(|text| text.contains(term)).count() as f64;
            let idf = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            let often = text.iter().filter(|word| *word == term).count() as f64;
            let length = 1.0 - b + b * text.len() as f64 / mean;
            idf * often * (k1 + 1.0) / (often + k1 * length)
        };
        terms.iter().map(of_term).sum()
    };
    texts.iter().map(score).collect()
}

#[test]
fn scores_are_those_of_the_formula() {
    let texts = ["sea sea wind", "sea hill", "hill hill hill town", "wind town garden sea bird"];
    let place = Place::new();
    for (number, text) in texts.iter().enumerate() {
        place.write(&number.to_string(), text);
    }
    place.update().unwrap();
    for question in ["sea", "hill town", "wind sea bird", "sea sea"] {
        let expected = bm25(question, &texts);
        let found = place.search(question);
        assert_eq!(found.len(), expected.iter().filter(|score| **score > 0.0).count());
        for found in &found {
            let number: usize =
                names(std::slice::from_ref(&found.passage.source))[0].parse().unwrap();
            let difference = f64::from(found.score) - expected[number];
            assert!(difference.abs() < 1e-4, "{question}: {} {}", found.score, expected[number]);
        }
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The only passage with a word is found by it, alone and among passages with other words of the question.
    #[test]
    fn the_only_passage_with_a_word_is_found(
        texts in prop::collection::vec("([abcd]{1,3}[ .\n]){1,40}", 1..8),
        place in 0_usize..8,
    ) {
        let index = Place::new();
        for (number, text) in texts.iter().enumerate() {
            let rare = if number == place % texts.len() { "zebra" } else { "" };
            index.write(&number.to_string(), format!("{text} {rare}"));
        }
        index.update().unwrap();
        let alone = index.search("zebra");
        prop_assert!(alone.len() == 1 && alone[0].passage.text.contains("zebra"));
        let found = index.search("Was a zebra there?");
        prop_assert_eq!(found.iter().filter(|found| found.passage.text.contains("zebra")).count(), 1);
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let few = Index::open(&index.index()).unwrap().search("Was a zebra there?", 2).unwrap();
        prop_assert_eq!(&few, &found[..found.len().min(2)]);
    }

    /// The order of the texts is of no effect, and equal passages come by source and line.
    #[test]
    fn shuffled_texts_are_the_same_index(
        (texts, shuffled) in prop::collection::vec("([ab]{1,2}[ \n]){1,30}", 1..6).prop_flat_map(|texts| {
            let named: Vec<Text> = (0..).zip(texts).map(|(n, text)| Text::given(format!("{n}"), text)).collect();
            (Just(named.clone()), Just(named).prop_shuffle())
        }),
    ) {
        let (one, other) = (Place::new(), Place::new());
        update(&one.index(), &texts, Some(8), &mut |_| {}).unwrap();
        update(&other.index(), &shuffled, Some(8), &mut |_| {}).unwrap();
        let found = one.search("a bb");
        prop_assert_eq!(&found, &other.search("a bb"));
        let order = |found: &Found| (found.passage.source.clone(), found.passage.first_line);
        for pair in found.windows(2) {
            prop_assert!(pair[0].score > pair[1].score || order(&pair[0]) <= order(&pair[1]));
        }
    }

    /// Each step writes some texts and removes others; an index that followed is one made at the end.
    #[test]
    fn an_index_that_grew_is_one_made_at_once(
        steps in prop::collection::vec(
            prop::collection::vec((0_u8..4, prop::option::of("([abc]{1,2} ){1,12}")), 1..4),
            1..4,
        ),
    ) {
        let (grown, fresh) = (Place::new(), Place::new());
        for step in steps {
            grown.write("always", "a b c");
            for (name, text) in step {
                match text {
                    Some(text) => grown.write(&name.to_string(), text),
                    None if grown.texts().join(name.to_string()).exists() => grown.remove(&name.to_string()),
                    None => {}
                }
            }
            grown.update().unwrap();
        }
        let texts = find_texts(&[grown.texts()], &fresh.index()).unwrap();
        update(&fresh.index(), &texts, Some(20), &mut |_| {}).unwrap();
        let file = |place: &Place| fs_err::read(place.index().join("index.bin")).unwrap();
        prop_assert!(file(&grown) == file(&fresh));
    }
}

#[test]
fn an_excerpt_is_the_stretch_about_the_question() {
    let place = Place::new();
    let text = "one two three the sea was grey that day and Anne walked home alone";
    place.write("a.txt", text);
    place.write("b.txt", "the the the and that was");
    place.update().unwrap();
    let index = Index::open(&place.index()).unwrap();
    assert_eq!(index.excerpt("Who walks home?", text, 3).unwrap(), "Anne walked home");
    assert_eq!(index.excerpt("Who walks home?", text, 100).unwrap(), text);
    assert_eq!(index.excerpt("zebra", text, 2).unwrap(), "one two");

    let found = index.search("walked home", 5).unwrap();
    let within = |most: usize| {
        let mut fits = |texts: &[String]| -> Result<bool, RetrievalError> {
            Ok(texts.iter().map(|text| text.split(' ').count()).sum::<usize>() <= most)
        };
        index.excerpts("walked home", &found, &mut fits).unwrap()
    };
    assert_eq!(within(100), [text]);
    assert_eq!(within(14), [text]);
    assert_eq!(within(2), ["walked home"]);
    assert!(within(0).is_empty());
}

#[test]
fn punctuation_is_no_syntax_and_other_words_find_nothing() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    place.update().unwrap();
    for question in ["\"sea", "sea AND (", "+sea -the ^:*~", "source:sea", "SEA?!"] {
        assert_eq!(place.search(question).len(), 1, "{question}");
    }
    for question in ["", "?!", "zebra"] {
        assert!(place.search(question).is_empty(), "{question}");
    }
}

#[test]
fn what_is_no_text_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let error = place.update().unwrap_err().to_string();
    assert!(error.contains("texts: no text to index"), "{error}");
    place.write("picture.png", b"\x89PNG\0");
    let error = place.update().unwrap_err().to_string();
    assert!(error.contains("picture.png: no text to index"), "{error}");
    assert!(!place.index().exists());

    let texts = find_texts(&[place.texts().join("picture.png")], &place.index()).unwrap();
    let error = update(&place.index(), &texts, Some(20), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("is not text: a NUL byte at byte 4"), "{error}");
    assert!(!place.index().exists());
}

#[test]
fn an_update_that_fails_leaves_the_index_as_it_was() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    place.update().unwrap();
    place.remove("a.txt");
    assert!(matches!(place.update(), Err(RetrievalError::NoText { .. })));
    assert_eq!(place.search("sea").len(), 1);
}

#[test]
fn a_folder_of_something_else_is_not_touched() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    let texts = find_texts(&[place.texts()], &place.index()).unwrap();
    let error = update(&place.texts(), &texts, Some(20), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RetrievalError::NoIndex { .. }));
    assert!(place.texts().join("a.txt").exists());
    assert!(matches!(Index::open(&place.texts()), Err(RetrievalError::NoIndex { .. })));
    assert!(matches!(Index::open(&place.index()), Err(RetrievalError::NoIndex { .. })));
}

#[test]
fn progress_ends_with_all_bytes_read() {
    let place = Place::new();
    place.write("a.txt", "the sea and the hill\n\n".repeat(1 << 17));
    let texts = find_texts(&[place.texts()], &place.index()).unwrap();
    let mut stages = Vec::new();
    update(&place.index(), &texts, Some(20), &mut |at| stages.push(at)).unwrap();
    let of = |stage| -> Vec<&IndexingProgress> {
        stages.iter().filter(|at| at.stage == stage).collect()
    };
    let [read, indexed, written] =
        [IndexingStage::Reading, IndexingStage::Indexing, IndexingStage::Writing].map(of);
    assert!(read.last().is_some_and(|at| at.done_bytes == at.total_bytes));
    for stage in [indexed, written] {
        assert!(stage.len() > 1 && stage.is_sorted_by_key(|at| at.done_bytes), "{stage:?}");
        assert!(stage.iter().all(|at| at.done_bytes <= at.total_bytes));
    }
}

#[test]
fn an_empty_folder_of_the_users_outlives_a_failure() {
    let place = Place::new();
    fs_err::create_dir(place.index()).unwrap();
    place.write("picture.png", b"\x89PNG\0");
    assert!(matches!(place.update(), Err(RetrievalError::NoText { .. })));
    assert!(place.index().is_dir());
}

#[test]
fn texts_without_spaces_are_found() {
    let place = Place::new();
    place.write("cat.txt", "黒い猫が庭で眠っている。犬は家の中にいる。");
    place.write("city.txt", "東京は日本の首都であり、人口が最も多い都市です。");
    place.write("thai.txt", "แมวดำนอนหลับอยู่ในสวน");
    place.write("english.txt", "The cats slept in the garden.");
    place.update().unwrap();
    for (question, name) in [
        ("猫", "cat.txt"),
        ("庭の猫", "cat.txt"),
        ("日本の首都はどこですか", "city.txt"),
        ("แมวดำ", "thai.txt"),
        ("sleeping cat", "english.txt"),
    ] {
        let found = place.search(question);
        let first = found.first().map(|found| found.passage.source.clone()).unwrap_or_default();
        assert!(first.ends_with(name), "{question}: {found:?}");
    }
}

#[test]
fn texts_of_the_program_are_found_by_their_names() {
    let place = Place::new();
    let texts = [Text::given("novels/emma", "Emma Woodhouse, handsome, clever, and rich")];
    let changes = update(&place.index(), &texts, None, &mut |_| {}).unwrap();
    assert_eq!(changes.words, PASSAGE_WORDS);
    assert_eq!(place.search("Who is clever?")[0].passage.source, "novels/emma");
}
