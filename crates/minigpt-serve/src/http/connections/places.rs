//! How many connections each address has, so that none has all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of an address at once: ten browsers behind one router have as many.
const CONNECTIONS: usize = 64;

/// The connections of all addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address, free when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// Nothing of this machine.
    address: Option<IpAddr>,
}

impl Places {
    /// A place for one more connection of an address; nothing where it has too many. This machine has as many as it
    /// likes: behind a proxy or a tunnel all clients are here.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = network(address.to_canonical());
        if address.is_loopback() {
            return Some(Place { places: self.clone(), address: None });
        }
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(address).or_default();
        (*own < CONNECTIONS).then(|| {
            *own += 1;
            Place { places: self.clone(), address: Some(address) }
        })
    }
}

/// Who has an address of IPv6 has all of its network, which is the first half of it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        other => other,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = taken.get_mut(&address) else { return };
        *own -= 1;
        if *own == 0 {
            taken.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests;
