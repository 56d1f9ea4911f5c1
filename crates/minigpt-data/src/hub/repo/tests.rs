use super::*;

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for sound in ["gpt2", "openai-community/gpt2", "o/m_1.5"] {
        assert!(is_repository(sound), "{sound}");
    }
    for bad in ["", "/", "a/", "a/b/c", "..", "../a", "a/..", "a\\b", "a b", "a?b", "a#", "é"] {
        assert!(!is_repository(bad), "{bad}");
    }
    for sound in ["main", "refs/convert/parquet", "v1.0", "refs/pr/1", "é"] {
        assert!(is_revision(sound), "{sound}");
    }
    for bad in ["", "..", "../../x", "a/../b", "/etc", "a//b", "a..b", "a\n", "a?b", "C:\\x"] {
        assert!(!is_revision(bad), "{bad}");
    }
    assert!(is_hash(&"0a".repeat(20)) && is_hash(&"f".repeat(64)));
    for bad in ["", "main", &"g".repeat(40), &"A".repeat(40), &"0".repeat(41), &"/".repeat(64)] {
        assert!(!is_hash(bad), "{bad}");
    }
    assert_eq!(encoded("a b/c?d#é.txt"), "a%20b/c%3Fd%23%C3%A9.txt");
}
