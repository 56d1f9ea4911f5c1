use proptest::prelude::*;

use super::*;

fn values(text: &str) -> Result<Values, SweepError> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).unwrap();
    Values::of("a.b", table["value"].clone())
}

fn all(text: &str) -> Vec<Value> {
    values(text).unwrap().all().unwrap()
}

#[test]
fn a_range_goes_from_its_beginning_to_its_end() {
    let real = |text| -> Vec<f64> { all(text).iter().map(|v| v.as_float().unwrap()).collect() };
    let whole = |text| -> Vec<i64> { all(text).iter().map(|v| v.as_integer().unwrap()).collect() };
    assert_eq!(real("{ from = 0.0, to = 0.3, steps = 4 }"), [0.0, 0.1, 0.2, 0.3]);
    assert_eq!(real("{ from = 1e-3, to = 1e-1, steps = 3, scale = \"log\" }"), [1e-3, 1e-2, 1e-1]);
    assert_eq!(
        whole("{ from = 64, to = 1024, steps = 5, scale = \"log\" }"),
        [64, 128, 256, 512, 1024]
    );
    assert_eq!(whole("{ from = 1, to = 2, steps = 5 }"), [1, 2]);
}

#[test]
fn what_is_no_range_is_refused() {
    for (text, expected) in [
        ("3", "vary.a.b: expected a list of values"),
        ("[]", "vary.a.b: expected at least one value"),
        ("{ from = 1 }", "vary.a.b: expected a range"),
        ("{ from = 1, to = 2, stops = 3 }", "vary.a.b: expected a range"),
        ("{ from = 2, to = 1, steps = 3 }", "from below to"),
        ("{ from = 1.0, to = inf, steps = 3 }", "both finite"),
        ("{ from = 1, to = 2, steps = 1 }", "steps from 2 to 1000"),
        ("{ from = 0, to = 2, steps = 3, scale = \"log\" }", "from above 0"),
    ] {
        let error = values(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert_eq!(values("{ from = 1, to = 2 }").unwrap().all(), None);
}

proptest! {
    #[test]
    fn what_is_drawn_lies_in_the_range(
        seed: u64,
        from in 1e-6_f64..1.0,
        factor in 1.1_f64..1e4,
        is_log: bool,
    ) {
        let scale = if is_log { "log" } else { "linear" };
        let to = from * factor;
        let range = values(&format!("{{ from = {from:e}, to = {to:e}, scale = \"{scale}\" }}")).unwrap();
        let mut draw = Draw::new(seed);
        for _ in 0..20 {
            let number = range.draw(&mut draw).as_float().unwrap();
            // They are rounded to four digits.
            prop_assert!(number >= from * 0.999 && number <= to * 1.001, "{number}");
        }
    }
}
