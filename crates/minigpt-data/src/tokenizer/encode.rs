//! From text to token ids.

use rayon::prelude::*;

use super::{END_OF_TEXT, Model, PIECE_BYTES, TextProgress, Tokenizer};
use crate::DataError;
use crate::pieces::Cuts;
use crate::pipeline::Place;

/// Pieces between two progress reports.
const PIECES_PER_ROUND: usize = 2048;

impl Tokenizer {
    /// The ids of a text, without any special token and without what a file puts around a text. A stretch of
    /// more than 64 KiB without any white space, or of nothing else, is cut there, as Llama 3's tokenizer
    /// does: memory and time then grow in proportion to the text. Where a file has a pattern of its own, a
    /// text is never cut.
    ///
    /// # Errors
    /// [`DataError::UnknownCharacter`] from a tokenizer of characters, and
    /// [`DataError::Tokenizers`] if the library fails, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        self.encode_at(text, Place::Start)
    }

    /// The ids of a text in which the name of each special token, such as `<|im_start|>`, is that token: for
    /// text that a chat template made. As [`Tokenizer::encode`] otherwise, but in one piece.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, DataError> {
        match &self.model {
            Model::Bpe(pipeline) | Model::Bytes(pipeline, _) => {
                Ok(pipeline.encode_with_special(text)?)
            }
            Model::Characters(characters) => {
                let mut ids = Vec::new();
                for (number, part) in text.split(END_OF_TEXT).enumerate() {
                    ids.extend((number > 0).then(|| self.end_of_text()));
                    ids.extend(characters.encode(part)?);
                }
                Ok(ids)
            }
        }
    }

    /// The ids of a text that goes on where another ends: without the space that some tokenizers put before
    /// a text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, DataError> {
        self.encode_at(text, Place::Later)
    }

    fn encode_at(&self, text: &str, place: Place) -> Result<Vec<u32>, DataError> {
        let mut ids = Vec::new();
        for (of_piece, piece) in self.pieces(text) {
            ids.extend(self.encode_piece(piece, place.max(of_piece))?);
        }
        Ok(ids)
    }

    /// A text's pieces, whose ids one after the other are its own, and where they stand.
    pub(crate) fn pieces<'t>(&self, text: &'t str) -> impl Iterator<Item = (Place, &'t str)> {
        let cuts = match &self.model {
            Model::Bpe(pipeline) => pipeline.cuts,
            Model::Bytes(..) | Model::Characters(_) => Cuts::SpacesAndLines,
        };
        let places = std::iter::once(Place::Start).chain(std::iter::repeat(Place::Later));
        places.zip(cuts.pieces(text, PIECE_BYTES))
    }

    /// The ids of one of [`pieces`](Self::pieces).
    pub(crate) fn encode_piece(&self, piece: &str, place: Place) -> Result<Vec<u32>, DataError> {
        match &self.model {
            Model::Bpe(pipeline) => Ok(pipeline.encode(piece, place)?),
            Model::Bytes(_, ids) => Ok(piece.bytes().map(|byte| ids[usize::from(byte)]).collect()),
            Model::Characters(characters) => characters.encode(piece),
        }
    }

    /// The ids of each document, computed on all cores; the same as [`Tokenizer::encode`] gives.
    ///
    /// Long documents are cut into pieces where the pre-tokenizer cuts anyway, so a single novel
    /// keeps all cores busy too, and time and memory grow in proportion to the text. `progress` is
    /// called every few megabytes and at the end.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_documents(
        &self,
        documents: &[String],
        progress: &mut dyn FnMut(TextProgress),
    ) -> Result<Vec<Vec<u32>>, DataError> {
        let total_bytes = documents.iter().map(|document| document.len() as u64).sum();
        let mut done_bytes = 0;
        let mut encoded = vec![Vec::new(); documents.len()];
        let mut all_pieces = documents.iter().enumerate().flat_map(|(index, document)| {
            self.pieces(document).map(move |(place, piece)| (index, place, piece))
        });
        loop {
            let round: Vec<(usize, Place, &str)> =
                all_pieces.by_ref().take(PIECES_PER_ROUND).collect();
            if round.is_empty() {
                return Ok(encoded);
            }
            let ids: Vec<Vec<u32>> = round
                .par_iter()
                .map(|(_, place, piece)| self.encode_piece(piece, *place))
                .collect::<Result<_, _>>()?;
            for ((owner, _, piece), ids) in round.into_iter().zip(ids) {
                done_bytes += piece.len() as u64;
                encoded[owner].extend(ids);
            }
            progress(TextProgress { done_bytes, total_bytes });
        }
    }

    /// The ids of each text, computed on all cores.
    pub(crate) fn encode_texts(&self, texts: &[(Place, &str)]) -> Result<Vec<Vec<u32>>, DataError> {
        texts.par_iter().map(|(place, text)| self.encode_at(text, *place)).collect()
    }
}
