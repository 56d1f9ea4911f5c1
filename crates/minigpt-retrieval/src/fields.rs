//! What tantivy keeps of a passage.

use tantivy::TantivyDocument;
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};

use crate::Passage;
use crate::analyzer::ANALYZER;

/// What tantivy keeps of a passage.
pub(crate) struct Fields {
    pub(crate) source: Field,
    pub(crate) first_line: Field,
    pub(crate) last_line: Field,
    pub(crate) text: Field,
}

impl Fields {
    pub(crate) fn new() -> (Self, Schema) {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default()
            .set_tokenizer(ANALYZER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let fields = Self {
            // Indexed too, so that the passages of one text can be replaced.
            source: schema.add_text_field("source", STRING | STORED),
            first_line: schema.add_u64_field("first_line", STORED),
            last_line: schema.add_u64_field("last_line", STORED),
            text: schema.add_text_field(
                "text",
                TextOptions::default().set_indexing_options(words).set_stored(),
            ),
        };
        (fields, schema.build())
    }

    pub(crate) fn passage(&self, document: &TantivyDocument) -> Passage {
        let text = |field| {
            let value = document.get_first(field).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let line = |field| {
            let value = document.get_first(field).and_then(|value| value.as_u64());
            value.unwrap_or_default() as usize
        };
        Passage {
            source: text(self.source),
            first_line: line(self.first_line),
            last_line: line(self.last_line),
            text: text(self.text),
        }
    }
}
