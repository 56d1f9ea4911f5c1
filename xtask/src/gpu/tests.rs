use super::*;

#[test]
fn times_are_read_as_on_a_clock() {
    let shown = [0.4, 59.6, 125.0].map(|seconds| minutes(Duration::from_secs_f64(seconds)));
    assert_eq!(shown, ["0:00", "1:00", "2:05"]);
}

/// A script that answers as the program does, but that decoding never ends and 16 bits fail.
#[cfg(unix)]
mod with_a_script {
    use serde_json::Value;

    use super::*;

    const SCRIPT: &str = r#"#!/bin/sh
case "$*" in
  --version) echo "minigpt 9.9.9" ;;
  "devices --json") echo '[{"device":"cpu","name":"CPU"},{"device":"gpu:0","name":"Card","kind":"discrete",
    "driver":"1.2","api":"vulkan","max_buffer":1024,"types":["f32","f16"]}]' ;;
  *--check*) echo '[{"what":"logits","difference":DIFFERENCE,"tolerance":1e-4}]'; exit STATUS ;;
  *--decode*) exec sleep 60 ;;
  *f16*) echo "error: no such kernel" >&2; exit 1 ;;
  *)
    if [ -e cubecl.toml ]; then
      for step in 1 2; do
        for at in $(seq 60); do echo "Executing Kernel$((at % 7))_1"; done
        echo "Executing Last_2"
      done > launches.log
    fi
    echo '{"seconds_per_step":0.0125,"tokens_per_second":163840,"peak_memory":300}' ;;
esac
"#;

    fn folder(name: &str, difference: &str, status: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("minigpt-card-{name}-{}", std::process::id()));
        fs_err::create_dir_all(&folder).unwrap();
        let program = folder.join("minigpt");
        let script = SCRIPT.replace("DIFFERENCE", difference).replace("STATUS", status);
        // Written by a process of its own: a child that another test starts in the meantime would inherit the open
        // file, and Linux starts no program that somebody has open to write.
        let write = r#"printf '%s' "$1" > "$2" && chmod +x "$2""#;
        let status = Command::new("sh").args(["-c", write, "sh", &script]).arg(&program).status();
        assert!(status.unwrap().success());
        folder
    }

    /// The parts in a time that decoding takes up.
    fn measured(folder: &Path) -> (Report, Value) {
        let gpu = Gpu {
            device: "gpu".to_owned(),
            program: None,
            peer: Some(PathBuf::from("/no/such/python")),
            out: folder.join("out"),
            minutes: 1,
            quick: true,
            pack: None,
        };
        let report = measure(&gpu, &folder.join("minigpt")).unwrap();
        let json = fs_err::read_to_string(folder.join("out/gpu.json")).unwrap();
        fs_err::remove_dir_all(folder).unwrap();
        (report, serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn what_fails_is_written_down_and_the_others_go_on() {
        let (report, json) = measured(&folder("right", "1e-6", "0"));
        assert_eq!(report.parity, Parity::Right);
        assert_eq!(
            (&json["minigpt"], &json["adapter"]["name"]),
            (&"minigpt 9.9.9".into(), &"Card".into())
        );
        assert_eq!((&json["parity"], &json["is_quick"]), (&"right".into(), &true.into()));
        let all: Vec<String> =
            report.parts.iter().map(|part| format!("{}: {part}", part.what)).collect();
        let expected = [
            "device: listed",
            "parity, process 1: right; at most 1.00 % of what is allowed",
            "parity, process 2: right; at most 1.00 % of what is allowed",
            "step, 512 ids, 1x64, f32: 12.5 ms, 300 MiB",
            "step, 512 ids, 1x64, f32, PyTorch: could not start /no/such/python: No such file or directory (os error 2)",
            "step, 512 ids, 1x64, 16 bits: no such kernel",
            "step, 512 ids, 1x64, 16 bits, PyTorch: could not start /no/such/python: No such file or directory (os error 2)",
            "launches of a step, 4,096 ids: 61 launches",
            "decoding, 512 ids, 1x64: no end within 5 s",
            "step, 512 ids, 1x64, f32, no fusion: 12.5 ms, 300 MiB",
            "step, 512 ids, 1x64, 16 bits, no fusion: no such kernel",
        ];
        assert_eq!(all, expected);
        assert_eq!(json["parts"][7]["found"]["kernels"][6][1], 8);
        assert!(json["parts"][9]["command"].as_str().unwrap().starts_with("MINIGPT_PLAIN_GPU=1 /"));
    }

    #[test]
    fn a_card_that_computes_something_else_fails() {
        let folder = folder("wrong", "0.5", "1");
        let gpu = Gpu {
            device: "gpu".to_owned(),
            program: Some(folder.join("minigpt")),
            peer: None,
            out: folder.join("out"),
            minutes: 1,
            quick: true,
            pack: None,
        };
        let code = run(&gpu, || unreachable!("a program was named")).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        let json: Value =
            serde_json::from_str(&fs_err::read_to_string(folder.join("out/gpu.json")).unwrap())
                .unwrap();
        fs_err::remove_dir_all(&folder).unwrap();
        assert_eq!(json["parity"], "wrong");
        assert_eq!(json["parts"][1]["failed"], "logits: off by 5.0e-1, at most 1e-4");
    }
}
