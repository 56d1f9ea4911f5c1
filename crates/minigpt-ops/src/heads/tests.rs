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
    spread_heads(HEADS, Angles { cos: &cos, sin: &sin }, &grouped, &mut spread);
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
    spread_heads(HEADS, angles, &x, &mut y);
    spread_heads_backward(HEADS, angles, &dy, &mut dx);
    assert!((along(&y, &dy) - along(&x, &dx)).abs() < 1e-3);
}
