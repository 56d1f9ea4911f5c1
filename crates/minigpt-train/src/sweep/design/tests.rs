use proptest::prelude::*;

use super::*;

fn sweep(text: &str) -> Sweep {
    Sweep::new(SweepFile::parse(text).unwrap()).unwrap()
}

fn error(text: &str) -> String {
    Sweep::new(SweepFile::parse(text).unwrap()).unwrap_err().to_string()
}

const GRID: &str = r#"
    preset = "tiny"
    seeds = [4, 5]
    [set]
    optimizer.kind = "muon"
    [vary]
    schedule.learning_rate = [1e-3, 2e-3]
    training.batch_size = { from = 8, to = 16, steps = 2 }
    [variants.base]
    [variants.relu]
    model.mlp = "relu_squared"
"#;

#[test]
fn a_grid_has_every_combination_once_with_every_seed() {
    let sweep = sweep(GRID);
    assert_eq!(sweep.settings.len(), 2 * 2 * 2);
    let trials = sweep.trials();
    assert_eq!(trials.len(), 16);
    // A seed's trials stand together, so that a budget that is too small cuts seeds before settings.
    assert!(trials[..8].iter().all(|trial| trial.seed == 4));
    assert_eq!(sweep.folder_name(trials[0]), "base,learning_rate=0.001,batch_size=8-s4");
    let names: BTreeSet<String> = trials.iter().map(|trial| sweep.folder_name(*trial)).collect();
    assert_eq!(names.len(), 16);
    let last = sweep.settings.last().unwrap();
    assert_eq!(last.config.training.batch_size, 16);
    assert_eq!(last.config.schedule.learning_rate, 2e-3);
    assert_eq!(last.config.optimizer.kind, crate::config::OptimizerKind::Muon);
    assert_eq!(last.config.model.mlp, minigpt_model::MlpKind::ReluSquared);
    assert_eq!(last.in_words(), "relu, schedule.learning_rate = 0.002, training.batch_size = 16");
    assert_eq!(
        sweep.command(last),
        "minigpt train --preset tiny --set optimizer.kind=muon --set model.mlp=relu_squared \
         --set schedule.learning_rate=0.002 --set training.batch_size=16"
    );
}

/// Whoever copies the winner's command gets the winner's settings.
#[test]
fn the_command_says_what_the_trial_was() {
    let text = format!("{GRID}model.position = {{ rotary = {{ base = 10000.0 }} }}\n");
    for setting in &sweep(&text).settings {
        let sweep = sweep(&text);
        let command = sweep.command(setting);
        // A shell's quotes stand around one value.
        let words = command.replace("'model.position={ rotary = { base = 10000.0 } }'", "POSITION");
        let mut config = RunConfig::preset("tiny").unwrap();
        let words: Vec<&str> = words.split(' ').collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "--set") {
            let setting = match pair[1] {
                "POSITION" => "model.position={ rotary = { base = 10000.0 } }",
                setting => setting,
            };
            let (key, value) = setting.split_once('=').unwrap();
            config = config.with_setting(key, value).unwrap();
        }
        assert_eq!(config, setting.config, "{command}");
    }
}

#[test]
fn a_wrong_name_or_value_is_refused_before_anything_is_trained() {
    for (text, expected) in [
        ("preset = \"tony\"", "unknown preset `tony`"),
        (
            "[set]\noptimizer.kid = 1",
            "unknown setting `optimizer.kid`: expected perhaps `optimizer.kind`",
        ),
        ("[vary]\nmodel.n_layer = [2, -1]", "setting model.n_layer = -1"),
        (
            "[vary]\nschedule.learning_rate = { from = 1e-3, to = 1e-2 }",
            "expected steps, since method is grid",
        ),
        ("[vary]\ntraining.seed = [1, 2]", "training.seed: expected seeds = [1, 2, 3]"),
        ("[variants.a]\nmodel.n_head = 3", "trial a: n_embd 128 is not divisible by n_head 3"),
        ("seeds = [1]\n[vary]\ntraining.seed = 3", "training.seed: expected seeds"),
        (
            "[vary]\nmodel.n_layer = { from = 1, to = 1000, steps = 1000 }\n\
             model.n_head = { from = 1, to = 1000, steps = 1000 }",
            "trials: expected at most",
        ),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn random_settings_are_distinct_and_as_many_as_there_are() {
    let text = r#"
        preset = "tiny"
        method = "random"
        settings = 100
        [vary]
        training.batch_size = [4, 8, 16]
        optimizer.kind = ["muon", "adamw"]
    "#;
    assert_eq!(sweep(text).settings.len(), 6);
}

#[test]
fn names_of_folders_are_plain_and_short() {
    let long = "x".repeat(300);
    let change = |value: &str| vec![("a.b".to_owned(), Value::String(value.to_owned()))];
    assert_eq!(name_of(None, &change("bpe:4096")), "b=bpe-4096");
    assert_eq!(name_of(None, &[]), "base");
    assert_eq!(name_of(Some("../up"), &[]), "up");
    assert!(name_of(None, &change(&long)).len() <= NAME);
    assert_ne!(name_of(None, &change(&long)), name_of(None, &change(&format!("{long}y"))));
}

proptest! {
    #[test]
    fn draws_follow_from_their_seed(seed in 0_u64..1 << 40, count in 1_usize..20) {
        let text = format!(
            "preset = \"tiny\"\nmethod = \"random\"\nsettings = {count}\ndraw_seed = {seed}\n\
             [vary]\nschedule.learning_rate = {{ from = 1e-4, to = 1e-1, scale = \"log\" }}\n"
        );
        let (one, other) = (sweep(&text), sweep(&text));
        prop_assert_eq!(one.settings.len(), count);
        for (one, other) in one.settings.iter().zip(&other.settings) {
            prop_assert_eq!(&one.config, &other.config);
        }
        let names: BTreeSet<&String> = one.settings.iter().map(|setting| &setting.name).collect();
        prop_assert_eq!(names.len(), count);
    }
}
