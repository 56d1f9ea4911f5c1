use super::*;

#[test]
fn a_panic_is_an_error_of_one_line() {
    assert_eq!(caught(|| 7), Ok(7));
    let broken: Result<(), String> = caught(|| panic!("index out of bounds\nbacktrace"));
    assert_eq!(broken, Err("the reader broke (index out of bounds)".to_owned()));
    assert!(!is_caught());
    assert_eq!(caught(is_caught), Ok(true));
}
