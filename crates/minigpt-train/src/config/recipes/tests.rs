use minigpt_data::{Source, TokenizerSpec};
use minigpt_model::GptConfig;

use super::*;
use crate::config::DataConfig;
use crate::config::finetune::FinetuneConfig;

fn config(recipe: Recipe, block_size: usize) -> RunConfig {
    let mut finetune = FinetuneConfig::new("base".to_owned(), recipe.task(), None);
    (finetune.recipe, finetune.lora) = (Some(recipe), Some(recipe.lora()));
    let data = DataConfig::new(Source::Embedded, TokenizerSpec::Byte);
    let model = GptConfig { block_size, ..GptConfig::mini(257) };
    RunConfig::finetuning(model, data, finetune)
}

#[test]
fn a_recipe_has_the_values_whose_reasons_it_gives() {
    for recipe in Recipe::ALL {
        assert_eq!(recipe.name().parse::<Recipe>().unwrap(), recipe);
        let config = config(recipe, 8192);
        let settings = config.settings();
        for Reason { setting, value, why } in recipe.reasons() {
            let found = settings[setting].as_f64();
            assert_eq!(found, Some(value), "{recipe}: {setting}");
            assert!(!why.is_empty() && !why.ends_with('.'), "{recipe}: {setting}: {why}");
        }
        config.finetune.unwrap().lora.unwrap().validate(&config.model).unwrap();
    }
    let error = "poems".parse::<Recipe>().unwrap_err().to_string();
    assert!(error.contains("chat, classify, domain, code"), "{error}");
}

#[test]
fn a_context_is_no_longer_than_the_models() {
    assert_eq!(config(Recipe::Domain, 128).window(), 128);
    let long = config(Recipe::Domain, 8192);
    assert_eq!((long.window(), long.model.block_size), (512, 8192));
    assert_eq!(config(Recipe::Chat, 8192).window(), 8192);
}

#[test]
fn a_recipe_stands_in_the_configuration() {
    let config = config(Recipe::Code, 128);
    let json = serde_json::to_string(&config).unwrap();
    assert!(json.contains(r#""recipe":"code""#), "{json}");
    assert_eq!(serde_json::from_str::<RunConfig>(&json).unwrap(), config);
}
