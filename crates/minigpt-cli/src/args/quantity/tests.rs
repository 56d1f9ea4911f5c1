use super::*;

#[test]
fn units_are_known_and_others_refused() {
    assert_eq!(count("124M"), Ok(124_000_000));
    assert_eq!(count("1.5B"), Ok(1_500_000_000));
    assert_eq!(count("250000"), Ok(250_000));
    assert_eq!(bytes("8GiB"), Ok(8 << 30));
    assert_eq!(bytes("500 MB"), Ok(500_000_000));
    assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
    assert_eq!(duration("1.5min"), Ok(Duration::from_secs(90)));
    for text in ["", "M", "-1M", "0", "1e9", "12x", "99999999999999999999", "1..2"] {
        assert!(count(text).is_err(), "{text}");
    }
    assert!(bytes("8").unwrap_err().contains("as 8GiB or 500MB"));
    assert!(duration("2 years").is_err() && duration("2").is_err());
}
