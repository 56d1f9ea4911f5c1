use super::*;

#[test]
fn a_processor_is_named_where_the_system_names_it() {
    let text = "processor\t: 0\nmodel name\t: Some Processor 9 @ 3.00GHz\nstepping\t: 1\n";
    assert_eq!(processor(text).unwrap(), "Some Processor 9 @ 3.00GHz");
    assert_eq!(processor("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    assert_eq!(processor("model name\t:\n"), None);
}
