//! The prefix cache: keys and values of texts that are over, for texts that begin alike (a system prompt, the turns before).

use std::collections::VecDeque;

use minigpt_model::PackedCache;

/// Texts of fewer tokens in common are read again.
const LEAST: usize = 8;

/// Keeps the newest, up to a number of bytes.
pub(super) struct PrefixCache {
    kept: VecDeque<Prefix>,
    limit: usize,
}

struct Prefix {
    /// The place of the model whose weights read it.
    base: usize,
    /// As many as the cache has.
    tokens: Vec<u32>,
    cache: PackedCache,
}

impl PrefixCache {
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: VecDeque::new(), limit }
    }

    /// Keeps what was read of a text, in the place of the oldest.
    pub(super) fn keep(&mut self, base: usize, mut tokens: Vec<u32>, cache: PackedCache) {
        tokens.truncate(cache.len());
        if tokens.len() < LEAST {
            return;
        }
        self.kept.push_back(Prefix { base, tokens, cache });
        let bytes =
            |kept: &VecDeque<Prefix>| kept.iter().map(|one| one.cache.bytes()).sum::<usize>();
        while bytes(&self.kept) > self.limit {
            self.kept.pop_front();
        }
    }

    /// How many tokens of a prompt have been read with the adapter of a fresh cache.
    pub(super) fn longest(&self, base: usize, prompt: &[u32], fresh: &PackedCache) -> usize {
        self.best(base, prompt, fresh).map_or(0, |(_, common)| common)
    }

    /// What was read of the beginning of a prompt; a text that the prompt goes on with is given away whole.
    pub(super) fn take(
        &mut self,
        base: usize,
        prompt: &[u32],
        fresh: &PackedCache,
    ) -> Option<PackedCache> {
        let (index, common) = self.best(base, prompt, fresh)?;
        match self.kept[index].tokens.len() == common {
            true => self.kept.remove(index).map(|one| one.cache),
            false => Some(self.kept[index].cache.beginning(common)),
        }
    }

    fn best(&self, base: usize, prompt: &[u32], fresh: &PackedCache) -> Option<(usize, usize)> {
        let same = |one: &&Prefix| one.base == base && one.cache.has_adapter_of(fresh);
        let kept = self.kept.iter().enumerate().filter(|(_, one)| same(one));
        let commons = kept.map(|(index, one)| (index, common(&one.tokens, prompt)));
        commons.max_by_key(|(_, common)| *common).filter(|(_, common)| *common >= LEAST)
    }
}

/// How many tokens two texts begin with alike; none where they are too few to be worth it.
pub(super) fn common(one: &[u32], other: &[u32]) -> usize {
    let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    if common < LEAST { 0 } else { common }
}
