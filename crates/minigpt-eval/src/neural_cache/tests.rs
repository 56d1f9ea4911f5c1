use super::*;

/// The formula of the paper, place by place, with no other way of counting.
fn by_the_formula(
    config: CacheConfig,
    hidden: &[Vec<f32>],
    tokens: &[u32],
    place: usize,
    model: &[f64],
) -> Vec<f64> {
    let first = place.saturating_sub(config.tokens);
    let likeness = |other: usize| -> f64 {
        let pairs = hidden[place].iter().zip(&hidden[other]);
        (config.theta * pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()).exp()
    };
    let sum: f64 = (first..place).map(likeness).sum();
    let of_id = |(id, model): (usize, &f64)| {
        let found = (first..place).filter(|other| tokens[*other] as usize == id).map(likeness);
        (1.0 - config.lambda) * model + config.lambda * found.sum::<f64>() / sum
    };
    if first == place { model.to_vec() } else { model.iter().enumerate().map(of_id).collect() }
}

#[test]
fn the_cache_says_what_the_formula_says_however_the_text_is_cut() {
    let (width, ids, places) = (19, 5, 23);
    let value = |at: usize| ((at * 37 % 101) as f32 / 50.0 - 1.0) * 0.6;
    let hidden: Vec<Vec<f32>> =
        (0..places).map(|place| (0..width).map(|i| value(place * width + i)).collect()).collect();
    let tokens: Vec<u32> = (0..places).map(|place| (place * 3 % ids) as u32).collect();
    let model = [0.1, 0.3, 0.2, 0.15, 0.25];
    for (size, cut) in [(100, 23), (100, 4), (7, 1), (7, 5), (1, 23)] {
        let config = CacheConfig { tokens: size, lambda: 0.3, theta: 0.8 };
        let mut cache = NeuralCache::new(config, width);
        for start in (0..places).step_by(cut) {
            let end = places.min(start + cut);
            cache.extend(&hidden[start..end].concat(), &tokens[start..end]);
            for place in start..end {
                let mut ours = model.to_vec();
                cache.mix(place - start, &mut ours);
                let exact = by_the_formula(config, &hidden, &tokens, place, &model);
                for (ours, exact) in ours.iter().zip(&exact) {
                    assert!((ours - exact).abs() < 1e-6, "{size}, {cut}, {place}: {ours}, {exact}");
                }
                assert!((ours.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
            cache.forget();
            assert!(cache.tokens.len() <= size && cache.hidden.len() == cache.tokens.len() * width);
        }
    }
}
