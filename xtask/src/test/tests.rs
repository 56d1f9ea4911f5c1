use super::*;

#[test]
fn skipped_tests_are_counted_by_reason() {
    let mut reasons = BTreeMap::new();
    for line in [
        "running 3 tests",
        "SKIPPED: no driver",
        "test a ... SKIPPED: no driver",
        "SKIPPED: no Python",
    ] {
        count(line, &mut reasons);
    }
    assert_eq!(
        report(&reasons, &["gpu", "remote"]),
        "\nskipped: 3 tests, which count as passed above\n    1  no Python\n    2  no driver\nnot built: the \
         tests of gpu and remote; `cargo xtask --features gpu,remote test` builds them\n"
    );
    assert_eq!(report(&BTreeMap::new(), &[]), "\nskipped: no test\n");
}
