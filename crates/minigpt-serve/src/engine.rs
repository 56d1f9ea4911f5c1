//! What is asked of models, and the one thread that owns them.

pub(crate) mod request;

use std::time::SystemTime;

use minigpt_data::{ChatTemplate, Tokenizer};
use minigpt_model::{AnyGpt, GptConfig, GptRef};
use minigpt_text::GenerationDefaults;
use tokio::sync::mpsc::UnboundedReceiver;

use self::request::{WriteEvent, WriteRequest};

/// A model to be served.
pub struct ServedModel {
    /// What its clients may know.
    pub card: ModelCard,
    /// The model itself.
    pub model: AnyGpt,
    /// Of an adapter, the place of its base among the models, whose weights it shares and with which it is read.
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

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Texts that are written together.
    pub batch: usize,
    /// Requests that wait for a place in the batch; more are refused.
    pub waiting: usize,
}

/// Too many requests wait, or the engine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests wait: try again in a moment")]
pub struct Busy;

/// A handle to the thread that owns the models; its clones ask the same one.
#[derive(Clone)]
pub struct Engine {}

impl Engine {
    /// Begins the thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(models: Vec<ServedModel>, limits: Limits) -> std::io::Result<Self> {
        let _ = (models, limits);
        Ok(Self {})
    }

    /// What is served.
    pub fn cards(&self) -> &[ModelCard] {
        &[]
    }

    /// Has a text written. Whoever drops the receiver cancels it.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn write(&self, request: WriteRequest) -> Result<UnboundedReceiver<WriteEvent>, Busy> {
        let _ = request;
        Err(Busy)
    }

    /// Has something found out about a model between two steps of its texts.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn look<R: Send + 'static>(
        &self,
        model: usize,
        look: impl FnOnce(GptRef<'_>) -> R + Send + 'static,
    ) -> Result<R, Busy> {
        let _ = (model, look);
        Err(Busy)
    }
}
