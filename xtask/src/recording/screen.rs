//! What a terminal shows, line by line, with the time from which each line looked that way.

/// How a letter looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Of the 16 colours of a terminal.
    pub(super) colour: Option<u8>,
    pub(super) bold: bool,
}

/// A letter at its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) letter: char,
    pub(super) style: Style,
}

/// A line as it looked from `from` until the next version of it.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) from: f64,
    pub(super) cells: Vec<Cell>,
}

/// A terminal that keeps every line: those that scrolled away too.
#[derive(Default)]
pub(super) struct Screen {
    columns: usize,
    lines: Vec<Vec<Cell>>,
    row: usize,
    column: usize,
    style: Style,
    /// The start of a letter or of a control sequence whose end comes with the next bytes.
    rest: Vec<u8>,
    versions: Vec<Vec<Version>>,
    /// How many lines there were, from which time on.
    heights: Vec<(f64, usize)>,
}

impl Screen {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, lines: vec![Vec::new()], ..Self::default() }
    }

    /// The versions of each line, the first line first.
    pub(super) fn versions(&self) -> &[Vec<Version>] {
        &self.versions
    }

    /// How many lines there were, from which time on.
    pub(super) fn heights(&self) -> &[(f64, usize)] {
        &self.heights
    }

    /// Keeps how the lines look now, as what is shown from `time` on.
    pub(super) fn keep(&mut self, time: f64) {
        self.versions.resize_with(self.lines.len(), Vec::new);
        for (line, versions) in self.lines.iter().zip(&mut self.versions) {
            let before = versions.last().map_or(&[][..], |version| &version.cells);
            if before != line.as_slice() {
                versions.push(Version { from: time, cells: line.clone() });
            }
        }
        let height = self.lines.len();
        if self.heights.last().is_none_or(|(_, before)| *before != height) {
            self.heights.push((time, height));
        }
    }

    /// Takes what a program writes. Sequences that a progress bar does not need are passed over.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.rest);
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let (whole, rest) = bytes.split_at(error.valid_up_to());
                rest.clone_into(&mut self.rest);
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            rest = match letter {
                '\x1b' => match self.sequence(after) {
                    Some(after) => after,
                    None => {
                        // Before the start of a letter that is kept already.
                        self.rest.splice(0..0, rest.bytes());
                        return;
                    }
                },
                _ => {
                    self.put(letter);
                    after
                }
            };
        }
    }

    fn put(&mut self, letter: char) {
        match letter {
            '\n' => self.go_to(self.row + 1, self.column),
            '\r' => self.column = 0,
            letter if letter.is_control() => {}
            letter => {
                if self.column == self.columns {
                    self.go_to(self.row + 1, 0);
                }
                let line = &mut self.lines[self.row];
                let blank = Cell { letter: ' ', style: Style::default() };
                if line.len() <= self.column {
                    line.resize(self.column + 1, blank);
                }
                line[self.column] = Cell { letter, style: self.style };
                self.column += 1;
            }
        }
    }

    fn go_to(&mut self, row: usize, column: usize) {
        (self.row, self.column) = (row, column);
        if self.lines.len() <= row {
            self.lines.resize_with(row + 1, Vec::new);
        }
    }

    /// Does what a sequence after ESC says; returns what follows it, or nothing if its end is missing.
    fn sequence<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(title) = text.strip_prefix(']') {
            return title.split_once('\x07').map(|(_, after)| after);
        }
        let Some(text) = text.strip_prefix('[') else {
            let mut letters = text.chars();
            letters.next()?;
            return Some(letters.as_str());
        };
        let end = text.find(|letter: char| ('@'..='~').contains(&letter))?;
        let (parameters, after) = text.split_at(end);
        let numbers: Vec<usize> =
            parameters.split(';').map(|number| number.parse().unwrap_or(0)).collect();
        let first = numbers[0];
        match after.as_bytes()[0] {
            b'A' => self.go_to(self.row.saturating_sub(first.max(1)), self.column),
            b'B' => self.go_to(self.row + first.max(1), self.column),
            b'C' => self.column = (self.column + first.max(1)).min(self.columns),
            b'D' => self.column = self.column.saturating_sub(first.max(1)),
            b'G' => self.column = (first.max(1) - 1).min(self.columns),
            b'K' if first == 2 => self.lines[self.row].clear(),
            b'K' if first == 0 => self.lines[self.row].truncate(self.column),
            b'm' => numbers.iter().for_each(|number| self.look(*number)),
            _ => {}
        }
        Some(&after[1..])
    }

    fn look(&mut self, number: usize) {
        match number {
            0 => self.style = Style::default(),
            1 => self.style.bold = true,
            22 => self.style.bold = false,
            30..=37 => self.style.colour = Some((number - 30) as u8),
            39 => self.style.colour = None,
            90..=97 => self.style.colour = Some((number - 82) as u8),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
