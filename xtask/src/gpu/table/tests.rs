use std::time::Duration;

use serde_json::json;

use super::super::part::Step;
use super::*;
use crate::bench::shapes::SMALL;

fn record(part: Part, seconds: Option<f64>) -> Record {
    let found = seconds.map(|seconds| json!({ "seconds_per_step": seconds }));
    let failed = seconds.is_none().then(|| "no end within 25 s".to_owned());
    Record { found, failed, ..Record::new(&part, Duration::ZERO) }
}

#[test]
fn a_step_stands_beside_pytorchs_with_the_ratio() {
    let step = |is_16_bits| Step { shape: SMALL, is_16_bits, is_fused: true };
    let table = of(&[
        record(Part::Devices, Some(1.0)),
        record(Part::Step(step(false)), Some(0.02)),
        record(Part::Peer(step(false)), Some(0.01)),
        record(Part::Step(step(true)), Some(0.01)),
        record(Part::Peer(step(true)), None),
        record(Part::Step(Step { is_fused: false, ..step(true) }), None),
    ]);
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(lines[0], ["what", "minigpt", "PyTorch", "ratio"]);
    assert_eq!(lines[1], ["step, 4096 ids, 4x256, f32", "20.0 ms", "10.0 ms", "0.50"]);
    assert_eq!(lines[2][1..], ["10.0 ms", "failed"]);
    assert_eq!(lines[3][0], "step, 4096 ids, 4x256, 16 bits, no fusion");
    assert_eq!(lines[3][1], "failed");
    assert_eq!(
        lines[4],
        ["step, 4096 ids, 4x256, 16 bits, PyTorch, and 1 more: no end within 25 s"]
    );
    assert_eq!(lines.len(), 6);
}

#[test]
fn without_a_peer_no_ratio_is_explained() {
    let table = of(&[record(Part::Decode(SMALL), None)]);
    assert_eq!(table.lines().next(), Some("what                       minigpt"));
    assert_eq!(table.lines().nth(2), Some("decoding, 4096 ids, 4x256: no end within 25 s"));
    assert_eq!(table.lines().count(), 3);
}
