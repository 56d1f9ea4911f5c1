use super::*;

#[test]
fn the_kernels_words_are_read() {
    let text = "MemTotal:       16318508 kB\nMemFree:          214508 kB\n";
    assert_eq!(total(text), Some(16_318_508 << 10));
    assert_eq!((total(""), total("MemTotal: many kB")), (None, None));
    #[cfg(target_os = "linux")]
    assert!((1 << 28..1 << 50).contains(&of_machine().unwrap()));
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_it_needs() {
    let text = "MemTotal:       16318508 kB\nMemAvailable:     204800 kB\n";
    assert_eq!(value(text, "MemAvailable:"), Some(200 << 20));
    assert_eq!(in_files("anon 5\nfile 4096\nfile_mapped 1\n"), 4096);
    let error =
        check_within("big", 134_515_008, 4 * 134_515_008, Some(200 << 20)).unwrap_err().to_string();
    assert_eq!(
        error,
        "big needs 513 MiB of memory for its 134,515,008 parameters, and 200 MiB are free: close other \
         programs, or take a smaller model or type of weights"
    );
    assert!(check_within("big", 134_515_008, 4 * 134_515_008, Some(514 << 20)).is_ok());
    assert!(check_within("big", 134_515_008, 4 * 134_515_008, None).is_ok());
    #[cfg(target_os = "linux")]
    assert!(free().unwrap() <= of_machine().unwrap());
}

#[test]
fn a_run_that_does_not_fit_the_machine_is_refused() {
    let error = check_run_within(3 << 30, Some(1 << 30)).unwrap_err().to_string();
    assert_eq!(
        error,
        "training needs about 3.0 GiB of memory, and this machine has 1.0 GiB: train a smaller model, a smaller --batch-size, \
         or the batch in more parts (--set training.accumulation=N)"
    );
    for total in [Some(3 << 30), None] {
        check_run_within(3 << 30, total).unwrap();
    }
}

#[test]
fn work_that_does_not_fit_is_refused_with_what_would() {
    let check = |free| check_work_within("a step", 3 << 30, free, "choose a smaller --batch");
    let error = check(Some(1 << 30)).unwrap_err().to_string();
    assert_eq!(
        error,
        "a step takes about 3.0 GiB of memory, and 1.0 GiB are free: choose a smaller --batch"
    );
    assert!(check(Some(3 << 30)).is_ok() && check(None).is_ok());
}
