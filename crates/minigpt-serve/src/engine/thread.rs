//! The thread that owns the models: between two steps it looks who came and who went.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvError, TryRecvError};
use std::time::{Duration, Instant};

use minigpt_model::{AnyGpt, GptRef, PackedCache, SamplingError, most_probable};
use minigpt_text::{TextBatch, TextEnd, TextError, TextToken};
use tokio::sync::mpsc::UnboundedSender;

use super::Shared;
use super::prefix_cache::{PrefixCache, common};
use super::request::{Failure, WriteEvent, WriteRequest, Written};

/// Tokens of prompts that are read in a step: while others are written, few enough that nobody notices.
const READ_BESIDE_OTHERS: usize = 64;
const READ_ALONE: usize = 256;

/// What is found out about a model.
type Look = Box<dyn FnOnce(GptRef<'_>) + Send>;

/// What the thread is asked.
pub(super) enum Job {
    Write(Box<Waiting>),
    Look(usize, Look),
}

/// A request for a text, and where its tokens go.
pub(super) struct Waiting {
    pub(super) request: WriteRequest,
    pub(super) events: UnboundedSender<WriteEvent>,
    pub(super) asked: Instant,
}

/// A text that is in a batch.
struct Running {
    events: UnboundedSender<WriteEvent>,
    asked: Instant,
    time_limit: Duration,
    top: usize,
    prompt: Vec<u32>,
    cached: usize,
    first_token: Option<Instant>,
    tokens: usize,
}

/// The texts that one model's weights write, its adapters' among them.
struct Group<'a> {
    base: usize,
    batch: TextBatch<'a>,
    /// In the order of the batch.
    texts: Vec<Running>,
}

/// The thread is there; gone with it, however it ends.
struct Alive<'a>(&'a Shared);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.is_alive.store(false, Ordering::Relaxed);
    }
}

struct Worker<'a> {
    models: &'a [(AnyGpt, Option<usize>)],
    shared: &'a Shared,
    groups: Vec<Group<'a>>,
    waiting: VecDeque<Waiting>,
    looks: VecDeque<(usize, Look)>,
    /// Until then texts have their turn.
    next_look: Instant,
    prefixes: PrefixCache,
}

/// Answers until nobody can ask any more.
pub(super) fn run(models: &[(AnyGpt, Option<usize>)], shared: &Shared, jobs: &Receiver<Job>) {
    let _alive = Alive(shared);
    let bases = models.iter().enumerate().filter(|(_, (_, base))| base.is_none());
    let groups = bases.map(|(base, (model, _))| Group {
        base,
        batch: TextBatch::new(model),
        texts: Vec::new(),
    });
    let mut worker = Worker {
        models,
        shared,
        groups: groups.collect(),
        waiting: VecDeque::new(),
        looks: VecDeque::new(),
        next_look: Instant::now(),
        prefixes: PrefixCache::new(shared.limits.prefix_bytes),
    };
    while worker.hear(jobs).is_ok() {
        worker.look();
        worker.admit();
        worker.step();
    }
}

