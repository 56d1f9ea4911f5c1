//! The wgpu path against the processor, on a software adapter: the commands that users type.

use crate::support::{Sandbox, losses, prose, train_losses};
use minigpt_train::Split;

/// CI sets this, so that a missing driver there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_GPU";

/// Mesa's llvmpipe is a software adapter too, but stalls for minutes on each matrix kernel.
const DRIVER: &str = "SwiftShader";

fn has_software_adapter(sandbox: &Sandbox) -> bool {
    let json = sandbox.succeeds(&["devices", "--json"]);
    let adapters: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = adapters.as_array().unwrap().iter().any(|adapter| {
        adapter["kind"] == "software" && adapter["name"].as_str().unwrap().contains(DRIVER)
    });
    assert!(
        found || std::env::var_os(REQUIRE).is_none(),
        "no {DRIVER} adapter, and {REQUIRE} is set"
    );
    if !found {
        eprintln!(
            "SKIPPED: training and generation on the GPU path: no {DRIVER} driver here; \
             .ci/run shows how to install one"
        );
    }
    found
}

#[test]
fn twenty_steps_and_a_generation_equal_the_processors() {
    let sandbox = Sandbox::new();
    if !has_software_adapter(&sandbox) {
        return;
    }
    sandbox.write("prose.txt", prose());
    let run = |device: &str, name: &str| {
        let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 20 --eval-every 20";
        let rest = ["--device", device, "--name", name];
        sandbox.succeeds(&[&train.split(' ').collect::<Vec<_>>()[..], &rest].concat());
        sandbox.path("runs").join(name)
    };
    let (gpu, cpu) = (run("gpu:software", "gpu"), run("cpu", "cpu"));

    for (step, (gpu, cpu)) in train_losses(&gpu).iter().zip(train_losses(&cpu)).enumerate() {
        assert!((gpu - cpu).abs() < 1e-3, "step {}: {gpu} is not {cpu}", step + 1);
    }
    let last = |run| losses(run, Split::Valid)[0];
    assert!((last(&gpu) - last(&cpu)).abs() < 1e-3);

    // The same checkpoint on both devices: greedy text agrees to the letter.
    let text = |device: &str| {
        let rest = ["--greedy", "--max-tokens", "12", "--device", device];
        sandbox.succeeds(&[&["generate", "runs/gpu", "--prompt", "In the"][..], &rest].concat())
    };
    assert_eq!(text("gpu:software"), text("cpu"));
}
