use super::*;

#[test]
fn a_device_agrees_with_itself_and_its_cache_with_its_passes() {
    let device = Device::flex();
    let mut parts = 0;
    let trace = DeviceTrace::of(&device, &mut |_| parts += 1).unwrap();
    assert_eq!(parts, CONTEXTS.len() + 1);
    let differences = trace.differences(&trace);
    assert_eq!(differences.len(), 3 * CONTEXTS.len() + 1);
    assert!(differences.iter().all(Difference::is_within), "{differences:?}");
    assert!(trace.losses[STEPS - 1] < trace.losses[0], "{:?}", trace.losses);
}

#[test]
fn what_is_wrong_is_found() {
    let trace =
        ContextTrace { context: 31, at_once: vec![1.0, -2.0, 0.5], cached: vec![1.0, -2.0, 0.5] };
    let right = DeviceTrace { contexts: vec![trace], losses: vec![2.0, 1.0] };
    let wrong = |change: &dyn Fn(&mut DeviceTrace)| -> Vec<String> {
        let mut other = right.clone();
        change(&mut other);
        let differences = other.differences(&right).into_iter();
        let wrong = differences.filter(|difference| !difference.is_within());
        wrong.map(|difference| difference.what).collect()
    };
    assert!(wrong(&|_| ()).is_empty());
    assert_eq!(wrong(&|trace| trace.losses[1] = 1.1), ["losses of 20 training steps"]);
    assert_eq!(wrong(&|trace| trace.losses[0] = f64::NAN).len(), 1);
    let cached =
        ["logits of context 31, cached", "logits of context 31, cached beside all at once"];
    assert_eq!(wrong(&|trace| trace.contexts[0].cached[2] = 0.6), cached);
    assert_eq!(wrong(&|trace| trace.contexts[0].cached[2] = f32::NAN), cached);
    assert_eq!(wrong(&|trace| trace.contexts[0].at_once.clear()).len(), 2);
}
