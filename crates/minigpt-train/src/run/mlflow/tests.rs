use super::*;

#[test]
fn settings_become_parameters_by_their_path() {
    let mut config = RunConfig::tiny();
    config.sample.prompt = "x\ny".to_owned();
    let params = params(&config);
    assert_eq!(params.keys().collect::<Vec<_>>(), config.settings().keys().collect::<Vec<_>>());
    assert_eq!(params["model.n_layer"], config.model.n_layer.to_string());
    assert_eq!(params["sample.prompt"], "x\ny");
}

#[test]
fn fields_are_read_as_writers_of_yaml_put_them() {
    let yaml =
        "name_of: no\nname: mine\nquoted: 'it''s: so'\ndouble: \"a \\\"b\\\"\"\n  inner: no\n";
    assert_eq!(scalar(yaml, "name").as_deref(), Some("mine"));
    assert_eq!(scalar(yaml, "quoted").as_deref(), Some("it's: so"));
    assert_eq!(scalar(yaml, "double").as_deref(), Some("a \"b\""));
    assert_eq!(scalar(yaml, "inner"), None);
    for name in ["minigpt", "it's: so", "a \"b\" \\ c", "é\n"] {
        assert_eq!(scalar(&yaml_of(name), "name").as_deref(), Some(name));
    }
}

fn yaml_of(name: &str) -> String {
    yaml(&[("name", text(name))])
}

#[test]
fn an_experiment_that_is_there_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = MlflowStore::open(&folder.path().join("new/mlruns")).unwrap();
    let made = store.experiment("novels", 7).unwrap();
    assert_eq!((made.len(), store.experiment("novels", 9).unwrap()), (18, made.clone()));
    // As MLflow writes one of its own.
    let theirs = store.path.join("123456");
    fs_err::create_dir(&theirs).unwrap();
    fs_err::write(theirs.join("meta.yaml"), "experiment_id: '123456'\nname: theirs\n").unwrap();
    assert_eq!(store.experiment("theirs", 7).unwrap(), "123456");
    assert_ne!(store.experiment("others", 7).unwrap(), made);
}

#[test]
fn paths_become_addresses() {
    assert_eq!(address(Path::new("/tmp/a b/é")), "file:///tmp/a%20b/%C3%A9");
    assert_eq!(address(Path::new("C:/runs")), "file:///C:/runs");
}
