use super::*;

#[test]
fn every_step_and_token_has_its_time() {
    let (config, device) = (GptConfig::tiny(50), Device::flex());
    let (mut steps, mut tokens) = (0, 0);
    let step = TimedStep {
        batch_size: 2,
        gradient_checkpointing: false,
        precision: Precision::F32,
        optimizer: OptimizerKind::AdamW,
    };
    let mut count = |optimizer: OptimizerKind, most: i32| {
        time_steps(&config, TimedStep { optimizer, ..step }, 3, &device, |_| {
            steps += 1;
            if steps < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
        std::mem::take(&mut steps)
    };
    assert_eq!([count(OptimizerKind::AdamW, 9), count(OptimizerKind::Muon, 2)], [3, 2]);
    // More than the context, so that the cache is filled anew.
    time_tokens(&config, 40, &device, |_| tokens += 1).unwrap();
    assert_eq!(tokens, 40);
    // 12 layers of 768 in 1,024 positions: 124 million parameters, of which positions are looked up.
    let gpt2 = GptConfig::gpt2();
    let weights = (gpt2.parameter_counts().total() - 1024 * 768) as f64;
    let attended = (12 * 768 * 1024) as f64;
    assert_eq!(step.operations(&gpt2), 2048.0 * (6.0 * weights + 12.0 * attended));
    let uneven = GptConfig { n_head: 3, ..config };
    let never = |_| ControlFlow::Break(());
    assert!(time_steps(&uneven, step, 3, &device, never).is_err());
}
