use super::*;

#[test]
fn an_address_has_a_part_of_all_connections() {
    let places = Places::default();
    let take = |address: &str| places.take(address.parse().unwrap());
    let mut taken: Vec<Place> = (0..CONNECTIONS).map(|_| take("10.0.0.1").unwrap()).collect();
    assert!(take("10.0.0.1").is_none() && take("::ffff:10.0.0.1").is_none());
    assert!(take("10.0.0.2").is_some());
    taken.pop();
    assert!(take("10.0.0.1").is_some());
    drop(taken);
    assert!(places.0.lock().unwrap().is_empty());
}

#[test]
fn a_network_of_ipv6_is_one_address_and_this_machine_has_no_bound() {
    let places = Places::default();
    let address = |number: usize| format!("2001:db8::{number:x}").parse().unwrap();
    let taken: Vec<Place> = (0..CONNECTIONS).map(|n| places.take(address(n)).unwrap()).collect();
    assert!(places.take(address(999)).is_none());
    for own in ["127.0.0.1", "::1"] {
        let own: Vec<_> = (0..2 * CONNECTIONS).map(|_| places.take(own.parse().unwrap())).collect();
        assert!(own.iter().all(Option::is_some));
    }
    drop(taken);
}
