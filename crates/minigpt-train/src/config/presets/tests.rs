use super::*;

#[test]
fn every_preset_is_valid_and_survives_its_own_json() {
    for name in RunConfig::PRESETS {
        let config = RunConfig::preset(name).unwrap();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<RunConfig>(&json).unwrap(), config);
    }
}
