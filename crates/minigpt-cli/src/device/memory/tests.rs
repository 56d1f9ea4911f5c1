use super::*;

#[test]
fn the_kernels_words_are_read() {
    let text = "MemTotal:       16318508 kB\nMemFree:          214508 kB\n";
    assert_eq!(total(text), Some(16_318_508 << 10));
    assert_eq!((total(""), total("MemTotal: many kB")), (None, None));
    #[cfg(target_os = "linux")]
    assert!((1 << 28..1 << 50).contains(&of_machine().unwrap()));
}
