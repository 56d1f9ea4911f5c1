//! A server of a tiny random model on a free port, and a client that says exactly what a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use burn::tensor::Device;
use minigpt_data::{Template, Tokenizer};
use minigpt_model::{AnyGpt, Gpt, GptConfig, GptRef, PackedGpt, WeightType};
use minigpt_text::GenerationDefaults;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{App, Engine, Limits, ModelCard, ServedModel, Settings, serve};

/// A model of bytes that writes nonsense, the same each time.
pub(crate) fn tiny() -> AnyGpt {
    let tokens = Tokenizer::bytes().unwrap().vocab_size();
    let config = GptConfig { block_size: 256, ..GptConfig::tiny(tokens) };
    let gpt = Gpt::init(&config, 7, &Device::flex()).unwrap();
    AnyGpt::Packed(Box::new(PackedGpt::of(gpt, WeightType::F32).unwrap()))
}

/// What is served of it: `tiny`, and as `instruct` with a chat template.
pub(crate) fn models() -> Vec<ServedModel> {
    let served = |id: &str| {
        let model = tiny();
        let card = ModelCard {
            id: id.to_owned(),
            tokenizer: Tokenizer::bytes().unwrap(),
            template: (id == "instruct").then(|| Template::instruct().into()),
            generation: GenerationDefaults::default(),
            config: GptRef::from(&model).config().clone(),
            weights: "f32".to_owned(),
            created: SystemTime::UNIX_EPOCH,
            base: None,
        };
        ServedModel { card, model, base: None }
    };
    ["tiny", "instruct"].map(served).into()
}

/// A server that ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Settings::default(), Limits::default())
    }

    pub(crate) fn with(settings: Settings, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let engine = Engine::start(models(), limits).unwrap();
        let app = App::new(engine.clone(), None, settings);
        let (stop, stopped) = oneshot::channel();
        let until = async move { drop(stopped.await) };
        let thread = std::thread::spawn(move || serve(listener, app, until).unwrap());
        Self { address, engine, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// What comes back for these bytes, until the connection ends.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        Answer::of(&text)
    }

    /// A request with a head of these lines, besides `Host` and what is needed.
    pub(crate) fn ask(&self, what: &str, head: &[&str], body: &str) -> Answer {
        let host = match head.iter().any(|line| line.starts_with("Host:")) {
            true => String::new(),
            false => format!("Host: {}\r\n", self.address),
        };
        let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\n{host}{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.raw(request.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let head = ["Content-Type: application/json"];
        self.ask(&format!("POST {path}"), &head, &body.to_string())
    }

    /// Asks the server to stop, and waits for it.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Waits until the engine has nothing to do.
    pub(crate) fn wait_until_idle(&self) {
        let began = Instant::now();
        loop {
            let counts = self.engine.counts();
            if counts.running + counts.waiting == 0 {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{counts:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { joined(body) } else { body.to_owned() };
        Self { status, head: head.to_lowercase(), body }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The message of an error in OpenAI's form.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// The chunks of a stream, `[DONE]` apart, which must be the last.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut data: Vec<&str> = data.collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{self:?}");
        data.into_iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
    }
}

/// A chunked body in one piece.
fn joined(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        if size == 0 || rest.len() < size {
            break;
        }
        whole += &rest[..size];
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    whole
}
