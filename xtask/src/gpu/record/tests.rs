use serde_json::json;

use super::*;

fn check(process: usize, failed: Option<&str>) -> Record {
    let found = json!([{ "what": "logits", "difference": 2e-7, "tolerance": 1e-4 }]);
    let failed = failed.map(str::to_owned);
    Record { found: Some(found), failed, ..Record::new(&Part::Parity(process), Duration::ZERO) }
}

#[test]
fn parity_needs_both_processes() {
    let (right, wrong) = (check(1, None), check(2, Some("logits: off by 1")));
    let late = Record { found: None, ..check(2, Some("no end within 60 s")) };
    assert_eq!(Parity::of(&[right.clone(), check(2, None)]), Parity::Right);
    assert_eq!(Parity::of(&[right.clone(), wrong.clone()]), Parity::Wrong);
    assert_eq!(Parity::of(&[wrong, late.clone()]), Parity::Wrong);
    assert_eq!(Parity::of(&[right.clone(), late]), Parity::Unknown);
    assert_eq!(Parity::of(&[right]), Parity::Unknown);
}

#[test]
fn a_record_is_read_in_a_line() {
    assert_eq!(check(1, None).to_string(), "right; at most 0.20 % of what is allowed");
    assert_eq!(check(1, Some("logits: NaN")).to_string(), "logits: NaN");
    let shape = crate::bench::shapes::SMALL;
    let found =
        json!({ "tokens_per_second": 812.4, "seconds_per_step": 0.001, "peak_memory": 300.2 });
    let decode = Record { found: Some(found), ..Record::new(&Part::Decode(shape), Duration::ZERO) };
    assert_eq!(decode.to_string(), "812 tokens/s, 300 MiB");
    let decode = Record { card_memory: Some(1024.0), ..decode };
    assert_eq!(decode.to_string(), "812 tokens/s, 1024 MiB on the card");
}

#[test]
fn times_have_three_digits() {
    let shown = [0.001_234_5, 0.012_345, 0.123_45, 1.2345].map(milliseconds);
    assert_eq!(shown, ["1.23 ms", "12.3 ms", "123 ms", "1234 ms"]);
}
