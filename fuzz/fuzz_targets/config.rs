//! Whatever a `config.json`, a settings file or `--set` holds is read or refused, never a panic; and
//! what is read survives its own JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use minigpt_train::RunConfig;

fuzz_target!(|text: &str| {
    let base = RunConfig::tiny();
    let from_json = serde_json::from_str::<RunConfig>(text).ok();
    let from_toml = base.with_toml(text).ok();
    let from_setting =
        text.split_once('=').and_then(|(key, value)| base.with_setting(key, value).ok());
    for config in [from_json, from_toml, from_setting].into_iter().flatten() {
        let _ = config.validate();
        let json = serde_json::to_string(&config).expect("a configuration has a JSON");
        // A number that is none has no JSON of its own.
        if let Ok(again) = serde_json::from_str::<RunConfig>(&json) {
            assert_eq!(serde_json::to_string(&again).expect("and again"), json);
        }
    }
});
