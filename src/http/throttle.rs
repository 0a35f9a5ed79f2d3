//! How many unknown tokens one address may show in a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The most addresses that are remembered; when there are more, those of a past second go.
const MOST_ADDRESSES: usize = 4_096;

/// Counts unknown tokens by the address that showed them.
#[derive(Debug)]
pub(super) struct Throttle {
    per_second: u32,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Throttle {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, seen: Mutex::default() }
    }

    /// Notes an unknown token from `address`. Whether there were too many within this second.
    pub(super) fn too_many(&self, address: IpAddr, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let past = |began: Instant| now.duration_since(began) >= SECOND;
        if seen.len() >= MOST_ADDRESSES {
            seen.retain(|_, (began, _)| !past(*began));
            if seen.len() >= MOST_ADDRESSES {
                return true;
            }
        }
        let (began, count) = seen.entry(network(address)).or_insert((now, 0));
        if past(*began) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count > self.per_second
    }
}

/// Whoever has one IPv6 address has the whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_second() {
        let throttle = Throttle::new(10);
        let now = Instant::now();
        let [one, other, near]: [IpAddr; 3] =
            ["127.0.0.1", "2001:db8::1", "2001:db8::2"].map(|text| text.parse().expect("an address"));
        assert_eq!((0..12).filter(|_| throttle.too_many(one, now)).count(), 2);
        assert!((0..10).all(|_| !throttle.too_many(other, now)) && throttle.too_many(near, now));
        assert!(throttle.too_many(one, now + SECOND / 2) && !throttle.too_many(one, now + SECOND));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(10);
        let now = Instant::now();
        for i in 0..2 * MOST_ADDRESSES as u32 {
            throttle.too_many(IpAddr::V4(i.into()), now);
        }
        assert_eq!(throttle.seen.lock().expect("a lock").len(), MOST_ADDRESSES);
        assert!(!throttle.too_many(IpAddr::V4(u32::MAX.into()), now + SECOND));
    }
}
