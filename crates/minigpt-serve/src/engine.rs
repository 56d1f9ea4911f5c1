//! What is asked of models, and the one thread that owns them.

mod prefix_cache;
pub(crate) mod request;
#[cfg(test)]
mod tests;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Instant, SystemTime};

use minigpt_data::{ChatTemplate, Tokenizer};
use minigpt_model::{AnyGpt, GptConfig, GptRef};
use minigpt_text::GenerationDefaults;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use self::request::{WriteEvent, WriteRequest};
use self::thread::{Job, Waiting};

/// A model to be served, with what clients may know of it.
pub struct ServedModel {
    /// What its clients may know.
    pub card: ModelCard,
    /// The model itself.
    pub model: AnyGpt,
    /// Of an adapter, the place of its base among the models, whose weights it shares and with whose texts its own are
    /// read. Both have [packed](AnyGpt::Packed) weights.
    pub base: Option<usize>,
}

/// What clients may know of a model.
pub struct ModelCard {
    /// The name that it is asked by.
    pub id: String,
    /// What its texts are made of.
    pub tokenizer: Tokenizer,
    /// How it was taught to read conversations, if it was.
    pub template: Option<ChatTemplate>,
    /// How its makers have its texts drawn.
    pub generation: GenerationDefaults,
    /// Its shape.
    pub config: GptConfig,
    /// What its weights are kept as, as `q4_1`.
    pub weights: String,
    /// When it was made, as far as its files tell.
    pub created: SystemTime,
    /// Of an adapter, the name of its base.
    pub base: Option<String>,
}

/// How much is done and kept at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Texts that are written together.
    pub batch: usize,
    /// Requests that wait for a place in the batch; more are refused.
    pub waiting: usize,
    /// Bytes of keys and values that are kept of texts that are over, for texts that begin alike (the prefix cache).
    pub prefix_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // As many as llama.cpp's server in its larger settings; half a gigabyte is 11,000 tokens of SmolLM2-135M.
        Self { batch: 16, waiting: 64, prefix_bytes: 512 << 20 }
    }
}

/// A request that the engine does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many wait.
    #[error("too many requests are waiting: try again in a moment")]
    Busy,
    /// Computing the answer panicked.
    #[error("the model failed while it computed the answer: see the server's own output")]
    Broken,
    /// The thread has ended.
    #[error("the model's thread has ended: restart the server")]
    Gone,
}

/// What the engine did since it began, and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that wait.
    pub waiting: usize,
    /// Texts that are written.
    pub running: usize,
    /// Texts that are over, cancelled ones included.
    pub ended: u64,
    /// Tokens of prompts that were read.
    pub read: u64,
    /// Tokens of prompts that were not read again.
    pub cached: u64,
    /// Tokens that were written.
    pub written: u64,
}

/// A handle to the thread that owns the models; its clones ask the same one, which ends when the last of them is gone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
}

/// What handle and thread both know.
struct Shared {
    cards: Vec<ModelCard>,
    limits: Limits,
    is_alive: AtomicBool,
    /// Looks that wait.
    looks: AtomicUsize,
    waiting: AtomicUsize,
    running: AtomicUsize,
    ended: AtomicU64,
    read: AtomicU64,
    cached: AtomicU64,
    written: AtomicU64,
}

impl Engine {
    /// Begins the thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    ///
    /// # Panics
    /// Where a base is not among the models.
    pub fn start(models: Vec<ServedModel>, limits: Limits) -> std::io::Result<Self> {
        assert!(models.iter().all(|model| model.base.is_none_or(|base| base < models.len())));
        let (mut cards, mut owned) = (Vec::new(), Vec::new());
        for ServedModel { card, model, base } in models {
            cards.push(card);
            owned.push((model, base));
        }
        let shared = Arc::new(Shared {
            cards,
            limits,
            is_alive: AtomicBool::new(true),
            looks: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            read: AtomicU64::new(0),
            cached: AtomicU64::new(0),
            written: AtomicU64::new(0),
        });
        let (jobs, asked) = channel();
        let known = shared.clone();
        std::thread::Builder::new()
            .name("minigpt-engine".to_owned())
            .spawn(move || thread::run(&owned, &known, &asked))?;
        Ok(Self { shared, jobs })
    }

    /// What is served, in the order in which it was given.
    #[must_use]
    pub fn cards(&self) -> &[ModelCard] {
        &self.shared.cards
    }

    /// The place of the model of that name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        self.shared.cards.iter().position(|card| card.id == id)
    }

    /// Has a text written. Whoever drops the receiver cancels it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn write(&self, request: WriteRequest) -> Result<UnboundedReceiver<WriteEvent>, Refused> {
        let most = self.shared.limits.waiting + self.shared.limits.batch;
        // Counted here, so that a burst is refused before the thread has looked.
        let before = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if before + self.shared.running.load(Ordering::Relaxed) >= most {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Busy);
        }
        let (events, received) = unbounded_channel();
        let waiting = Waiting { request, events, asked: Instant::now() };
        self.ask(Job::Write(Box::new(waiting)), &self.shared.waiting)?;
        Ok(received)
    }

    /// Has something found out about a model between two steps of its texts.
    ///
    /// # Errors
    /// [`Refused::Busy`], [`Refused::Broken`] after a panic in `look`, [`Refused::Gone`].
    pub async fn look<R: Send + 'static>(
        &self,
        model: usize,
        look: impl FnOnce(GptRef<'_>) -> R + Send + 'static,
    ) -> Result<R, Refused> {
        if self.shared.looks.fetch_add(1, Ordering::Relaxed) >= self.shared.limits.waiting.max(1) {
            self.shared.looks.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Busy);
        }
        let (found, wanted) = oneshot::channel();
        let look = Box::new(move |model: GptRef<'_>| {
            // Whoever is gone needs no answer.
            if !found.is_closed() {
                found.send(look(model)).ok();
            }
        });
        self.ask(Job::Look(model, look), &self.shared.looks)?;
        wanted.await.map_err(|_| Refused::Broken)
    }

    /// Asks the thread, if it is there, for one of those that wait.
    fn ask(&self, job: Job, waiting: &AtomicUsize) -> Result<(), Refused> {
        self.jobs.send(job).map_err(|_| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            Refused::Gone
        })
    }

    /// The limits that the engine was started with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// False once the thread that owns the models has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.shared.is_alive.load(Ordering::Relaxed)
    }

    /// Texts and tokens since the engine began, and texts that wait or run now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Shared { waiting, running, ended, read, cached, written, .. } = &*self.shared;
        Counts {
            waiting: waiting.load(Ordering::Relaxed),
            running: running.load(Ordering::Relaxed),
            ended: ended.load(Ordering::Relaxed),
            read: read.load(Ordering::Relaxed),
            cached: cached.load(Ordering::Relaxed),
            written: written.load(Ordering::Relaxed),
        }
    }
}
