use super::*;

#[test]
fn the_kernels_files_are_read() {
    let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: avx2\n\nprocessor\t: 1\nmodel name\t: AMD EPYC\n";
    assert_eq!(count_of_cores(cpuinfo), 2);
    assert_eq!(quota("150000 100000\n"), Some(1.5));
    for text in ["max 100000\n", "", "1", "1 0", "many 100000"] {
        assert_eq!(quota(text), None, "{text}");
    }
}
