use super::*;

#[test]
fn figures_are_numbers_with_or_without_an_interval() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.json");
    let json = r#"{
        "description": "disjoint windows", "parameters": 7, "step": null, "files": ["x"],
        "protocol": { "context": 8 },
        "token_perplexity": { "value": 20.5, "low": 19.0, "high": 22.0 },
        "by_context": [{ "value": 1 }]
    }"#;
    fs_err::write(&path, json).unwrap();
    let found = evaluation(&path).unwrap();
    assert_eq!(found.name, "text");
    assert_eq!(found.description.as_deref(), Some("disjoint windows"));
    let figure = |name: &str, value, low, high| Figure { name: name.to_owned(), value, low, high };
    let expected = [
        figure("parameters", 7.0, None, None),
        figure("token_perplexity", 20.5, Some(19.0), Some(22.0)),
    ];
    let mut figures = found.figures;
    figures.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(figures, expected);
    fs_err::write(&path, "[]").unwrap();
    assert!(evaluation(&path).unwrap_err().contains("text.json is damaged"));
}
