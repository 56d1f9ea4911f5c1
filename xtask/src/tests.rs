use super::*;

fn parse(line: &str) -> Result<Chore, clap::Error> {
    let args = line.split_whitespace().map(OsString::from);
    Cli::try_parse_from(keep_separator(args)).map(|cli| cli.chore)
}

fn passed_through(line: &str) -> String {
    match parse(line).unwrap() {
        Chore::Train { args } | Chore::Test { args } => {
            args.join(" ".as_ref()).into_string().unwrap()
        }
        Chore::Bench(_)
        | Chore::Gpu(_)
        | Chore::Attack(_)
        | Chore::Reproduce(_)
        | Chore::Package(_)
        | Chore::Recording(_)
        | Chore::Ci(_) => {
            panic!("`{line}` is not train or test")
        }
    }
}

#[test]
fn train_and_test_pass_every_argument_through() {
    for args in [
        "",
        "--preset tiny --seed 7",
        "--help",
        "-h",
        "--data folder -- extra",
        "-- --nocapture",
        "packing -- --nocapture",
        "-- -- x",
    ] {
        assert_eq!(passed_through(&format!("xtask train {args}")), args);
        assert_eq!(passed_through(&format!("xtask test {args}")), args);
        assert_eq!(passed_through(&format!("xtask --features gpu test {args}")), args);
    }
}

#[test]
fn features_stand_before_the_chore() {
    assert!(parse("xtask --features gpu,remote train --preset tiny").is_ok());
    assert!(parse("xtask --features cuda train").is_err());
    assert_eq!(passed_through("xtask train --features gpu"), "--features gpu");
}

#[test]
fn bench_measures_steps_or_the_engine() {
    assert!(parse("xtask bench engine --steps 100 --preset austen").is_ok());
    assert!(parse("xtask bench engine --steps many").is_err());
    assert!(parse("xtask bench --quick --peer python3").is_ok());
    assert!(parse("xtask bench --preset austen").is_err());
}

#[test]
fn attack_knows_its_formats() {
    assert!(parse("xtask attack --only parquet --only json-lines --mutants 9").is_ok());
    assert!(parse("xtask attack --only word").is_err());
}

#[test]
fn package_makes_a_wheel_where_it_is_asked_for() {
    assert!(parse("xtask package").is_ok());
    assert!(parse("xtask package --wheel --platform manylinux_2_35_x86_64").is_ok());
    assert!(parse("xtask package --platform win_amd64").is_err());
    assert!(parse("xtask package --deb --program target/release/minigpt").is_ok());
}

#[test]
fn ci_knows_its_steps() {
    assert!(parse("xtask ci --only fmt --only clippy").is_ok());
    assert!(parse("xtask ci --skip package").is_ok());
    assert!(parse("xtask ci --only nonsense").is_err());
    assert!(parse("xtask ci --only fmt --skip fmt").is_err());
}

#[test]
fn every_chore_in_the_documents_is_known() {
    let chores = documents::chores().unwrap();
    assert!(chores.len() > 10, "{chores:?}");
    for chore in chores {
        let line = chore.replacen("cargo xtask", "xtask", 1);
        assert!(parse(&line).is_ok(), "{chore}");
    }
}
