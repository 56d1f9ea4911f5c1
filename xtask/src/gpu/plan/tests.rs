use serde_json::json;

use super::*;

fn listed() -> Value {
    let adapter = |device: &str, kind: &str, types: &[&str]| {
        json!({
            "device": device, "number": 0, "name": kind, "kind": kind, "driver": "d", "api": "vulkan",
            "max_buffer": 1u64 << 31, "types": types,
        })
    };
    json!([
        { "device": "cpu", "name": "CPU" },
        adapter("gpu:0", "software", &["f32"]),
        adapter("gpu:1", "integrated", &["f32"]),
        adapter("gpu:2", "discrete", &["f32", "f16"]),
    ])
}

#[test]
fn the_device_is_the_one_that_the_program_takes() {
    let chosen = |device: &str| Adapter::chosen(&listed(), device).map(|found| found.device);
    assert_eq!(chosen("gpu").as_deref(), Some("gpu:2"));
    assert_eq!(chosen("gpu:software").as_deref(), Some("gpu:0"));
    assert_eq!(chosen("gpu:1").as_deref(), Some("gpu:1"));
    assert_eq!(chosen("gpu:7"), None);
    assert_eq!(Adapter::chosen(&json!([{ "device": "cpu", "name": "CPU" }]), "gpu"), None);
    let shown = Adapter::chosen(&listed(), "gpu").unwrap().to_string();
    assert_eq!(shown, "discrete (discrete, vulkan, d; f32, f16; buffers up to 2.0 GiB)");
}

#[test]
fn parity_comes_first_and_plain_steps_last() {
    let parts = parts(false, true);
    assert_eq!(parts[..2], [Part::Parity(1), Part::Parity(2)]);
    let fused = |part: &&Part| matches!(part, Part::Step(step) if step.is_fused);
    let plain = |part: &&Part| matches!(part, Part::Step(step) if !step.is_fused);
    assert_eq!(parts.iter().filter(fused).count(), 6);
    assert_eq!(parts.iter().filter(plain).count(), 6);
    assert_eq!(parts.iter().filter(|part| matches!(part, Part::Peer(_))).count(), 6);
    assert!(parts[parts.len() - 6..].iter().all(|part| plain(&part)));
    let quick = super::parts(true, false);
    assert!(quick.len() < 10 && !quick.iter().any(|part| matches!(part, Part::Peer(_))));
}

#[test]
fn limits_grow_with_the_minutes() {
    assert_eq!(limit(40, 5), Duration::from_secs(40));
    assert_eq!(limit(40, 20), Duration::from_secs(160));
}

#[test]
fn sixteen_bits_are_left_out_where_the_device_has_none_and_all_without_time() {
    let part = |is_16_bits| Part::Step(Step { shape: TINY, is_16_bits, is_fused: true });
    let adapter = |device: &str| Adapter::chosen(&listed(), device);
    let time = Duration::from_secs(9);
    let why = |part, device: &str| why_not(&part, adapter(device).as_ref(), time);
    assert_eq!(why(part(true), "gpu:1").as_deref(), Some("the device has no f16"));
    assert_eq!(why(part(true), "gpu"), None);
    assert_eq!(why(part(false), "gpu:1"), None);
    assert_eq!(why(part(true), "gpu:7"), None);
    assert!(why_not(&part(false), None, Duration::from_millis(10)).unwrap().contains("--minutes"));
}
