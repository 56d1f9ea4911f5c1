use super::*;

#[test]
fn the_card_that_grew_most_counts() {
    let mut cards = Vec::new();
    for line in ["0, 100", "1, 4000", "0, 900", "1, 4100", "0, 300", "no number", "99, 7"] {
        note(&mut cards, line);
    }
    assert_eq!(cards[0], Card { before: 100.0, now: 300.0, most: 900.0 });
    assert_eq!(cards[1], Card { before: 4000.0, now: 4100.0, most: 4100.0 });
    assert_eq!(cards.len(), 2);
}

#[test]
fn without_the_tool_nothing_is_known() {
    assert!(CardMemory::start(Command::new("/no/such/tool")).is_none());
}

/// With a script in the place of NVIDIA's tool.
#[cfg(unix)]
#[test]
fn a_tool_is_read_while_it_runs() {
    use std::time::Instant;
    let mut tool = Command::new("sh");
    tool.args(["-c", "echo '0, 100'; echo '0, 612'; exec sleep 60"]);
    let memory = CardMemory::start(tool).unwrap();
    let began = Instant::now();
    while memory.most() != Some(512.0) && began.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(memory.most(), Some(512.0));
    memory.begin();
    assert_eq!(memory.most(), None);
}
