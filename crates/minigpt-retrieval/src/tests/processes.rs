//! Processes that make and read one index at once, and those that died.

use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn of_several_that_make_an_index_the_last_does_and_nothing_is_left() {
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
            let make = || update(&place.index(), &texts, Some(20), &mut |_| {});
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(place.search("sea").len(), 20);
        let entries = fs_err::read_dir(place.0.path()).unwrap();
        assert_eq!(entries.count(), 2, "something was left beside the index and the texts");
        assert_eq!(fs_err::read_dir(place.index()).unwrap().count(), 1);
    }
}

#[test]
fn a_reader_has_the_index_before_or_after_a_change() {
    let place = Place::new();
    let texts = |name: &str| -> Vec<Text> {
        (0..50).map(|n| Text::given(format!("{name}/{n:02}"), format!("the {name} {n}"))).collect()
    };
    let make = |name| update(&place.index(), &texts(name), Some(20), &mut |_| {}).unwrap();
    make("sea");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..20).for_each(|n| drop(make(["town", "sea"][n % 2]))));
        for _ in 0..100 {
            let found = place.search("the");
            assert_eq!(found.len(), 50);
            let name = found[0].passage.source.split('/').next().unwrap();
            assert!(found.iter().all(|found| found.passage.text.contains(name)));
        }
    });
}

#[test]
fn a_folder_with_what_a_dead_process_left_gets_its_index() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    fs_err::create_dir(place.index()).unwrap();
    fs_err::write(place.index().join(".minigpt-dead"), "half").unwrap();
    place.update().unwrap();
    assert_eq!(place.search("sea").len(), 1);
}

#[test]
fn what_a_process_left_that_died_long_ago_is_removed() {
    let place = Place::new();
    place.write("a.txt", "the sea");
    fs_err::create_dir(place.index()).unwrap();
    let hour = Duration::from_secs(3600);
    let ages = [(".minigpt-new", hour / 2), (".minigpt-old", 2 * hour), ("notes", 2 * hour)];
    let write = |name: &str, age| {
        let file = fs_err::File::create(place.index().join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    place.update().unwrap();
    ages.iter().for_each(|(name, age)| write(name, *age));
    place.write("a.txt", "the hill");
    place.update().unwrap();
    let left = fs_err::read_dir(place.index()).unwrap();
    let left: BTreeSet<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".minigpt-new", "index.bin", "notes"].map(Into::into).into());
}
