use super::*;

fn steps(only: &[Step], skip: &[Step]) -> Vec<Step> {
    Selection { only: only.to_vec(), skip: skip.to_vec() }.steps()
}

#[test]
fn all_steps_but_the_one_that_needs_a_network_run_in_order() {
    let all = steps(&[], &[]);
    assert_eq!(all.first(), Some(&Step::Fmt));
    assert_eq!(all.last(), Some(&Step::Test));
    assert!(!all.contains(&Step::Advisories));
    assert_eq!(all.len(), Step::value_variants().len() - 1);
}

#[test]
fn steps_can_be_chosen_and_left_out() {
    assert_eq!(steps(&[Step::Test, Step::Fmt], &[]), [Step::Fmt, Step::Test]);
    assert_eq!(steps(&[Step::Advisories], &[]), [Step::Advisories]);
    assert!(!steps(&[], &[Step::Package]).contains(&Step::Package));
}

#[test]
fn unwanted_crates_are_found_by_their_whole_name() {
    let banned = ["burn-train", "clap"];
    let tree = "burn v0.22.1\nclap_lex v1.0.0\nburn-train-x v1.0.0\n";
    assert!(unwanted(tree, &banned).is_empty());
    assert_eq!(unwanted("burn v0.22.1\nclap v4.6.9 (*)\n", &banned), ["clap"]);
}

#[test]
fn crates_with_other_features_are_found() {
    let program = "burn v1 [std]\n\nregex v1 [std]\nburn v1 [std] (*)\n";
    assert!(only_in_first(program, "regex v1 [std] (*)\nburn v1 [std]\nx v1 []").is_empty());
    let tests = "burn v1 [std]\nregex v1 [std,unicode]\n";
    assert_eq!(only_in_first(program, tests), ["regex v1 [std]"]);
}

#[test]
fn a_crate_with_warnings_is_noticed() {
    assert!(tells_of_warnings("warning: `minigpt-ops` (lib) generated 1 warning"));
    assert!(!tells_of_warnings("warning: unused variable: `x`"));
}

#[test]
fn the_table_has_a_row_for_each_step_and_a_sum() {
    let rows = [
        ("fmt".to_owned(), "ok", Duration::from_millis(1_200)),
        ("test".to_owned(), "FAILED", Duration::from_secs(60)),
    ];
    assert_eq!(
        table(&rows),
        "fmt          ok            1.2 s\n\
         test         FAILED       60.0 s\n\
         total                     61.2 s\n"
    );
}
