use super::*;

#[test]
fn json_is_all_that_was_printed_or_the_last_line() {
    assert_eq!(json_of("[\n  1\n]\n"), Some(json!([1])));
    assert_eq!(json_of("a library's note\n{\"a\": 2}\n"), Some(json!({ "a": 2 })));
    assert_eq!(json_of("nothing"), None);
}

#[test]
fn a_difference_beyond_rounding_is_named_and_so_is_nan() {
    let found = |second: Value| {
        json!([
            { "what": "logits", "difference": 1e-7, "tolerance": 1e-4 },
            { "what": "losses", "difference": second, "tolerance": 1e-3 },
        ])
    };
    assert_eq!(wrong(&found(json!(0.001))), None);
    assert_eq!(wrong(&found(json!(0.02))), Some("losses: off by 2.0e-2, at most 1e-3".to_owned()));
    assert_eq!(wrong(&found(Value::Null)), Some("losses: NaN".to_owned()));
    assert_eq!(wrong(&json!([])), Some("it printed no differences".to_owned()));
}

#[test]
fn commands_say_shape_precision_and_fusion() {
    let (program, python) = (Path::new("minigpt"), Path::new("python"));
    let scratch = std::env::temp_dir();
    let setting = Setting { program, device: "gpu:1", peer: Some(python), scratch: &scratch };
    let shape = crate::bench::shapes::SMALL;
    let step = Step { shape, is_16_bits: true, is_fused: false };
    let line = |part: Part| shown(&part.command(&setting).unwrap());
    assert_eq!(
        line(Part::Step(step)),
        "MINIGPT_PLAIN_GPU=1 minigpt bench --json --device gpu:1 --precision f16 --vocab 4096 --layers 4 --heads 8 \
         --width 256 --context 128 --batch 16"
    );
    let peer = line(Part::Peer(step));
    assert!(
        peer.starts_with("python ") && peer.contains("--device cuda --precision bf16"),
        "{peer}"
    );
    assert_eq!(line(Part::Parity(1)), "minigpt devices --json --check gpu:1");
    assert!(
        line(Part::Decode(shape)).contains("bench --json --device gpu:1 --decode --vocab 4096")
    );
    let setting = Setting { peer: None, ..setting };
    assert!(Part::Peer(step).command(&setting).is_err());
}
