use super::*;

#[test]
fn a_protocol_that_no_model_can_follow_is_refused() {
    let refuses = |context, stride, message: &str| {
        let error = Protocol::windows(context, stride).validate(64).unwrap_err().to_string();
        assert_eq!(error, message);
    };
    refuses(65, 1, "context 65 is out of range: expected 1 to 64");
    refuses(0, 1, "context 0 is out of range: expected 1 to 64");
    refuses(32, 33, "stride 33 is out of range: expected 1 to 32");
    refuses(32, 0, "stride 0 is out of range: expected 1 to 32");
    Protocol::windows(64, 1).validate(64).unwrap();
}

#[test]
fn a_protocol_has_a_name() {
    assert_eq!(Protocol::disjoint(64).to_string(), "disjoint windows of 64 tokens");
    let sliding = Protocol::windows(64, 16);
    assert_eq!(sliding.to_string(), "windows of 64 tokens, stride 16");
}

#[test]
fn what_goes_beyond_a_model_is_in_every_name_and_checked() {
    let cache = CacheConfig { tokens: 500, lambda: 0.1, theta: 0.3 };
    let dynamic = DynamicConfig { rule: DynamicRule::Rms, rate: 0.001, decay: 0.02 };
    let plain = Protocol::windows(64, 16);
    assert!(plain.is_plain());
    let all = Protocol { models: 3, cache: Some(cache), dynamic: Some(dynamic), ..plain };
    assert!(!all.is_plain());
    assert_eq!(
        all.to_string(),
        "windows of 64 tokens, stride 16, neural cache of 500 tokens (lambda 0.1, theta 0.3), \
         dynamic evaluation (rms, rate 0.001, decay 0.02), ensemble of 3 models"
    );
    assert_eq!(
        all.file_name(),
        "context-64-stride-16-cache-500-0.1-0.3-dynamic-rms-0.001-0.02-ensemble-of-3"
    );
    // A file of the time when there was nothing else is one of a plain protocol, and is written so.
    let json = "{\"context\":64,\"stride\":16}";
    assert_eq!(serde_json::from_str::<Protocol>(json).unwrap(), plain);
    assert_eq!(serde_json::to_string(&plain).unwrap(), json);
    let again: Protocol = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
    assert_eq!(again, all);

    let refuses = |cache, dynamic, message: &str| {
        let error = Protocol { cache, dynamic, ..plain }.validate(64).unwrap_err().to_string();
        assert_eq!(error, message);
    };
    let with = |tokens, lambda, theta| Some(CacheConfig { tokens, lambda, theta });
    refuses(with(0, 0.1, 1.0), None, "cache 0 is out of range: expected 1 to 1048576");
    let share = "expected a number above 0 and below 1";
    refuses(with(1, 1.0, 1.0), None, &format!("cache lambda 1 is out of range: {share}"));
    let theta = "expected 0, or 0.000001 to 1000";
    refuses(with(1, 0.1, f64::NAN), None, &format!("cache theta NaN is out of range: {theta}"));
    refuses(with(1, 0.1, 1e-7), None, &format!("cache theta 0.0000001 is out of range: {theta}"));
    let with = |rate, decay| Some(DynamicConfig { rule: DynamicRule::Sgd, rate, decay });
    let rate = "dynamic rate 0 is out of range: expected a number above 0";
    refuses(None, with(0.0, 0.0), rate);
    refuses(None, with(0.1, 1.5), "dynamic decay 1.5 is out of range: expected 0 to 1");
    assert_eq!(
        "adam".parse::<DynamicRule>().unwrap_err().to_string(),
        "unknown rule of dynamic evaluation `adam`: expected rms or sgd"
    );
}

#[test]
fn theta_follows_the_width() {
    let widths = [128, 384, 512];
    assert_eq!(widths.map(CacheConfig::default_theta), [0.1, 0.058, 0.05]);
}
