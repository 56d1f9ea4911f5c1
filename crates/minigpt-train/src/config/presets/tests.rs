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

#[test]
fn a_base_without_dropout_is_tuned_without() {
    let dropout = |rate: f64, task: FinetuneTask, is_fresh: bool| {
        let mut finetune = FinetuneConfig::new("base".to_owned(), task, None);
        finetune.fresh = is_fresh;
        let data = DataConfig::new(Source::Embedded, TokenizerSpec::Byte);
        let model = GptConfig { attn_pdrop: rate, ..GptConfig::mini(257).with_dropout(0.0) };
        let model = RunConfig::finetuning(model, data, finetune).model;
        [model.embd_pdrop, model.attn_pdrop, model.resid_pdrop]
    };
    assert_eq!(dropout(0.0, FinetuneTask::Lm, false), [0.0; 3]);
    assert_eq!(dropout(0.05, FinetuneTask::Lm, false), [0.1; 3]);
    assert_eq!(dropout(0.05, FinetuneTask::Prefer, false), [0.0; 3]);
    // New weights have no habits.
    assert_eq!(dropout(0.0, FinetuneTask::Lm, true), [0.1; 3]);
}
