use super::*;
use crate::app::GRAMMARS;
use crate::testing::models;
use crate::{Engine, Limits, Settings};

#[test]
fn more_grammars_than_have_room_are_refused_until_one_is_gone() {
    let engine = Engine::start(models(), Limits::default()).unwrap();
    let app = App::new(engine, None, Settings::default());
    let grammar = || LimitedGrammar::new(&app, 0, "tools", Grammars::of_json_objects);
    let mut living: Vec<_> = (0..GRAMMARS).map(|_| grammar().unwrap()).collect();
    let body = grammar().unwrap_err().body();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    let fork = living[0].fork();
    living.remove(0);
    assert!(grammar().is_err(), "its fork lives");
    drop(fork);
    assert!(grammar().is_ok());
    living.clear();
    let broken = LimitedGrammar::new(&app, 0, "tools", |grammars| grammars.of_json_schema("3"));
    assert_eq!(broken.unwrap_err().body()["error"]["param"], "tools");
}
