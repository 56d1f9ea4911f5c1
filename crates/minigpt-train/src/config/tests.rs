use super::*;

#[test]
fn an_unknown_key_is_refused() {
    let mut json = serde_json::to_value(RunConfig::tiny()).unwrap();
    json["training"]["batchsize"] = 8.into();
    let error = serde_json::from_value::<RunConfig>(json).unwrap_err().to_string();
    assert!(error.contains("unknown field `batchsize`"), "{error}");
}

#[test]
fn a_setting_out_of_range_is_named() {
    let mut config = RunConfig::tiny();
    config.training.batch_size = 0;
    let error = config.validate().unwrap_err().to_string();
    assert_eq!(error, "training.batch_size is out of range: expected 1 to 1048576");
}
