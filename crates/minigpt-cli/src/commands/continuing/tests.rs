use super::*;

const RATES: Rates = Rates {
    as_planned: true,
    before: 3e-3,
    peak: 3e-3,
    warmup_steps: 0,
    decay: Decay::Constant,
    falls_after: None,
    last: 3e-3,
};

#[test]
fn the_rates_are_said_in_words() {
    let constant = rates(&RATES, 100);
    assert_eq!(constant, "3.00e-3 to the end: as in a run planned so from its start");
    let stable = Rates { decay: Decay::Stable, falls_after: Some(1200), last: 3e-4, ..RATES };
    assert_eq!(
        rates(&stable, 100),
        "3.00e-3, after step 1,200 falling along a line to 3.00e-4: as in a run planned so from its start"
    );
    let rewarmed = Rates {
        as_planned: false,
        before: 3e-4,
        peak: 1.5e-3,
        warmup_steps: 20,
        decay: Decay::Cosine,
        falls_after: Some(221),
        last: 1.5e-4,
    };
    assert_eq!(
        rates(&rewarmed, 200),
        "rises from 3.00e-4 to 1.50e-3 over 20 steps, after step 221 falling along a cosine to 1.50e-4"
    );
}
