use super::*;

#[test]
fn commands_are_shown_as_typed() {
    let features: Features = "gpu".parse().unwrap();
    let flags = "--no-default-features --features=minigpt-cli/gpu";
    // CI sets it for its tests too.
    let config = std::env::var(CONFIG).map_or(String::new(), |file| format!(" --config {file}"));
    assert_eq!(
        show(&train(&features, &["--seed".into(), "7".into()])),
        format!(
            "cargo run --release --package minigpt-cli --bin minigpt{config} {flags} -- train --seed 7"
        )
    );
    assert_eq!(
        show(&test(&features, &[])),
        format!("cargo test --release --workspace{config} {flags}")
    );
}

#[test]
fn a_failing_command_is_an_error_that_names_it() {
    let error = run(&mut cargo(["no-such-subcommand"])).unwrap_err().to_string();
    assert!(error.contains("`cargo no-such-subcommand` failed"), "{error}");
}
