use super::Protocol;

#[test]
fn a_protocol_that_no_model_can_follow_is_refused() {
    let refuses = |context, stride, message: &str| {
        let error = Protocol { context, stride }.validate(64).unwrap_err().to_string();
        assert_eq!(error, message);
    };
    refuses(65, 1, "context 65 is out of range: expected 1 to 64");
    refuses(0, 1, "context 0 is out of range: expected 1 to 64");
    refuses(32, 33, "stride 33 is out of range: expected 1 to 32");
    refuses(32, 0, "stride 0 is out of range: expected 1 to 32");
    Protocol { context: 64, stride: 1 }.validate(64).unwrap();
}

#[test]
fn a_protocol_has_a_name() {
    assert_eq!(Protocol::disjoint(64).to_string(), "disjoint windows of 64 tokens");
    let sliding = Protocol { context: 64, stride: 16 };
    assert_eq!(sliding.to_string(), "windows of 64 tokens, stride 16");
}
