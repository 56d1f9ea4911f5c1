use super::*;

#[test]
fn errors_of_one_kind_are_one_reason() {
    let one = without_details("x.json: no field \"text\" among [\"a\", \"b\"] at line 12");
    assert_eq!(one, "x.json: no field \"…\" among [\"…\", \"…\"] at line 0");
    assert_eq!(one, without_details("x.json: no field \"t\" among [\"c\", \"\"] at line 7"));
}

#[test]
fn a_row_stands_below_its_head() {
    let row = Row {
        format: "safetensors".to_owned(),
        mutants: 300,
        accepted: 40,
        refused: 260,
        past_header: 250,
        slowest_seconds: 0.25,
        peak_memory_bytes: Some(41 << 20),
        ..Row::default()
    };
    let line = "safetensors       300       40      260         83 %   0.25 s   41 MiB         0";
    assert_eq!(row.to_string(), line);
    assert_eq!(HEAD.chars().count(), line.chars().count());
}
