//! What each head of a model is found to do most, measured once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use minigpt_text::{HeadHabits, head_habits};
use serde::Serialize;
use tokio::sync::OnceCell;

use super::ask::AskedModel;
use crate::error::ApiError;

/// Windows of the embedded corpus that heads are watched on.
const WINDOWS: usize = 4;

/// The habits of a model's heads.
#[derive(Clone, Serialize)]
pub(super) struct Habits {
    /// Windows of the embedded corpus' validation text that they were measured on.
    pub(super) windows: usize,
    /// Block by block.
    pub(super) heads: Vec<HeadHabits>,
}

/// The habits of the models that were asked for.
#[derive(Default)]
pub(super) struct HabitCache {
    by_model: Mutex<HashMap<usize, Arc<OnceCell<Habits>>>>,
}

impl HabitCache {
    /// The habits of a model's heads. Whoever asks while they are measured waits for the same measurement.
    pub(super) async fn of(&self, model: &AskedModel) -> Result<Habits, ApiError> {
        let cell = {
            let mut by_model = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
            by_model.entry(model.place).or_default().clone()
        };
        cell.get_or_try_init(|| measure(model)).await.cloned()
    }
}

async fn measure(model: &AskedModel) -> Result<Habits, ApiError> {
    let windows = model.windows().await?;
    let heads = model.look(move |gpt, _card| Ok(head_habits(gpt, &windows, WINDOWS))).await?;
    Ok(Habits { windows: WINDOWS, heads })
}
