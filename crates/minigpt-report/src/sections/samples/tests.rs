use super::*;

#[test]
fn samples_are_spread_from_the_first_to_the_last() {
    let samples: Vec<Sample> = (1..=11).map(|step| Sample { step, text: String::new() }).collect();
    let steps = |most| spread(&samples, most).iter().map(|sample| sample.step).collect::<Vec<_>>();
    assert_eq!(steps(0), [0; 0]);
    assert_eq!(steps(1), [11]);
    assert_eq!(steps(3), [1, 6, 11]);
    assert_eq!(steps(6), [1, 3, 5, 7, 9, 11]);
    assert_eq!(steps(20).len(), 11);
}
