//! What a figure draws, as a table.

use std::fmt::Write;

use super::{Figure, Form};

pub(super) fn csv(figure: &Figure) -> String {
    let mut table = "chart,axis,line,form,x,y,low,high\n".to_owned();
    for chart in &figure.charts {
        for line in &chart.lines {
            let axis = chart.axis_of(line.on_right);
            let form = match line.form {
                Form::Line => "line",
                Form::Pale => "pale line",
                Form::Marks => "marks",
                Form::OpenMarks => "open marks",
            };
            let names = [&chart.caption, &axis.name, &line.label].map(|name| quoted(name));
            let names = names.join(",");
            for (index, (x, y)) in line.points.iter().enumerate() {
                let ends = line.band.get(index).map(|(low, high)| format!("{low},{high}"));
                let ends = ends.unwrap_or_else(|| ",".to_owned());
                // Writing to a string cannot fail.
                let _ = writeln!(table, "{names},{form},{x},{y},{ends}");
            }
        }
    }
    table
}

/// A field as RFC 4180 has it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
