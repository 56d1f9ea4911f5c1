#![allow(clippy::unwrap_used)]

use super::*;

/// Rows with their lines, the names as the first.
type Rows = Vec<(u64, Vec<String>)>;

/// The rows, or the line of an error and what it says.
fn read(text: &str, dialect: Dialect) -> Result<Rows, (u64, String)> {
    let wrong = |error| match error {
        TableError::Wrong(line, reason) => (line, reason),
        TableError::Io(error) => panic!("{error}"),
    };
    let mut table = Table::open(text.as_bytes(), dialect).map_err(wrong)?;
    let mut rows = vec![(1, table.names().to_vec())];
    while let Some((line, values)) = table.next_row().map_err(wrong)? {
        let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
        rows.push((line, values.into_iter().map(text).collect()));
    }
    Ok(rows)
}

#[track_caller]
fn gives(text: &str, dialect: Dialect, expected: &[(u64, &[&str])]) {
    let rows = read(text, dialect).unwrap();
    let rows: Vec<(u64, Vec<&str>)> =
        rows.iter().map(|(line, row)| (*line, row.iter().map(String::as_str).collect())).collect();
    let expected: Vec<(u64, Vec<&str>)> =
        expected.iter().map(|(line, row)| (*line, row.to_vec())).collect();
    assert_eq!(rows, expected);
}

#[test]
fn values_may_be_quoted_in_csv() {
    gives(
        "\u{feff}text, label\r\n\"a, \"\"b\"\"\r\nc\",1\r\n\r\n\"\",\"x\"\n a b\"c ,",
        Dialect::COMMAS,
        &[
            (1, &["text", "label"]),
            (2, &["a, \"b\"\r\nc", "1"]),
            (5, &["", "x"]),
            (6, &[" a b\"c ", ""]),
        ],
    );
}

#[test]
fn a_quote_is_a_character_in_tsv() {
    gives(
        "text\tlabel\n\"Tis good\tpos\nbad\tneg\n\"Oh fine\tpos\n\t\n",
        Dialect::TABS,
        &[
            (1, &["text", "label"]),
            (2, &["\"Tis good", "pos"]),
            (3, &["bad", "neg"]),
            (4, &["\"Oh fine", "pos"]),
            (5, &["", ""]),
        ],
    );
}

#[test]
fn lines_of_old_macs_are_lines() {
    gives(
        "text,label\ra,1\r\r\"b\rc\",2\rd,3\ne,4\r\nf,5",
        Dialect::COMMAS,
        &[
            (1, &["text", "label"]),
            (2, &["a", "1"]),
            (4, &["b\rc", "2"]),
            (6, &["d", "3"]),
            (7, &["e", "4"]),
            (8, &["f", "5"]),
        ],
    );
    gives("text\tlabel\ra\t1", Dialect::TABS, &[(1, &["text", "label"]), (2, &["a", "1"])]);
    // Of a table with other ends of lines it is a character.
    let rows: [(u64, &[&str]); 2] = [(1, &["text", "label"]), (2, &["a\rb", "1"])];
    gives("text,label\r\na\rb,1\r\n", Dialect::COMMAS, &rows);
    // The two characters of an end may come in two blocks.
    let blocks = std::io::Read::chain(&b"text\r"[..], &b"\na\rb\n"[..]);
    let mut table = Table::open(blocks, Dialect::COMMAS).unwrap();
    assert_eq!(table.next_row().unwrap(), Some((2, vec![b"a\rb".to_vec()])));
}

#[test]
fn another_separator_takes_the_place_of_the_usual_one() {
    let semicolons = Dialect::COMMAS.separated_by(Some(";".parse().unwrap()));
    let rows: [(u64, &[&str]); 2] = [(1, &["text", "label"]), (2, &["a; b, c", "1,5"])];
    gives("text;label\n\"a; b, c\";1,5\n", semicolons, &rows);
    let (line, reason) = read("text;label\n\"a\",b;c\n", semicolons).unwrap_err();
    assert!(line == 2 && reason.contains("with text after it, not \";\""), "{reason}");
    // Without quoting still.
    let bars = Dialect::TABS.separated_by(Some("|".parse().unwrap()));
    gives("text|label\n\"a\tb|1\n", bars, &[(1, &["text", "label"]), (2, &["\"a\tb", "1"])]);
}

#[test]
fn a_line_of_white_space_is_blank_unless_it_separates_values() {
    let semicolons = Dialect::TABS.separated_by(Some(";".parse().unwrap()));
    let rows: [(u64, &[&str]); 2] = [(1, &["text", "label"]), (3, &["a", "1"])];
    gives("text;label\n\t \t\na;1\n", semicolons, &rows);
    let tabs = Dialect::COMMAS.separated_by(Some("tab".parse().unwrap()));
    let rows: [(u64, &[&str]); 2] = [(1, &["text", "label"]), (2, &["", ""])];
    gives("text\tlabel\n\t\n \n", tabs, &rows);
}

#[test]
fn what_may_be_in_a_text_separates_nothing() {
    for given in ["", "a", "7", " ", "\"", "\n", ";;", "é", "§"] {
        let error = given.parse::<Separator>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("separator {given:?}: expected one ASCII ch")),
            "{error}"
        );
    }
}

#[track_caller]
fn refuses(text: &str, line: u64, reason: &str) {
    let (found, message) = read(text, Dialect::COMMAS).unwrap_err();
    assert!(found == line && message.starts_with(reason), "line {found}: {message}");
}

#[test]
fn what_would_merge_or_lose_values_is_refused_with_its_line() {
    let head = "text,label\na,b\n";
    refuses(
        &format!("{head}\"Tis good,pos\nbad,neg\n\"Oh fine,pos\n"),
        3,
        "the value that a quote opens here is closed by one in line 5",
    );
    refuses(&format!("{head}\"open,pos\nbad,neg\n"), 3, "the quote that opens a value here");
    refuses("text,text,label\n", 1, "two columns are named \"text\"");
    refuses(&format!("{head}a\n"), 3, "1 values instead of the 2");
    refuses(&format!("{head}a,b,c,d\n"), 3, "more values than the 2");
    refuses(&",".repeat(COLUMNS), 1, "more than 10000 names");
}

/// An endless row costs no more than its limit.
#[test]
fn a_row_without_end_is_refused() {
    let open = std::io::Read::chain(&b"text\n\"open"[..], std::io::repeat(b'x'));
    let mut table = Table::open(open, Dialect::COMMAS).unwrap();
    let Err(TableError::Wrong(line, reason)) = table.next_row() else { panic!() };
    assert!(line == 2 && reason.starts_with("a row of more than 67108864 bytes"), "{reason}");
}
