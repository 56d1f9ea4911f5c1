//! That training learns, through the library as another program would call it.

use burn::tensor::Device;
use minigpt_data::{Corpus, TokenSplit, Tokenizer, TokenizerSpec};
use minigpt_train::{Environment, Interrupter, RunConfig, RunFolder, TokenData, Trainer};

use crate::support::{Sandbox, prose, train_losses};

fn environment() -> Environment {
    Environment {
        minigpt: String::new(),
        burn: String::new(),
        git_revision: None,
        device: "cpu".to_owned(),
        platform: String::new(),
        ..Environment::default()
    }
}

#[test]
fn a_text_of_one_kibibyte_is_learnt_by_heart() {
    let text = prose()[..1024].to_owned();
    let corpus = Corpus {
        name: "1 KiB".to_owned(),
        train: vec![text.clone()],
        valid: vec![text],
        test: None,
    };
    let mut config = RunConfig::tiny();
    config.data.tokenizer = TokenizerSpec::Bpe { vocab_size: 300 };
    config.training.epochs = 400;
    config.training.max_steps = Some(400);
    config.training.eval_every = Some(400);
    config.sample.prompt = "In".to_owned();

    let tokenizer = Tokenizer::for_corpus(&config.data.tokenizer, &corpus).unwrap();
    let split = |documents: &[String]| {
        TokenSplit::from_documents(&tokenizer, documents, &mut |_| {}).unwrap()
    };
    let data = TokenData {
        train: split(&corpus.train).into(),
        valid: split(&corpus.valid).into(),
        tokenizer: tokenizer.clone(),
    };
    config.model.vocab_size = tokenizer.vocab_size();

    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer {
        folder: folder.path(),
        data,
        devices: (&Device::flex()).into(),
        interrupter: Interrupter::new(),
        observer: Box::new(|_| ()),
    };
    let summary = trainer.train(&config, &environment()).unwrap();
    let loss = summary.last.unwrap().loss;
    assert!(loss < 0.1, "loss {loss} after {} steps", summary.steps);
    assert_eq!(train_losses(folder.path()).len(), 400);
}

#[test]
fn a_prompt_of_ours_fails_no_run_of_another_script() {
    let sandbox = Sandbox::new();
    let lines = ["Мороз и солнце, день чудесный.\n", "Ещё ты дремлешь, друг прелестный.\n"];
    sandbox.write("verses.txt", lines.concat().repeat(30));
    let train =
        "train --preset tiny --data verses.txt --tokenizer char --device cpu --max-steps 2 --name";
    let words = |name: &'static str| train.split(' ').chain([name]).collect::<Vec<_>>();
    let output = sandbox.minigpt(&words("run"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("samples: continue \""), "{errors}");
    let prompt =
        RunFolder::open(&sandbox.path("runs/run")).unwrap().config().unwrap().sample.prompt;
    assert!(!prompt.is_empty() && lines.concat().contains(&prompt), "{prompt:?}");
    // What was asked for is not changed.
    let asked = [&words("asked")[..], &["--prompt", "Once"]].concat();
    assert!(sandbox.fails(&asked).contains("is not in the vocabulary"));
}