impl<'a> Worker<'a> {
    /// Takes what has been asked; where there is nothing to do, waits for it.
    fn hear(&mut self, jobs: &Receiver<Job>) -> Result<(), RecvError> {
        let is_idle = self.waiting.is_empty() && self.looks.is_empty() && self.running() == 0;
        if is_idle {
            let job = jobs.recv()?;
            self.take(job);
        }
        loop {
            match jobs.try_recv() {
                Ok(job) => self.take(job),
                Err(TryRecvError::Empty) => return Ok(()),
                // Whoever asked is gone with the last handle.
                Err(TryRecvError::Disconnected) => return Err(RecvError),
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Write(waiting) => self.waiting.push_back(*waiting),
            Job::Look(model, look) => self.looks.push_back((model, look)),
        }
    }

    /// Finds one thing out, unless texts have yet to have as much time as the last one took.
    fn look(&mut self) {
        let began = Instant::now();
        if began < self.next_look && self.running() > 0 {
            return;
        }
        let Some((model, look)) = self.looks.pop_front() else { return };
        // Whoever asked hears that there is no answer; the others are unharmed.
        let model = GptRef::from(&self.models[model].0);
        catch_unwind(AssertUnwindSafe(|| look(model))).ok();
        self.shared.looks.fetch_sub(1, Ordering::Relaxed);
        self.next_look = Instant::now() + began.elapsed();
    }

    fn running(&self) -> usize {
        self.groups.iter().map(|group| group.texts.len()).sum()
    }

    /// Lets those that wait into the batch, first come first, while there is room.
    fn admit(&mut self) {
        let mut room = self.shared.limits.batch.saturating_sub(self.running());
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.events.is_closed() {
                self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                self.shared.ended.fetch_add(1, Ordering::Relaxed);
            } else if waiting.asked.elapsed() > waiting.request.time_limit {
                self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                self.shared.ended.fetch_add(1, Ordering::Relaxed);
                waiting.events.send(WriteEvent::Failed(Failure::Late)).ok();
            } else if room == 0 || self.is_better_later(&waiting.request) {
                self.waiting.push_back(waiting);
            } else {
                room -= 1;
                self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                self.join(waiting);
            }
        }
    }

    /// Whether another text's prompt is being read that begins as this one: it need not be read twice.
    fn is_better_later(&self, request: &WriteRequest) -> bool {
        let (group, fresh) = (self.group_of(request.model), self.new_cache(request.model));
        let Some(fresh) = fresh else { return false };
        let Group { base, batch, texts } = &self.groups[group];
        let read = self.prefixes.longest(*base, &request.prompt, &fresh);
        texts.iter().enumerate().any(|(row, text)| {
            let is_same =
                batch.has_read(row).is_some_and(|(_, cache)| cache.has_adapter_of(&fresh));
            let read = batch.has_read(row).map_or(0, |(tokens, _)| tokens.len()).max(read);
            // Not for a few tokens more.
            is_same
                && !batch.is_writing(row)
                && common(&text.prompt, &request.prompt) > read + READ_BESIDE_OTHERS
        })
    }

