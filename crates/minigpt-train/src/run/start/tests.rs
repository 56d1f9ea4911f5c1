use serde_json::json;

use super::*;

#[test]
fn a_preset_says_what_the_run_has_otherwise() {
    let preset = RunConfig::tiny();
    assert!(Preset::new("tiny", &preset, &preset).changed.is_empty());
    let mut config = preset.clone();
    config.training.max_steps = Some(40);
    config.training.patience = Some(2);
    config.model.n_kv_head = Some(2);
    let Preset { name, changed } = Preset::new("tiny", &preset, &config);
    assert_eq!(name, "tiny");
    let expected = [
        ("model.n_kv_head", json!(null)),
        ("training.max_steps", json!(200)),
        ("training.patience", json!(null)),
    ];
    assert_eq!(changed, expected.map(|(key, value)| (key.to_owned(), value)).into());
}
