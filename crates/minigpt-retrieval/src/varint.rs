//! Numbers of as few bytes as they need: seven bits a byte, the lowest first, and a bit that says whether more
//! follow (LEB128).

/// Adds a number's bytes.
pub(crate) fn write(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front; `None` where there is none, or one of more than 63 bits.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(numbers in prop::collection::vec(0..u64::MAX >> 1, 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| write(*number, &mut bytes));
            let mut rest = &bytes[..];
            let found: Vec<u64> = std::iter::from_fn(|| read(&mut rest)).collect();
            prop_assert_eq!(found, numbers);
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_number_without_end_is_none() {
        assert_eq!(read(&mut &[0x80, 0x80][..]), None);
        assert_eq!(read(&mut &[0xff; 20][..]), None);
        assert_eq!(read(&mut &[][..]), None);
    }
}
