//! Tables for terminals and for Markdown.

/// Columns padded with spaces: the first stands left, all others right.
pub(crate) fn text(rows: &[Vec<String>]) -> String {
    let widths = widths(&rows.iter().collect::<Vec<_>>());
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A column of a table for a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    stands_left: bool,
    /// The highest leaves first where there is no room; 0 never does.
    leaves: u8,
}

impl Column {
    /// Of words, which may be shortened.
    pub(crate) fn left(head: &'static str) -> Self {
        Self { head, stands_left: true, leaves: 0 }
    }

    /// Of numbers.
    pub(crate) fn right(head: &'static str) -> Self {
        Self { head, stands_left: false, leaves: 0 }
    }

    /// It is left out where all columns find no room, the one with the highest number first.
    pub(crate) fn leaves(self, order: u8) -> Self {
        Self { leaves: order, ..self }
    }
}

/// Columns of words are shortened to no less, and that is a column's head at most.
const SHORTEST: usize = 8;

/// Between two columns.
const GAP: usize = 2;

/// A table with a head, no wider than `width` characters where one is given: the widest words are shortened, and
/// where that is not enough columns are left out.
pub(crate) fn fitted(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> String {
    let head: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    let rows: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let natural = widths(&rows);
    let mut widths = natural.clone();
    let total = |shown: &[usize], widths: &[usize]| {
        let gaps = GAP * shown.len().saturating_sub(1);
        shown.iter().map(|column| widths[*column]).sum::<usize>() + gaps
    };
    let most = width.unwrap_or(usize::MAX);
    while total(&shown, &widths) > most {
        let words = shown.iter().filter(|column| columns[**column].stands_left);
        let widest = words.copied().max_by_key(|column| widths[*column]);
        let leaving = shown.iter().copied().max_by_key(|column| columns[*column].leaves);
        match (widest, leaving) {
            (Some(widest), _) if widths[widest] > SHORTEST => widths[widest] -= 1,
            (_, Some(leaving)) if columns[leaving].leaves > 0 => {
                shown.retain(|column| *column != leaving);
                widths.clone_from(&natural);
            }
            _ => break,
        }
    }
    let line = |row: &&Vec<String>| {
        let cells = shown.iter().map(|column| {
            let width = widths[*column];
            let cell = shortened(row.get(*column).map_or("", String::as_str), width);
            if columns[*column].stands_left {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A cell without its middle, where it has more than `width` characters.
fn shortened(cell: &str, width: usize) -> String {
    let length = cell.chars().count();
    if length <= width {
        return cell.to_owned();
    }
    let kept = width.saturating_sub(1);
    let start: String = cell.chars().take(kept.div_ceil(2)).collect();
    let end: String = cell.chars().skip(length - kept / 2).collect();
    format!("{start}…{end}")
}

/// The first row is the head; all columns but the first stand right.
pub(crate) fn markdown(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let columns = rows.first().map_or(0, Vec::len);
    let rule = format!("|---|{}\n", "--:|".repeat(columns.saturating_sub(1)));
    let (head, body) = rows.split_at(rows.len().min(1));
    head.iter().map(line).chain([rule]).chain(body.iter().map(line)).collect()
}

fn widths(rows: &[&Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    (0..columns).map(width).collect()
}

#[cfg(test)]
mod tests;
