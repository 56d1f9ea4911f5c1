//! A sheet as a backend of plotters.

use std::convert::Infallible;

use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

use super::{Anchor, Colour, Letters, MIDDLE, Paint, Place, Sheet, Stroke, Turn, font};

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn place((x, y): BackendCoord) -> Place {
    (f64::from(x), f64::from(y))
}

fn paint(color: BackendColor) -> Paint {
    let (red, green, blue) = color.rgb;
    Colour(red, green, blue).opacity(color.alpha)
}

fn stroke(style: &impl BackendStyle) -> Stroke {
    Stroke::solid(paint(style.color()), f64::from(style.stroke_width()))
}

impl DrawingBackend for Sheet {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn {
        self.rectangle(place(at), place((at.0 + 1, at.1 + 1)), paint(color));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if fill {
            self.rectangle(place(from), place(to), paint(style.color()));
            return Ok(());
        }
        self.draw_path([from, (to.0, from.1), to, (from.0, to.1), from], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let stroke = stroke(style);
        if stroke.paint.opacity > 0.0 {
            // The middle of a pixel, so that thin lines along an axis have sharp edges.
            let shift = if style.stroke_width() % 2 == 1 { 0.5 } else { 0.0 };
            let middle = |at| (place(at).0 + shift, place(at).1 + shift);
            self.path(path.into_iter().map(middle).collect(), stroke);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        middle: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (middle, radius) = (place(middle), f64::from(radius));
        if fill {
            self.circle(middle, radius, paint(style.color()));
        } else {
            self.ring(middle, radius, stroke(style));
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.area(corners.into_iter().map(place).collect(), paint(style.color()));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let size = style.size() / font::height_per_em();
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        let turn = match style.transform() {
            FontTransform::Rotate90 => Turn::Down,
            FontTransform::Rotate270 => Turn::Up,
            FontTransform::None | FontTransform::Rotate180 => Turn::None,
        };
        let below = size
            * match style.anchor().v_pos {
                VPos::Top => 0.76,
                VPos::Center => MIDDLE,
                VPos::Bottom => -0.2,
            };
        let (x, y) = place(at);
        let at = match turn {
            Turn::None => (x, y + below),
            Turn::Down => (x - below, y),
            Turn::Up => (x + below, y),
        };
        self.text(text, at, Letters { size, paint: paint(style.color()), anchor, turn });
        Ok(())
    }
}
