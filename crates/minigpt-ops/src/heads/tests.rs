use super::*;

fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 37 + seed * 11) as f32 * 0.618).sin()).collect()
}

fn angles(time: usize, half: usize) -> [Vec<f32>; 2] {
    let all = (0..time * half).map(|i| (i / half) as f32 * 0.7 / (1 + i % half) as f32);
    [all.clone().map(f32::cos).collect(), all.map(f32::sin).collect()]
}

const HEADS: GroupedHeads = GroupedHeads { n_head: 4, n_kv_head: 2, head_size: 6 };

#[test]
fn heads_are_turned_and_repeated() {
    let (batch, time) = (2, 5);
    let [cos, sin] = angles(time, 3);
    let grouped = values(batch * time * HEADS.grouped(), 1);
    let mut spread = vec![0.0; batch * time * HEADS.spread()];
    spread_heads(HEADS, None, Angles { cos: &cos, sin: &sin }, &grouped, &mut spread);
    let rows = grouped.chunks_exact(HEADS.grouped()).zip(spread.chunks_exact(HEADS.spread()));
    for (row, (grouped, spread)) in rows.enumerate() {
        let turned = |head: &[f32], i: usize| {
            let place = row % time * 3 + i % 3;
            let (a, b) = (head[i % 3], head[i % 3 + 3]);
            if i < 3 { a * cos[place] - b * sin[place] } else { b * cos[place] + a * sin[place] }
        };
        for i in 0..72 {
            let (part, head, i) = (i / 24, i % 24 / 6, i % 6);
            let expected = match part {
                0 => turned(&grouped[head * 6..][..6], i),
                1 => turned(&grouped[24 + head / 2 * 6..][..6], i),
                _ => grouped[36 + head / 2 * 6 + i],
            };
            let found = spread[part * 24 + head * 6 + i];
            assert!((found - expected).abs() < 1e-6, "row {row}, part {part}, head {head}");
        }
    }
}

/// The function is linear: its gradient is its transpose.
#[test]
fn the_backward_pass_is_the_transpose() {
    let [cos, sin] = angles(3, 3);
    let angles = Angles { cos: &cos, sin: &sin };
    let (n, along) =
        (6, |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() });
    let (x, dy) = (values(n * HEADS.grouped(), 2), values(n * HEADS.spread(), 3));
    let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
    spread_heads(HEADS, None, angles, &x, &mut y);
    spread_heads_backward(HEADS, None, angles, &x, &dy, &mut dx);
    assert!((along(&y, &dy) - along(&x, &dx)).abs() < 1e-3);
}

/// Against the normalisation of rows that stands alone, and differences.
#[test]
fn normalised_heads_are_those_of_normalised_rows_and_have_their_gradients() {
    let [cos, sin] = angles(3, 3);
    let angles = Angles { cos: &cos, sin: &sin };
    let (n, width, epsilon) = (6, HEADS.head_size, 1e-5);
    let [queries, keys] = [4, 5].map(|seed| values(width, seed));
    let norms = HeadNorms { queries: &queries, keys: &keys, epsilon };
    let x = values(n * HEADS.grouped(), 6);
    let mut y = vec![0.0; n * HEADS.spread()];
    spread_heads(HEADS, Some(norms), angles, &x, &mut y);

    let mut normal = x.clone();
    for row in normal.chunks_exact_mut(HEADS.grouped()) {
        for (head, x) in row.chunks_exact_mut(width).enumerate().take(6) {
            let (mut y, mut reciprocal) = (vec![0.0; width], [0.0]);
            let scale = if head < 4 { &queries } else { &keys };
            crate::rms_norm(x, scale, epsilon, &mut y, &mut reciprocal);
            x.copy_from_slice(&y);
        }
    }
    let mut expected = vec![0.0; y.len()];
    spread_heads(HEADS, None, angles, &normal, &mut expected);
    assert!(y.iter().zip(&expected).all(|(y, expected)| (y - expected).abs() < 1e-6));

    let dy = values(y.len(), 7);
    let mut dx = vec![0.0; x.len()];
    let [d_queries, d_keys] = spread_heads_backward(HEADS, Some(norms), angles, &x, &dy, &mut dx);
    let along = |x: &[f32], norms: HeadNorms| -> f64 {
        let mut y = vec![0.0; dy.len()];
        spread_heads(HEADS, Some(norms), angles, x, &mut y);
        y.iter().zip(&dy).map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
    };
    let step = 1e-2;
    let moved = |values: &[f32], i: usize, by: f32| {
        let mut values = values.to_vec();
        values[i] += by;
        values
    };
    let is_near = |slope: f64, gradient: f32, what: &str| {
        let difference = (slope - f64::from(gradient)).abs();
        assert!(difference < 2e-2 * (1.0 + slope.abs()), "{what}: {gradient}, not {slope}");
    };
    for i in (0..x.len()).step_by(7) {
        let [more, less] = [step, -step].map(|by| along(&moved(&x, i, by), norms));
        is_near((more - less) / f64::from(2.0 * step), dx[i], "input");
    }
    for i in 0..width {
        let [more, less] = [step, -step].map(|by| {
            let scale = moved(&queries, i, by);
            along(&x, HeadNorms { queries: &scale, ..norms })
        });
        is_near((more - less) / f64::from(2.0 * step), d_queries[i], "scale of queries");
        let [more, less] = [step, -step].map(|by| {
            let scale = moved(&keys, i, by);
            along(&x, HeadNorms { keys: &scale, ..norms })
        });
        is_near((more - less) / f64::from(2.0 * step), d_keys[i], "scale of keys");
    }
}
