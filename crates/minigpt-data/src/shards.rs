//! Writing the tokens of a split, shard after shard.

use std::io::{BufWriter, Write};
use std::path::Path;

use rayon::prelude::*;

use crate::manifest::{ShardManifest, SplitManifest};
use crate::part::Part;
use crate::pipeline::Place;
use crate::storage::TokenWidth;
use crate::{DataError, Tokenizer};

/// Bytes of text that are tokenized at a time, on all cores.
const ROUND_BYTES: usize = 2 << 20;

/// The shard that is being written, in a folder that is the store's own.
const UNFINISHED: &str = "unfinished.tmp";

/// What a document is cut into, and what stands in its place.
enum Item {
    Piece(Place, String),
    End,
    Missing,
}

/// Tokenizes what it is given and writes the ids; tells after each shard how far it has come.
pub(crate) struct SplitWriter<'w> {
    folder: &'w Path,
    tokenizer: &'w Tokenizer,
    width: TokenWidth,
    shard_tokens: u64,
    /// Called with the split's state after each shard, to save it.
    save: &'w mut dyn FnMut(&SplitManifest) -> Result<(), DataError>,
    /// Called with the bytes of text that are done.
    progress: &'w mut dyn FnMut(u64),
    state: SplitManifest,
    /// Items that an earlier run has written already.
    skip: u64,
    /// Where in its document the next piece stands.
    place: Place,
    round: Vec<Item>,
    round_bytes: usize,
    shard: Option<BufWriter<fs_err::File>>,
    /// Tokens in the shard that is being written.
    in_shard: u64,
}

impl<'w> SplitWriter<'w> {
    /// Goes on after the last whole shard in `state`.
    pub(crate) fn new(
        folder: &'w Path,
        tokenizer: &'w Tokenizer,
        shard_tokens: u64,
        state: SplitManifest,
        save: &'w mut dyn FnMut(&SplitManifest) -> Result<(), DataError>,
        progress: &'w mut dyn FnMut(u64),
    ) -> Self {
        Self {
            folder,
            tokenizer,
            width: TokenWidth::for_vocabulary(tokenizer.vocab_size()),
            shard_tokens,
            save,
            progress,
            skip: state.items,
            place: Place::Start,
            state,
            round: Vec::new(),
            round_bytes: 0,
            shard: None,
            in_shard: 0,
        }
    }

    pub(crate) fn push(&mut self, part: Part<'_>) -> Result<(), DataError> {
        match part {
            Part::Text(text) => {
                let tokenizer = self.tokenizer;
                for (place, piece) in tokenizer.pieces(text) {
                    let place = place.max(self.place);
                    self.place = Place::Later;
                    self.push_item(Item::Piece(place, piece.to_owned()), piece.len())?;
                }
                Ok(())
            }
            Part::End => {
                self.place = Place::Start;
                self.push_item(Item::End, 1)
            }
            Part::Missing => self.push_item(Item::Missing, 1),
        }
    }

    fn push_item(&mut self, item: Item, bytes: usize) -> Result<(), DataError> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        self.round_bytes += bytes;
        self.round.push(item);
        if self.round_bytes >= ROUND_BYTES { self.write_round() } else { Ok(()) }
    }

    fn write_round(&mut self) -> Result<(), DataError> {
        let round = std::mem::take(&mut self.round);
        self.round_bytes = 0;
        let tokenizer = self.tokenizer;
        let encoded: Vec<Counted> = round
            .par_iter()
            .map(|item| Counted::new(item, tokenizer))
            .collect::<Result<_, DataError>>()?;
        let mut bytes = Vec::new();
        if self.state.tokens == 0 {
            self.width.append(&[self.tokenizer.separator()], &mut bytes);
        }
        for item in &encoded {
            self.width.append(&item.ids, &mut bytes);
            self.state.documents += item.documents;
            self.state.missing += item.missing;
            self.state.bytes += item.bytes;
            self.state.words += item.words;
            self.state.characters += item.characters;
        }
        self.state.items += round.len() as u64;
        let tokens = (bytes.len() / self.width.bytes()) as u64;
        self.state.tokens += tokens;
        self.in_shard += tokens;
        let shard = match self.shard.take() {
            Some(shard) => shard,
            None => BufWriter::new(fs_err::File::create(self.folder.join(UNFINISHED))?),
        };
        self.shard.insert(shard).write_all(&bytes)?;
        (self.progress)(self.state.bytes);
        if self.in_shard >= self.shard_tokens { self.close_shard() } else { Ok(()) }
    }

    fn shard_name(&self) -> String {
        format!("{}-{:05}.bin", self.state.split, self.state.shards.len())
    }

    fn close_shard(&mut self) -> Result<(), DataError> {
        let Some(shard) = self.shard.take() else { return Ok(()) };
        let path = self.folder.join(self.shard_name());
        let file = shard.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        drop(file);
        fs_err::rename(self.folder.join(UNFINISHED), &path)?;
        minigpt_files::sync_folder(self.folder)?;
        let shard = ShardManifest { file: self.shard_name(), tokens: self.in_shard };
        self.state.shards.push(shard);
        self.in_shard = 0;
        (self.save)(&self.state)
    }

    /// Writes what is left; the split is then complete.
    pub(crate) fn finish(mut self) -> Result<(), DataError> {
        if !self.round.is_empty() {
            self.write_round()?;
        }
        self.close_shard()?;
        self.state.complete = true;
        (self.save)(&self.state)
    }
}

/// The ids of an item and what it counts for.
#[derive(Default)]
struct Counted {
    ids: Vec<u32>,
    documents: u64,
    missing: u64,
    bytes: u64,
    words: u64,
    characters: u64,
}

impl Counted {
    fn new(item: &Item, tokenizer: &Tokenizer) -> Result<Self, DataError> {
        let (place, text) = match item {
            Item::Piece(place, text) => (*place, text),
            Item::End => {
                let ids = vec![tokenizer.separator()];
                return Ok(Self { ids, documents: 1, ..Self::default() });
            }
            Item::Missing => return Ok(Self { missing: 1, ..Self::default() }),
        };
        Ok(Self {
            ids: tokenizer.encode_piece(text, place)?,
            bytes: text.len() as u64,
            // No piece ends within a word, but for words longer than the longest piece.
            words: text.split_whitespace().count() as u64,
            characters: text.chars().count() as u64,
            ..Self::default()
        })
    }
}
