use minigpt_model::{Draw, LoraConfig, Sampling};

use super::*;
use crate::config::RunConfig;

#[test]
fn every_number_of_a_configuration_is_looked_at() {
    let tiny = RunConfig::tiny();
    assert_eq!(non_finite(&tiny), None);
    let place = |change: fn(&mut RunConfig)| {
        let mut config = RunConfig::tiny();
        change(&mut config);
        non_finite(&config).unwrap().0
    };
    let minutes = place(|config| config.training.max_minutes = Some(f64::INFINITY));
    assert_eq!(minutes, "training.max_minutes");
    assert_eq!(place(|config| config.model.attn_pdrop = f64::NAN), "model.attn_pdrop");
    let decay = place(|config| config.optimizer.weight_decay = f32::INFINITY);
    assert_eq!(decay, "optimizer.weight_decay");
    let temperature = place(|config| {
        let draw = Draw { temperature: f64::NEG_INFINITY, ..Draw::default() };
        config.sample.sampling = Sampling::Draw(draw);
    });
    assert_eq!(temperature, "sample.sampling.Draw.temperature");
    let lora = LoraConfig { alpha: f64::NAN, ..LoraConfig::new(4) };
    assert_eq!(non_finite(&lora).unwrap().0, "alpha");
}

#[test]
fn tables_and_lists_are_looked_through() {
    let table: toml::Table = toml::from_str("a = 1\nb = { c = [1.0, -inf] }").unwrap();
    assert_eq!(non_finite(&table), Some(("b.c".to_owned(), f64::NEG_INFINITY)));
    assert!(non_finite(&toml::Value::Float(f64::NAN)).unwrap().1.is_nan());
}
