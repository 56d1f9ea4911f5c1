use super::*;

#[test]
fn the_last_step_is_found_after_others() {
    let step: Vec<String> = (0..60).map(|number| format!("k{}", number % 7)).collect();
    let step: Vec<&str> = step.iter().map(String::as_str).chain(["end"]).collect();
    let launches = [vec!["tried"; 30], step.clone(), step.clone()].concat();
    assert_eq!(last_period(&launches), Some(&step[..]));
    assert_eq!(last_period(&launches[..90]), None);
}

#[test]
fn a_name_is_read_from_a_line() {
    assert_eq!(kernel("Executing MatmulEntry_1f"), Some("MatmulEntry_1f"));
    assert_eq!(kernel("Executing KernelBinop | MulOp_52"), Some("KernelBinop"));
    assert_eq!(kernel("| 2ms | Sum"), None);
}
