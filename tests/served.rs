//! `minigpt serve` on a port of its own, and what tests let it serve.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use crate::support::{Sandbox, prose};

/// The server, until it is dropped.
pub(crate) struct Served {
    child: Child,
    /// As `http://127.0.0.1:40123`.
    pub(crate) address: String,
    /// Hears all that it says, so that it never waits for a reader.
    hearing: Option<JoinHandle<String>>,
}

impl Served {
    /// Serves what the arguments name, on loopback and the processor.
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let always = ["serve", "--listen", "127.0.0.1:0", "--device", "cpu"];
        Self::begin(&mut sandbox.command(&[&always[..], args].concat()))
    }

    /// The pages of a run that trains, in the folder `runs` of the sandbox.
    pub(crate) fn training(sandbox: &Sandbox, args: &[&str]) -> Self {
        Self::begin(&mut sandbox.command(&[args, &["--serve", "127.0.0.1:0"]].concat()))
    }

    fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while address(&text).is_none() && errors.read_line(&mut text).unwrap() > 0 {}
        let address = address(&text).unwrap_or_else(|| panic!("no address in:\n{text}"));
        let hearing = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            said
        });
        Self { child, address, hearing: Some(hearing) }
    }

    /// What it answers to a question without a body: the status, and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let authority = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it; what it has said since it listens.
    pub(crate) fn said(&mut self) -> String {
        let _ = self.child.kill();
        self.hearing.take().map_or_else(String::new, |hearing| hearing.join().unwrap())
    }

    /// Sends a signal, as `-TERM`, and waits for the exit code.
    #[cfg(unix)]
    pub(crate) fn end_with(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address in what the program prints, once its line is whole.
fn address(text: &str) -> Option<String> {
    let rest = &text[text.find("http://127.0.0.1:")?..];
    let word = &rest[..rest.find(char::is_whitespace)?];
    Some(word.trim_end_matches(|c: char| !c.is_ascii_digit()).to_owned())
}

/// Asks as in "Anne: …"; enough for a model of a few steps, which learnt no form of conversation.
const TEMPLATE: &str = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}\
                        {% if add_generation_prompt %}assistant:{% endif %}";

/// Two tiny models: `answers`, a folder with a chat template, and the run `runs/continues`, which has none.
pub(crate) fn two_models() -> Sandbox {
    let sandbox = Sandbox::new();
    // A tenth of it is held out, and must be longer than the context.
    sandbox.write("prose.txt", prose().repeat(4));
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 20 --eval-every 20 \
                 --set model.block_size=512 --set training.batch_size=2 --name continues";
    sandbox.succeeds(&train.split_whitespace().collect::<Vec<_>>());
    sandbox.succeeds(&["export", "runs/continues", "--out", "answers", "--device", "cpu"]);
    sandbox.write("answers/chat_template.jinja", TEMPLATE);
    sandbox
}
