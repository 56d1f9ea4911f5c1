//! Several examples in a row, one after the other.

use std::collections::BTreeMap;

use super::{Batches, TokenRow, TokenRows};

impl TokenRow {
    /// The examples that stand in the row, in their order.
    #[must_use]
    pub fn examples(&self) -> Vec<Self> {
        if self.segments.is_empty() {
            return vec![self.clone()];
        }
        let mut start = 0;
        let lengths = self.segments.iter();
        lengths
            .map(|length| {
                let place = start..start + length;
                start = place.end;
                Self {
                    inputs: self.inputs[place.clone()].to_vec(),
                    targets: self.targets[place].to_vec(),
                    segments: Vec::new(),
                }
            })
            .collect()
    }
}

impl TokenRows {
    /// The same examples in fewer rows, of at most `length` tokens each: none of them sees another, and each begins at
    /// the first position. Longer ones have a row of their own.
    ///
    /// The longest come first, each into the row that it fills best.
    #[must_use]
    pub fn packed(&self, length: usize) -> Self {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|row| (std::cmp::Reverse(self.rows[*row].inputs.len()), *row));
        let mut packed: Vec<Vec<usize>> = Vec::new();
        // Rows by the tokens that they have room for.
        let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in order {
            let tokens = self.rows[row].inputs.len();
            let fullest = open.range(tokens..).next().map(|(room, _)| *room);
            let (at, room) =
                match fullest.and_then(|room| Some((open.get_mut(&room)?.pop()?, room))) {
                    Some((at, room)) => {
                        if open.get(&room).is_some_and(Vec::is_empty) {
                            open.remove(&room);
                        }
                        (at, room)
                    }
                    None => {
                        packed.push(Vec::new());
                        (packed.len() - 1, length.max(tokens))
                    }
                };
            packed[at].push(row);
            if room > tokens {
                open.entry(room - tokens).or_default().push(at);
            }
        }
        let rows: Vec<TokenRow> =
            packed.iter().map(|together| self.beside_each_other(together)).collect();
        let batches = Batches::new(rows.iter().map(|row| row.inputs.len()), &[(rows.len(), 1.0)]);
        Self { rows: rows.into(), batches, ..self.clone() }
    }

    fn beside_each_other(&self, together: &[usize]) -> TokenRow {
        let rows = || together.iter().map(|row| &self.rows[*row]);
        TokenRow {
            inputs: rows().flat_map(|row| row.inputs.iter().copied()).collect(),
            targets: rows().flat_map(|row| row.targets.iter().copied()).collect(),
            segments: rows().map(|row| row.inputs.len()).collect(),
        }
    }
}
