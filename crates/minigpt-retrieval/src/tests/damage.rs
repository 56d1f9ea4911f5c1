//! Indices that are damaged, foreign, of another version or hostile.

use minigpt_files::sha256;
use proptest::prelude::*;

use super::*;

/// An index of thirty texts.
fn thirty() -> Place {
    let place = Place::new();
    for number in 0..30 {
        place.write(&number.to_string(), format!("the sea {number} {}", "wind ".repeat(number)));
    }
    place.update().unwrap();
    place
}

fn file(place: &Place) -> PathBuf {
    place.index().join("index.bin")
}

/// The errors of searching and of updating.
fn errors(place: &Place) -> [String; 2] {
    [Index::open(&place.index()).err().unwrap(), place.update().unwrap_err()]
        .map(|error| error.to_string())
}

#[test]
fn an_index_of_another_version_is_named() {
    let place = thirty();
    let whole = fs_err::read(file(&place)).unwrap();
    let other = String::from_utf8_lossy(&whole).replacen("index 3\n", "index 7\n", 1);
    fs_err::write(file(&place), other).unwrap();
    for message in errors(&place) {
        assert!(message.contains("format 7, and this one reads 3"), "{message}");
    }
    let analyzer = mended(&whole, "stems_and_pairs_2", "stems_or_pairs");
    fs_err::write(file(&place), analyzer).unwrap();
    for message in errors(&place) {
        assert!(message.contains("words by stems_or_pairs, and"), "{message}");
    }

    // As tantivy left it, in formats 1 and 2.
    fs_err::remove_file(file(&place)).unwrap();
    fs_err::write(place.index().join("meta.json"), "{\"segments\":[]}").unwrap();
    fs_err::write(place.index().join("0.term"), "").unwrap();
    for message in errors(&place) {
        assert!(message.contains("its files are tantivy's"), "{message}");
        assert!(message.ends_with("`minigpt index TEXTS --out NAME`"), "{message}");
    }
}

#[test]
fn a_damaged_index_is_refused_in_one_line() {
    let place = thirty();
    let bytes = fs_err::read(file(&place)).unwrap();
    let whole = place.search("sea 3");
    let refused = |damaged: &[u8]| {
        fs_err::write(file(&place), damaged).unwrap();
        let error = Index::open(&place.index()).err().unwrap().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        let is_told = ["is damaged: ", "another version", "is not an index"];
        assert!(is_told.iter().any(|told| error.contains(told)), "{error}");
    };
    for end in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
        refused(&bytes[..end]);
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 300 + 1).chain(0..200) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&damaged);
    }
    refused(&[&bytes[..], b"more"].concat());
    assert!(place.update().unwrap_err().to_string().contains("is damaged: "));
    refused(b"another program's file");
    assert!(place.update().unwrap_err().to_string().contains("is not an index"));
    fs_err::write(file(&place), bytes).unwrap();
    assert_eq!(place.search("sea 3"), whole);
}

/// An index with some of its text replaced, and with the checksum that belongs to it.
fn mended(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    let mut bytes = bytes.to_vec();
    bytes.splice(at..at + old.len(), new.bytes());
    with_checksum(bytes)
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 64);
    let sum = sha256(&bytes);
    bytes.extend(sum.into_bytes());
    bytes
}

#[test]
fn a_file_that_lies_about_itself_is_refused() {
    let place = thirty();
    let bytes = fs_err::read(file(&place)).unwrap();
    let refused = |old: &str, new: &str, reason: &str| {
        fs_err::write(file(&place), mended(&bytes, old, new)).unwrap();
        for error in errors(&place) {
            assert!(error.contains(reason), "{reason} is not in {error}");
        }
    };
    refused("\"words\":20", "\"words\":2", "passages of 2 words");
    refused("\"words\":20", "\"world\":20", "its header: unknown field `world`");
    refused("\"passages\":1", "\"passages\":2", "42 passages, and its texts have 43");
    refused("\"text\":", "\"text\":9", "its sections have other lengths than it says");
    refused("\"passages\":1", "\"passages\":18446744073709551615", "42 passages, and its texts");
    let huge = "18446744073709551615";
    refused("\"text\":", &format!("\"text\":{huge},\"texts\":"), "its header: ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whoever writes a file can give it the checksum that it needs.
    #[test]
    fn hostile_bytes_are_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        thread_local! {
            static WHOLE: (Place, Vec<u8>) = {
                let place = thirty();
                let bytes = fs_err::read(file(&place)).unwrap();
                (place, bytes)
            };
        }
        WHOLE.with(|(place, whole)| {
            let mut bytes = whole.clone();
            // The header is the first half: most of it are names.
            let header = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0;
            let body = whole.len() - header - 64;
            for (at, byte) in &changes {
                bytes[header + at.index(body)] = *byte;
            }
            fs_err::write(file(place), with_checksum(bytes)).unwrap();
            let found = Index::open(&place.index()).and_then(|index| {
                index.excerpt("the sea", "walked to the sea", 2)?;
                index.search("sea wind 3", 100)
            });
            if let Err(error) = found {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
            Ok(())
        })?;
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_end_in_an_index_is_not_read() {
    let place = thirty();
    fs_err::remove_file(file(&place)).unwrap();
    std::os::unix::fs::symlink("/dev/zero", file(&place)).unwrap();
    for error in errors(&place) {
        assert!(error.contains("expected a file"), "{error}");
    }
}

#[test]
fn a_folder_in_the_place_of_the_file_is_told() {
    let place = thirty();
    fs_err::remove_file(file(&place)).unwrap();
    fs_err::create_dir(file(&place)).unwrap();
    for error in errors(&place) {
        assert!(error.contains("expected a file"), "{error}");
    }
}
