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
