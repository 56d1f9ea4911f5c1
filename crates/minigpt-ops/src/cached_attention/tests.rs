//! That each body gives the same bits.

use super::*;

fn values(seed: u32, length: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn all_bodies_give_the_same_bits() {
    for (n_head, n_kv_head, head_size, rows, seen) in [
        (1, 1, 1, 1, 1),
        (9, 3, 64, 1, 300),
        (4, 4, 80, 3, 140),
        (6, 1, 33, 20, 50),
        (8, 1, 16, 2, 17),
    ] {
        let heads = Heads { n_head, n_kv_head, head_size, scale: 0.2 };
        let width = n_kv_head * head_size;
        for cache_type in CacheType::ALL {
            let mut cache = KeyValues::new(cache_type, n_kv_head, head_size);
            let (mut keys, values_of_all) = (values(1, seen * width), values(2, seen * width));
            // Halves that are subnormal, and one that is none.
            keys.iter_mut().step_by(7).for_each(|key| *key *= 1e-6);
            keys[0] = 1e-30;
            cache.extend(&keys, &values_of_all);
            let q = values(3, rows * n_head * head_size);
            let outputs = Body::all().map(|body| {
                let mut y = vec![f32::NAN; q.len()];
                attend(body, heads, &q, &[Reading { cache: &cache, rows }], &mut y);
                (body, y.iter().map(|y| y.to_bits()).collect::<Vec<_>>())
            });
            let outputs: Vec<_> = outputs.collect();
            for (body, bits) in &outputs {
                assert_eq!(bits, &outputs[0].1, "{body:?} with a cache in {cache_type}");
            }
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn bodies_that_this_processor_lacks_are_named() {
    for body in [Body::Avx2, Body::Avx512] {
        if !Body::all().any(|available| available == body) {
            crate::skipped(&format!(
                "cached attention with {body:?}: this processor has no such instructions"
            ));
        }
    }
}

#[test]
#[should_panic(expected = "a cache of other heads, or of fewer positions")]
fn a_cache_of_other_heads_is_refused() {
    let heads = Heads { n_head: 2, n_kv_head: 2, head_size: 4, scale: 1.0 };
    let mut cache = KeyValues::new(CacheType::F32, 1, 8);
    cache.extend(&[1.0; 8], &[1.0; 8]);
    cached_attention(heads, &[0.0; 8], &[Reading { cache: &cache, rows: 1 }], &mut [0.0; 8]);
}
