use super::*;

fn error(text: &str) -> String {
    SweepFile::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_with_everything_is_read() {
    let file = SweepFile::parse(
        r#"
        preset = "tiny"
        data = "notes.txt"
        method = "random"
        settings = 7
        draw_seed = 3
        seeds = [1, 2]
        budget_minutes = 1.5
        [set]
        optimizer.kind = "muon"
        [vary]
        schedule.learning_rate = { from = 1e-3, to = 1e-2, scale = "log" }
        [variants.relu]
        model.mlp = "relu_squared"
        [halving]
        rungs = [10, 30]
        keep = "third"
        "#,
    )
    .unwrap();
    assert_eq!(file.method, Method::Random);
    assert_eq!(file.halving, Some(Halving { rungs: vec![10, 30], keep: Keep::Third }));
    // What is saved in sweep.json is the same file.
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<SweepFile>(&json).unwrap(), file);
}

#[test]
fn what_means_nothing_is_refused_in_one_line() {
    for (text, expected) in [
        ("", None),
        ("seed = 1", Some("line 1: unknown field `seed`")),
        ("method = \"bayes\"", Some("unknown variant `bayes`")),
        ("preset = ", Some("not a valid sweep file: line 1")),
        ("method = \"random\"", Some("settings: expected how many to draw")),
        ("settings = 3", Some("settings: expected none, unless method is random")),
        ("method = \"random\"\nsettings = 0", Some("settings: expected 1 to 2000")),
        ("seeds = []", Some("seeds: expected at least one seed")),
        ("seeds = [1, 1]", Some("seeds: expected each seed once")),
        ("budget_minutes = 0", Some("budget_minutes: expected a number above 0")),
        ("budget_minutes = nan", Some("budget_minutes: expected a number above 0")),
        ("[halving]\nrungs = []", Some("halving.rungs: expected steps that rise")),
        ("[halving]\nrungs = [0]", Some("halving.rungs: expected steps that rise")),
        ("[halving]\nrungs = [20, 10]", Some("halving.rungs: expected steps that rise")),
        ("[halving]\nrungs = [10, 25]", Some("halving.rungs: expected steps that rise")),
        ("[halving]\nrungs = [10]\nkeep = \"most\"", Some("unknown variant `most`")),
    ] {
        match expected {
            None => drop(SweepFile::parse(text).unwrap()),
            Some(expected) => {
                let error = error(text);
                assert!(error.contains(expected), "{text}: {error}");
                assert!(!error.contains('\n'), "{error}");
            }
        }
    }
}
