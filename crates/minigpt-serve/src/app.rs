//! What all handlers share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use minigpt_retrieval::Index;
use minigpt_text::{GrammarError, Grammars};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counters::Counters;
use crate::engine::{Engine, ModelCard};
use crate::error::ApiError;

/// Grammars that live at once: each may have twenty megabytes.
pub(crate) const GRAMMARS: usize = 32;

/// How a server serves; the default is one that only this machine reaches.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Secret that clients must know, as `Authorization: Bearer SECRET`; pages without their data need none.
    pub api_key: Option<String>,
    /// Names by which clients may call the server besides `localhost`, loopback addresses and its own; without a
    /// port, as `den.local`.
    pub allowed_hosts: Vec<String>,
    /// Origins of other servers' pages that may ask, as `https://chat.example`; `*` allows all.
    pub allowed_origins: Vec<String>,
    /// Tokens of a text at most, whatever its request says.
    pub max_tokens: usize,
    /// Time of a text at most, waiting included.
    pub time_limit: Duration,
    /// Time in which a request's head, and then its body, must have come.
    pub patience: Duration,
    /// Time that running answers have once the server shall stop.
    pub stop_within: Duration,
    /// The folder of runs that are shown.
    pub runs: PathBuf,
    /// The name of the run among them that trains in this process.
    pub run: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_tokens: 4096,
            time_limit: Duration::from_secs(600),
            patience: Duration::from_secs(20),
            stop_within: Duration::from_secs(10),
            runs: PathBuf::from("runs"),
            run: None,
        }
    }
}

/// What all handlers share; its clones are the same.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    engine: Engine,
    index: Option<Index>,
    /// Of each model's tokenizer, once a request needs a grammar.
    grammars: Vec<OnceLock<Result<Grammars, GrammarError>>>,
    /// Places of grammars that may still be made.
    places_for_grammars: Arc<Semaphore>,
    settings: Settings,
    counters: Counters,
    is_stopping: AtomicBool,
}

impl App {
    /// A server of the engine's models, which may be none, with the passages of an index where there is one.
    #[must_use]
    pub fn new(engine: Engine, index: Option<Index>, settings: Settings) -> Self {
        let grammars = engine.cards().iter().map(|_| OnceLock::new()).collect();
        let (counters, is_stopping) = (Counters::default(), AtomicBool::new(false));
        let places_for_grammars = Arc::new(Semaphore::new(GRAMMARS));
        Self(Arc::new(Shared {
            engine,
            index,
            grammars,
            places_for_grammars,
            settings,
            counters,
            is_stopping,
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn index(&self) -> Option<&Index> {
        self.0.index.as_ref()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// From now on nothing new begins.
    pub(crate) fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new begins any more.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    /// The model of that name, and its place among the engine's.
    ///
    /// # Errors
    /// 404 that names those that there are.
    pub(crate) fn model(&self, id: &str) -> Result<(usize, &ModelCard), ApiError> {
        let cards = self.0.engine.cards();
        self.0.engine.find(id).map(|place| (place, &cards[place])).ok_or_else(|| {
            let names: Vec<&str> = cards.iter().map(|card| card.id.as_str()).collect();
            ApiError::no_model(id, &names)
        })
    }

    /// What makes grammars for the texts of a model. The first time takes some tenths of a second.
    ///
    /// # Errors
    /// 500 where the model's tokenizer is not good for it.
    pub(crate) fn grammars(&self, model: usize) -> Result<&Grammars, ApiError> {
        let tokenizer = &self.0.engine.cards()[model].tokenizer;
        let made = self.0.grammars[model].get_or_init(|| Grammars::new(tokenizer));
        made.as_ref().map_err(|error| ApiError::broken(error.to_string()))
    }

    /// A place among the grammars that live.
    ///
    /// # Errors
    /// 429 where all are taken.
    pub(crate) fn place_for_grammar(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.0.places_for_grammars.clone().try_acquire_owned().map_err(|_| {
            ApiError::busy("too many texts keep to a JSON schema: try again in a moment")
        })
    }

    /// Has something done that takes the processor for a while or waits for files, on a thread for that.
    ///
    /// # Errors
    /// Those of `work`, and 500 where it panicked.
    pub(crate) async fn work<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<R, ApiError> + Send + 'static,
    ) -> Result<R, ApiError> {
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&app)).await;
        done.unwrap_or_else(|_| Err(ApiError::broken("the server broke while it worked on this")))
    }
}
