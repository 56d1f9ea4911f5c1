//! The rectangle of the axes, and where values stand in it.

use crate::axis::Span;
use crate::sheet::Place;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The pixels that a chart's axes enclose, and the values there.
pub(super) struct Frame {
    pub(super) area: Cell,
    pub(super) x: Span,
    pub(super) y: Span,
    pub(super) right: Option<Span>,
}

impl Frame {
    pub(super) fn place(&self, (x, y): (f64, f64), on_right: bool) -> Place {
        let y_span = self.right.filter(|_| on_right).unwrap_or(self.y);
        let Cell { left, top, width, height } = self.area;
        (left + width * self.x.part(x), top + height * (1.0 - y_span.part(y)))
    }
}

/// A line with no more points than can be seen: of those in one column of pixels the first, the least, the
/// greatest and the last.
pub(super) fn thinned(places: Vec<Place>) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::new();
    for column in places.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if column.len() <= 4 {
            kept.extend(column);
            continue;
        }
        let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let least = (0..column.len()).min_by(by_height).unwrap_or(0);
        let most = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut indices = [0, least.min(most), least.max(most), column.len() - 1].to_vec();
        indices.dedup();
        kept.extend(indices.iter().map(|index| column[*index]));
    }
    kept
}
