use super::*;

#[test]
fn a_tensors_memory_serves_the_next_one_of_its_size() {
    // A size that no other test has.
    let len = SMALLEST + 7;
    let mut values = buffer(len);
    values.fill(3.0);
    let place = values.as_ptr();
    let first = bytes(values);
    assert_eq!(first[..4], 3.0_f32.to_ne_bytes());
    assert_eq!(first.len(), 4 * len);
    drop(first);
    let again = buffer(len);
    assert_eq!((again.as_ptr(), again[len - 1]), (place, 3.0));
}

#[test]
fn new_memory_replaces_free_memory() {
    let mut kept = Kept { by_len: BTreeMap::new() };
    for len in [5, 9, 9] {
        kept.by_len.entry(len).or_default().push(vec![0.0; len]);
    }
    assert!(kept.take(10).is_none());
    let left: Vec<usize> = kept.by_len.values().flatten().map(Vec::len).collect();
    assert_eq!(left, [5]);
    assert_eq!(kept.take(5).map(|free| free.len()), Some(5));
}
