use super::*;

#[test]
fn the_page_holds_the_weights_and_no_token_breaks_it() {
    let maps = vec![AttentionMap { layer: 0, head: 1, weights: vec![vec![0.25]] }];
    let steps = [AttentionStep { tokens: vec![7], chosen: 8, maps }];
    let label = |id| if id == 7 { "</script><!--".to_owned() } else { "ok".to_owned() };
    let page = page("a title", &steps, label).unwrap();
    assert!(page.contains(r#""tokens":["<\/script><\u0021--"],"chosen":"ok""#), "{page}");
    assert!(page.contains(r#""layer":0,"head":1,"weights":[[0.25]]"#));
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("/*DATA*/"));
}
