//! The settings of a run: a `config.json`, a settings file, or what follows `--set`.

use minigpt_train::RunConfig;

/// True where the bytes are settings of one of the three kinds. What is read survives its own JSON.
pub(crate) fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let base = RunConfig::tiny();
    let from_json = serde_json::from_str::<RunConfig>(text).ok();
    let from_toml = base.with_toml(text).ok();
    let from_setting =
        text.split_once('=').and_then(|(key, value)| base.with_setting(key, value).ok());
    let read: Vec<_> = [from_json, from_toml, from_setting].into_iter().flatten().collect();
    for config in &read {
        let _ = config.validate();
        let json = serde_json::to_string(config).expect("a configuration has a JSON");
        // NaN has no JSON of its own.
        if let Ok(again) = serde_json::from_str::<RunConfig>(&json) {
            assert_eq!(serde_json::to_string(&again).expect("and again"), json);
        }
    }
    !read.is_empty()
}