    fn join(&mut self, Waiting { request, events, asked }: Waiting) {
        let WriteRequest { model, prompt, options, top, time_limit } = request;
        let group = self.group_of(model);
        let cache = self.new_cache(model).map(|fresh| self.read_before(group, &prompt, fresh));
        let cached =
            cache.as_ref().map_or(0, |cache| cache.len().min(prompt.len().saturating_sub(1)));
        let group = &mut self.groups[group];
        let tokenizer = &self.shared.cards[model].tokenizer;
        let joined = match options.max_tokens {
            0 => Ok(()),
            _ => group.batch.join(tokenizer, prompt.clone(), &options, cache),
        };
        let text = Running {
            events,
            asked,
            time_limit,
            top,
            prompt,
            cached,
            first_token: None,
            tokens: 0,
        };
        match joined {
            Ok(()) if options.max_tokens == 0 => {
                let written = text.written(Some(TextEnd::Length), String::new());
                text.events.send(WriteEvent::Ended(written)).ok();
                self.shared.ended.fetch_add(1, Ordering::Relaxed);
            }
            Ok(()) => {
                self.shared.running.fetch_add(1, Ordering::Relaxed);
                self.shared.cached.fetch_add(cached as u64, Ordering::Relaxed);
                let read = (text.prompt.len() - cached) as u64;
                self.shared.read.fetch_add(read, Ordering::Relaxed);
                group.texts.push(text);
            }
            Err(error) => {
                let failure = Failure::Request(error.to_string());
                text.events.send(WriteEvent::Failed(failure)).ok();
                self.shared.ended.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What was read of a prompt's beginning, by a text that is over or one that goes on.
    fn read_before(&mut self, group: usize, prompt: &[u32], fresh: PackedCache) -> PackedCache {
        let Group { base, batch, texts } = &self.groups[group];
        let running = (0..texts.len()).filter_map(|row| {
            let (tokens, cache) = batch.has_read(row)?;
            cache.has_adapter_of(&fresh).then(|| (common(tokens, prompt), cache))
        });
        let running = running.max_by_key(|(common, _)| *common).filter(|(common, _)| *common > 0);
        let before = self.prefixes.longest(*base, prompt, &fresh);
        match running.filter(|(common, _)| *common > before) {
            Some((common, cache)) => cache.beginning(common),
            None => self.prefixes.take(*base, prompt, &fresh).unwrap_or(fresh),
        }
    }

    /// One more token of each text.
    fn step(&mut self) {
        for group in &mut self.groups {
            let is_beside = (0..group.texts.len()).any(|row| group.batch.is_writing(row));
            let at_once = if is_beside { READ_BESIDE_OTHERS } else { READ_ALONE };
            let step = catch_unwind(AssertUnwindSafe(|| group.batch.step(at_once)));
            let Ok(tokens) = step else {
                group.give_up(&self.models[group.base].0, self.shared);
                continue;
            };
            for (row, token) in tokens.into_iter().enumerate().rev() {
                if group.goes_on(row, token, self.shared) {
                    continue;
                }
                let (tokens, cache) = group.batch.leave(row);
                group.texts.remove(row);
                self.shared.running.fetch_sub(1, Ordering::Relaxed);
                self.shared.ended.fetch_add(1, Ordering::Relaxed);
                if let Some(cache) = cache {
                    self.prefixes.keep(group.base, tokens, cache);
                }
            }
        }
    }

    /// The place of the group that a model's texts are written in.
    fn group_of(&self, model: usize) -> usize {
        let base = self.models[model].1.unwrap_or(model);
        self.groups.iter().position(|group| group.base == base).expect("a group for each base")
    }

    /// A cache for a text of a model whose weights are packed.
    fn new_cache(&self, model: usize) -> Option<PackedCache> {
        match &self.models[model].0 {
            AnyGpt::Packed(model) => Some(model.new_cache()),
            AnyGpt::Tensors(_) => None,
        }
    }
}

impl<'a> Group<'a> {
    /// Starts again after a panic, without the texts that were being written.
    fn give_up(&mut self, model: &'a AnyGpt, shared: &Shared) {
        self.batch = TextBatch::new(model);
        for text in std::mem::take(&mut self.texts) {
            let reason = "the model failed: see the server's own output";
            text.events.send(WriteEvent::Failed(Failure::Model(reason.to_owned()))).ok();
            shared.running.fetch_sub(1, Ordering::Relaxed);
            shared.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells of a text's step, and whether there is another one.
    fn goes_on(
        &mut self,
        row: usize,
        token: Option<Result<TextToken, TextError>>,
        shared: &Shared,
    ) -> bool {
        let text = &mut self.texts[row];
        if text.events.is_closed() {
            return false;
        }
        match token {
            None => {}
            Some(Err(error)) => {
                // What a grammar or a penalty leaves no token for is the request's.
                let failure = match error {
                    TextError::Sampling(SamplingError::NotANumber) => {
                        Failure::Model(error.to_string())
                    }
                    _ => Failure::Request(error.to_string()),
                };
                text.events.send(WriteEvent::Failed(failure)).ok();
                return false;
            }
            Some(Ok(token)) => {
                text.first_token.get_or_insert_with(Instant::now);
                text.tokens += 1;
                shared.written.fetch_add(1, Ordering::Relaxed);
                let top = match text.top {
                    0 => Vec::new(),
                    most => most_probable(self.batch.logits(row), most).unwrap_or_default(),
                };
                text.events.send(WriteEvent::Token { token, top }).ok();
            }
        }
        let end = self.batch.end(row);
        let is_over = text.asked.elapsed() > text.time_limit;
        if end.is_none() && !is_over {
            return true;
        }
        let rest = if end.is_none() { self.batch.cut(row) } else { String::new() };
        let text = &self.texts[row];
        text.events.send(WriteEvent::Ended(text.written(end, rest))).ok();
        false
    }
}

impl Running {
    fn written(&self, end: Option<TextEnd>, rest: String) -> Written {
        let first = self.first_token.unwrap_or_else(Instant::now);
        Written {
            end,
            rest,
            tokens: self.tokens,
            cached: self.cached,
            first_token: first - self.asked,
            writing: first.elapsed(),
        }
    }
}
