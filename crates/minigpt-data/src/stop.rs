//! Where a text that is being written shall end.

/// Passes text on piece by piece until one of the stop strings comes, whichever pieces it is spread
/// over. Text that may turn out to begin a stop string is held back.
///
/// ```
/// use minigpt_data::StopStrings;
///
/// let mut stop = StopStrings::new(vec!["\nQ:".to_owned()]);
/// assert_eq!(stop.push("an answer.\n"), ("an answer.".to_owned(), None));
/// assert_eq!(stop.push("Q: more"), (String::new(), Some("\nQ:")));
/// ```
#[derive(Clone, Debug)]
pub struct StopStrings {
    stops: Vec<String>,
    held: String,
}

impl StopStrings {
    /// Stops at any of these; empty ones are left out.
    #[must_use]
    pub fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, held: String::new() }
    }

    /// Takes more text; gives what may be shown, and the stop string before which the text ends.
    pub fn push(&mut self, piece: &str) -> (String, Option<&str>) {
        self.held.push_str(piece);
        let places = self.stops.iter().filter_map(|stop| Some((self.held.find(stop)?, stop)));
        if let Some((end, stop)) = places.min_by_key(|(place, _)| *place) {
            self.held.truncate(end);
            return (std::mem::take(&mut self.held), Some(stop));
        }
        let begun = self.stops.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - begun);
        (std::mem::replace(&mut self.held, rest), None)
    }

    /// What is held back when no more text comes.
    #[must_use]
    pub fn finish(self) -> String {
        self.held
    }
}

/// Bytes at the end of `text` that are the start of `stop`.
fn begun(text: &str, stop: &str) -> usize {
    let starts = stop.char_indices().map(|(at, _)| at).skip(1);
    starts.filter(|at| text.ends_with(&stop[..*at])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
