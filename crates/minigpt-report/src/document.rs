//! A report as headings, paragraphs, tables and pictures, before it is HTML, Markdown or LaTeX. All text in it is plain:
//! each of these escapes it in its own way.

/// A report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// What stands below what stands above it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    /// Of a section, which the title is above of.
    Heading(String),
    /// Of a part of a section.
    Subheading(String),
    Paragraph(Text),
    /// What is not there, and what would make it.
    Note(Text),
    List(Vec<Text>),
    Table(Table),
    Picture(Picture),
    /// What a model wrote, or a command: as it is, line by line, below what it is.
    Verbatim {
        label: String,
        text: String,
    },
}

/// A paragraph, or a cell of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    pub(crate) spans: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Span {
    Plain(String),
    Strong(String),
    Code(String),
}

/// A table, whose first column names its rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Text>>,
}

/// A picture in the report's folder of pictures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// Its name without an ending.
    pub(crate) name: String,
    /// Whether there is a vector picture beside the one of pixels.
    pub(crate) is_vector: bool,
    /// What somebody is told who does not see it.
    pub(crate) alt: String,
    pub(crate) caption: String,
}

impl Text {
    pub(crate) fn plain(self, text: impl Into<String>) -> Self {
        self.and(Span::Plain(text.into()))
    }

    pub(crate) fn strong(self, text: impl Into<String>) -> Self {
        self.and(Span::Strong(text.into()))
    }

    pub(crate) fn code(self, text: impl Into<String>) -> Self {
        self.and(Span::Code(text.into()))
    }

    fn and(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// Whether it is a number, alone or with its unit or interval, which stands on the right of its column.
    pub(crate) fn is_number(&self) -> bool {
        match &self.spans[..] {
            [Span::Plain(text)] => {
                text == NOTHING || text.starts_with(|c: char| c.is_ascii_digit())
            }
            spans => spans.is_empty(),
        }
    }
}

/// Stands in a cell that has no value.
pub(crate) const NOTHING: &str = "–";

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::default().plain(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::default().plain(text)
    }
}

/// A value's cell, or the one of a missing value.
impl From<Option<String>> for Text {
    fn from(text: Option<String>) -> Self {
        text.unwrap_or_else(|| NOTHING.to_owned()).into()
    }
}

impl Table {
    /// Whether all cells of a column are numbers.
    pub(crate) fn is_numeric(&self, column: usize) -> bool {
        column > 0 && self.rows.iter().all(|row| row.get(column).is_none_or(Text::is_number))
    }
}

impl Document {
    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn subheading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Subheading(text.into()));
    }

    pub(crate) fn paragraph(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    pub(crate) fn note(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Note(text.into()));
    }

    pub(crate) fn list(&mut self, items: Vec<Text>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    pub(crate) fn table(&mut self, caption: &str, head: Vec<String>, rows: Vec<Vec<Text>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(Table { caption: caption.to_owned(), head, rows }));
        }
    }

    pub(crate) fn picture(&mut self, picture: Picture) {
        self.blocks.push(Block::Picture(picture));
    }

    pub(crate) fn verbatim(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.blocks.push(Block::Verbatim { label: label.into(), text: text.into() });
    }
}
