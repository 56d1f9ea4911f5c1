use super::*;

fn found(imports: &[(&str, &str)]) -> Vec<String> {
    let module =
        |path: &str| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let imports: Vec<(Module, Module)> =
        imports.iter().map(|(from, to)| (module(from), module(to))).collect();
    circles(&imports).into_iter().collect()
}

#[test]
fn a_crate_may_need_what_is_below_it_alone() {
    let of = |package, needs: &[&'static str]| wrong_directions(package, needs.iter().copied());
    assert!(of("minigpt-text", &["minigpt-model", "burn"]).is_empty());
    assert_eq!(of("minigpt-text", &["minigpt-eval"]), ["minigpt-text must not need minigpt-eval"]);
    assert_eq!(of("new", &[]).len(), 1);
}

#[test]
fn circles_are_found_where_modules_stand_beside_each_other() {
    assert_eq!(found(&[("a", "b"), ("b", "c"), ("c", "a")]), ["in ``: a → b → c → a"]);
    assert_eq!(found(&[("a::x", "b"), ("b", "a::y")]), ["in ``: a → b → a"]);
    assert_eq!(found(&[("a::x", "a::y"), ("a::y", "a::x")]), ["in `a`: x → y → x"]);
}

#[test]
fn parents_and_children_may_need_each_other() {
    assert!(found(&[("a", "a::x"), ("a::x", "a"), ("a::x", ""), ("b", "a")]).is_empty());
}
