use serde_json::json;

use super::*;

fn fields(json: Value) -> Fields {
    let Value::Object(fields) = json else { panic!("no object") };
    Fields::new(fields)
}

fn message(error: &ApiError) -> String {
    error.body()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn fields_are_checked_by_name() {
    let mut all =
        fields(json!({"t": 0.5, "n": 3.0, "seed": -1, "s": "text", "f": true, "o": {"a": 1}}));
    assert_eq!(all.number("t", 0.0..=2.0), Ok(Some(0.5)));
    assert_eq!(all.count("n", 1..=64), Ok(Some(3)));
    assert_eq!(all.integer("seed"), Ok(Some(-1)));
    assert_eq!(all.text("s"), Ok(Some("text".to_owned())));
    assert_eq!(all.flag("f"), Ok(true));
    assert_eq!(all.object("o").unwrap().unwrap().count("a", 0..=1), Ok(Some(1)));
    assert_eq!(all.number("t", 0.0..=2.0), Ok(None));
    all.finish().unwrap();
}

#[test]
fn what_is_wrong_is_told_with_what_was_found_and_expected() {
    let mut all = fields(json!({"t": 3, "n": -1, "seed": 0.5, "s": 1, "f": "yes", "o": []}));
    let told = [
        (all.number("t", 0.0..=2.0).unwrap_err(), "`t` is 3: expected a number from 0 to 2"),
        (all.count("n", 1..=64).unwrap_err(), "`n` is -1: expected a whole number from 1 to 64"),
        (all.integer("seed").unwrap_err(), "`seed` is 0.5: expected a whole number of 64 bits"),
        (all.text("s").unwrap_err(), "`s` is 1: expected a string"),
        (all.flag("f").unwrap_err(), "`f` is \"yes\": expected true or false"),
        (all.object("o").map(drop).unwrap_err(), "`o` is []: expected an object"),
    ];
    for (error, expected) in told {
        assert_eq!(message(&error), expected);
    }
}

#[test]
fn only_what_changes_nothing_is_passed_over() {
    fields(json!({"user": "me", "store": true, "audio": null})).finish().unwrap();
    let error = fields(json!({"user": "me", "audio": {}})).finish().unwrap_err();
    assert_eq!(message(&error), "the field `audio` is not supported here: leave it out");
    assert_eq!(error.body()["error"]["code"], "unsupported_parameter");
    assert_eq!(error.body()["error"]["param"], "audio");
}
