use super::*;

#[test]
fn the_bill_has_what_is_built_and_no_more() {
    let package = |name: &str| json!({ "name": name, "version": "1.0.0", "id": name, "license": "MIT/Apache-2.0" });
    let needs = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
    let metadata = json!({
        "packages": [package("minigpt-cli"), package("a"), package("b"), package("only-tests"), package("other")],
        "resolve": { "nodes": [
            { "id": "minigpt-cli", "deps": [needs("a", Value::Null), needs("only-tests", json!("dev"))] },
            { "id": "a", "deps": [needs("b", json!("build"))] },
            { "id": "b", "deps": [] },
            { "id": "only-tests", "deps": [] },
            { "id": "other", "deps": [] },
        ] },
    });
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n";
    let bill = from_metadata(&metadata, &checksums(lock), "0.2.0").unwrap();
    let names: Vec<_> = bill["components"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(bill["components"][0]["purl"], "pkg:cargo/a@1.0.0");
    assert_eq!(bill["components"][0]["hashes"][0]["content"], "00ff");
    assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert!(bill["components"][1].get("hashes").is_none());
}
