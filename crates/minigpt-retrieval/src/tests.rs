//! The index as a whole, on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::{Changes, Found, Index, RetrievalError, Text, find_texts, update};

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
        update(&self.index(), &texts, 20, &mut |_| {})
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
    let changes = update(&place.index(), &texts, 10, &mut |_| {}).unwrap();
    assert_eq!((changes.changed.len(), changes.passages), (1, 2));
    assert_eq!(place.search("seven").len(), 2);
    let error = update(&place.index(), &texts, 0, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "0 words in a passage: expected 8 to 10000");
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

    /// Each step writes some texts and removes others; an index that followed has to find what one made
    /// at the end finds, at the same scores but for rounding: terms may be summed in another order.
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
        update(&fresh.index(), &texts, 20, &mut |_| {}).unwrap();
        let found = |place: &Place| -> BTreeMap<(String, String), f32> {
            let all = place.search("a bc cc b").into_iter();
            all.map(|found| ((found.passage.source, found.passage.text), found.score)).collect()
        };
        let (grown, fresh) = (found(&grown), found(&fresh));
        prop_assert_eq!(grown.len(), fresh.len());
        for ((place, score), (expected_place, expected)) in grown.iter().zip(&fresh) {
            prop_assert_eq!(place, expected_place);
            prop_assert!((score - expected).abs() <= 1e-5 * expected, "{} is not {}", score, expected);
        }
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
    let error = update(&place.index(), &texts, 20, &mut |_| {}).unwrap_err().to_string();
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
    let error = update(&place.texts(), &texts, 20, &mut |_| {}).unwrap_err();
    assert!(matches!(error, RetrievalError::NoIndex { .. }));
    assert!(place.texts().join("a.txt").exists());
    assert!(matches!(Index::open(&place.texts()), Err(RetrievalError::NoIndex { .. })));
    assert!(matches!(Index::open(&place.index()), Err(RetrievalError::NoIndex { .. })));
}

#[test]
fn an_index_in_use_or_of_another_version_is_named() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    place.update().unwrap();
    let index = tantivy::Index::open_in_dir(place.index()).unwrap();
    let writer: tantivy::IndexWriter = index.writer_with_num_threads(1, 20 << 20).unwrap();
    place.write("a.txt", "the town");
    assert!(matches!(place.update(), Err(RetrievalError::Busy { .. })));
    drop(writer);

    let meta = place.index().join("meta.json");
    let text = fs_err::read_to_string(&meta).unwrap();
    let other = text.replace("\\\"format\\\":2", "\\\"format\\\":1");
    assert_ne!(text, other);
    fs_err::write(&meta, other).unwrap();
    for error in [place.update().unwrap_err(), Index::open(&place.index()).err().unwrap()] {
        let message = error.to_string();
        assert!(message.contains("format 1, and this one reads 2"), "{message}");
    }
}

#[test]
fn a_damaged_index_is_refused_in_one_line() {
    let place = Place::new();
    for number in 0..30 {
        place.write(&number.to_string(), format!("the sea {number} {}", "wind ".repeat(number)));
    }
    place.update().unwrap();
    let files: Vec<PathBuf> =
        fs_err::read_dir(place.index()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end != "lock")) {
        let bytes = fs_err::read(file).unwrap();
        for damaged in [&bytes[..bytes.len() / 2], &[]] {
            fs_err::write(file, damaged).unwrap();
            let found = Index::open(&place.index()).and_then(|index| index.search("sea 3", 5));
            let error = found.err().map(|error| error.to_string());
            assert!(error.is_none_or(|error| error.lines().count() == 1), "{}", file.display());
        }
        fs_err::write(file, bytes).unwrap();
    }
    assert_eq!(place.search("sea").len(), 30);
}

/// The files of an index but its locks.
fn files(index: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(index).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_none_or(|end| end != "lock"));
    files.sort();
    files
}

#[test]
fn a_flipped_bit_is_told_or_of_no_effect() {
    let place = Place::new();
    for number in 0..30 {
        place.write(&number.to_string(), format!("the sea {number} {}", "wind ".repeat(number)));
    }
    place.update().unwrap();
    let expected = place.search("sea 3");
    let update = || {
        place.write("0", "another text");
        let texts = find_texts(&[place.texts()], &place.index())?;
        update(&place.index(), &texts, 20, &mut |_| {})
    };
    for file in files(&place.index()) {
        let bytes = fs_err::read(&file).unwrap();
        let is_segment = file.extension().is_some_and(|end| end != "json");
        for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs_err::write(&file, damaged).unwrap();
            match Index::open(&place.index()).and_then(|index| index.search("sea 3", 100)) {
                Ok(found) => assert_eq!(found, expected, "{}, byte {at}", file.display()),
                Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
            }
            // The end of a file says of which version it is, and has no checksum.
            if is_segment && at + 200 < bytes.len() {
                let error = update().unwrap_err().to_string();
                assert!(error.contains("index is damaged: "), "{}: {error}", file.display());
            }
        }
        fs_err::write(&file, bytes).unwrap();
    }
    update().unwrap();
}

#[test]
fn a_list_of_files_that_names_others_is_refused() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    place.update().unwrap();
    let precious = place.0.path().join("precious");
    fs_err::write(&precious, "the user's").unwrap();
    let managed = place.index().join(".managed.json");
    let names = fs_err::read_to_string(&managed).unwrap().replace('[', "[\"../precious\",");
    fs_err::write(&managed, names).unwrap();
    place.write("a.txt", "the town");
    let error = place.update().unwrap_err().to_string();
    assert!(error.contains("\"../precious\" is not a file's name"), "{error}");
    assert!(precious.exists());
}

#[cfg(unix)]
#[test]
fn a_file_without_end_in_an_index_is_not_read() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    place.update().unwrap();
    let is_terms = |file: &PathBuf| file.extension().is_some_and(|end| end == "term");
    let file = files(&place.index()).into_iter().find(is_terms).unwrap();
    fs_err::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    for error in [place.update().unwrap_err(), Index::open(&place.index()).err().unwrap()] {
        assert!(error.to_string().contains("is a device, a pipe or a socket"), "{error}");
    }
}

#[test]
fn of_several_that_make_an_index_one_does_and_nothing_is_lost() {
    for is_there in [false, true] {
        let place = Place::new();
        for number in 0..20 {
            place.write(&number.to_string(), format!("the sea {number}"));
        }
        if is_there {
            fs_err::create_dir(place.index()).unwrap();
        }
        let texts = find_texts(&[place.texts()], &place.index()).unwrap();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let make = || update(&place.index(), &texts, 20, &mut |_| {});
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(made > 0, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            let is_told =
                matches!(error, RetrievalError::MadeMeanwhile { .. } | RetrievalError::Busy { .. });
            assert!(is_told, "{error}");
        }
        assert_eq!(place.search("sea").len(), 20);
        let entries = fs_err::read_dir(place.0.path()).unwrap();
        assert_eq!(entries.count(), 2, "something was left beside the index and the texts");
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
    update(&place.index(), &texts, 20, &mut |_| {}).unwrap();
    assert_eq!(place.search("Who is clever?")[0].passage.source, "novels/emma");
}
