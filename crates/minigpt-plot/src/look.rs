//! How a picture looks: its size, which also decides how large its letters are, and its colours.

use std::str::FromStr;

use crate::error::PlotError;
use crate::sheet::Colour;

/// Size and theme of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Where it will stand.
    pub size: Size,
    /// What it stands on.
    pub theme: Theme,
}

/// Where a picture will stand: a size in millimetres with letters that can be read at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// A column of a paper, 85 mm; charts stand below each other.
    Column,
    /// The whole width of a page, 176 mm.
    #[default]
    Page,
    /// A slide, 16:9.
    Slide,
}

/// The background that a picture is drawn for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Paper.
    #[default]
    Light,
    /// A dark screen.
    Dark,
}

impl Size {
    /// The names that [`FromStr`] takes.
    pub const NAMES: [&str; 3] = ["column", "page", "slide"];

    /// Pixels across.
    pub(crate) fn width(self) -> f64 {
        match self {
            Self::Column => 1000.0,
            Self::Page => 1800.0,
            Self::Slide => 1920.0,
        }
    }

    /// Ems from top to bottom of a chart's axes; a slide has a height of its own instead.
    pub(crate) fn axes_height(self, charts: usize) -> Option<f64> {
        match self {
            Self::Column if charts == 1 => Some(15.0),
            Self::Column => Some(14.0),
            Self::Page if charts == 1 => Some(21.0),
            Self::Page => Some(16.0),
            Self::Slide => None,
        }
    }

    /// Pixels from top to bottom where the content does not decide.
    pub(crate) const SLIDE_HEIGHT: f64 = 1080.0;

    /// Charts side by side.
    pub(crate) fn columns(self, charts: usize) -> usize {
        match self {
            Self::Column => 1,
            Self::Page | Self::Slide => charts.clamp(1, 2),
        }
    }

    /// Dots to the inch where the picture has the size that it is made for.
    pub(crate) fn dots_per_inch(self) -> f64 {
        match self {
            Self::Column => 300.0,
            Self::Page => 260.0,
            Self::Slide => 144.0,
        }
    }

    /// Pixels of the letters: 8 points on paper, 16 on a slide.
    pub(crate) fn em(self) -> f64 {
        let points = match self {
            Self::Column | Self::Page => 8.0,
            Self::Slide => 16.0,
        };
        (points * self.dots_per_inch() / 72.0_f64).round()
    }
}

impl FromStr for Size {
    type Err = PlotError;

    fn from_str(name: &str) -> Result<Self, PlotError> {
        match name {
            "column" => Ok(Self::Column),
            "page" => Ok(Self::Page),
            "slide" => Ok(Self::Slide),
            _ => Err(PlotError::UnknownName {
                kind: "size",
                name: name.to_owned(),
                known: Self::NAMES.join(", "),
            }),
        }
    }
}

impl FromStr for Theme {
    type Err = PlotError;

    fn from_str(name: &str) -> Result<Self, PlotError> {
        match name {
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            _ => Err(PlotError::UnknownName {
                kind: "theme",
                name: name.to_owned(),
                known: Self::NAMES.join(", "),
            }),
        }
    }
}

impl Theme {
    /// The names that [`FromStr`] takes.
    pub const NAMES: [&str; 2] = ["light", "dark"];

    pub(crate) fn background(self) -> Colour {
        match self {
            Self::Light => Colour(255, 255, 255),
            Self::Dark => Colour(22, 25, 31),
        }
    }

    /// Titles, numbers and names.
    pub(crate) fn ink(self) -> Colour {
        match self {
            Self::Light => Colour(26, 28, 32),
            Self::Dark => Colour(232, 234, 237),
        }
    }

    /// Axes and remarks.
    pub(crate) fn muted(self) -> Colour {
        match self {
            Self::Light => Colour(90, 94, 102),
            Self::Dark => Colour(160, 166, 176),
        }
    }

    /// How much is seen of values before they were smoothed.
    pub(crate) fn pale(self) -> f64 {
        match self {
            Self::Light => 0.3,
            Self::Dark => 0.42,
        }
    }

    pub(crate) fn grid(self) -> Colour {
        match self {
            Self::Light => Colour(226, 228, 232),
            Self::Dark => Colour(52, 57, 66),
        }
    }

    /// The colour of the line of that number: Okabe and Ito's, told apart by colour-blind readers too, without
    /// those that can hardly be seen on the background (yellow on white, black and blue on the dark one).
    pub(crate) fn line(self, number: usize) -> Colour {
        const BLUE: Colour = Colour(0, 114, 178);
        const VERMILION: Colour = Colour(213, 94, 0);
        const GREEN: Colour = Colour(0, 158, 115);
        const PURPLE: Colour = Colour(204, 121, 167);
        const ORANGE: Colour = Colour(230, 159, 0);
        const SKY: Colour = Colour(86, 180, 233);
        const YELLOW: Colour = Colour(240, 228, 66);
        const LIGHT: [Colour; COLOURS] =
            [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, Colour(0, 0, 0)];
        const DARK: [Colour; COLOURS] =
            [SKY, ORANGE, GREEN, PURPLE, YELLOW, VERMILION, Colour(255, 255, 255)];
        match self {
            Self::Light => LIGHT[number % COLOURS],
            Self::Dark => DARK[number % COLOURS],
        }
    }
}

/// Colours there are.
const COLOURS: usize = 7;

/// What else tells lines apart, by number: together with the colour it comes again after 28 lines.
fn pattern(number: usize) -> usize {
    number % 4
}

/// The dashes and gaps of the line of that number, in widths of it; a solid line has none.
pub(crate) fn dash(number: usize) -> &'static [f64] {
    [&[][..], &[5.0, 2.0], &[1.2, 1.8], &[6.0, 1.8, 1.2, 1.8]][pattern(number)]
}

/// The form of the marks of the line of that number.
pub(crate) fn mark(number: usize) -> Mark {
    [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond][pattern(number)]
}

/// The form of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
}

#[cfg(test)]
mod tests;
