//! How many unknown tokens an address may send in a second, and in which lane a token is looked up.
//!
//! A token has 256 random bits, so guessing cannot succeed and is not prevented; only its cost for other clients is
//! limited. Every token is looked up, in a queue that is divided between addresses. An unknown token is answered 429
//! instead of 401 once its address has sent too many. Tokens that were valid before have lanes of their own in the
//! queue, so that guessing from the same address does not delay them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The most addresses that are counted. If there are more, those of an earlier second are removed; if that is not
/// enough, every unknown token is answered 429.
const MOST_ADDRESSES: usize = 4_096;

/// The most valid tokens that are remembered; if there are more, all are removed.
const MOST_TOKENS: usize = 4_096;

/// The lane of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shower {
    /// That of a token that was valid at its last lookup, by its keyed hash.
    Known(u64),
    /// That of all other tokens from an address.
    Stranger(IpAddr),
}

/// Counts unknown tokens by address.
#[derive(Debug)]
pub(super) struct Throttle {
    per_second: u32,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
    /// Hashes, under a random key, of tokens that were valid at their last lookup.
    good: Mutex<HashSet<u64>>,
    key: RandomState,
}

impl Throttle {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, seen: Mutex::default(), good: Mutex::default(), key: RandomState::new() }
    }

    /// The lane in which a token from `address` is looked up.
    pub(super) fn shower(&self, address: IpAddr, token: &str) -> Shower {
        let hash = self.key.hash_one(token);
        if self.good().contains(&hash) { Shower::Known(hash) } else { Shower::Stranger(network(address)) }
    }

    /// Notes whether a token that was looked up is valid.
    pub(super) fn note(&self, token: &str, is_good: bool) {
        let (mut good, hash) = (self.good(), self.key.hash_one(token));
        match is_good {
            true if good.contains(&hash) => {}
            true => {
                if good.len() >= MOST_TOKENS {
                    good.clear();
                }
                good.insert(hash);
            }
            false => drop(good.remove(&hash)),
        }
    }

    fn good(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an unknown token from `address`, and returns whether there were too many within this second.
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

/// The unit that is counted: for IPv6 the network of 64 bits, since the owner of one address has all of it.
pub(super) fn network(address: IpAddr) -> IpAddr {
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
    fn a_token_that_was_good_has_a_lane_of_its_own() {
        let throttle = Throttle::new(2);
        let [one, other]: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse().expect("an address"));
        assert_eq!(throttle.shower(one, "good"), Shower::Stranger(one));
        throttle.note("good", true);
        let known = throttle.shower(one, "good");
        assert!(matches!(known, Shower::Known(_)) && throttle.shower(other, "good") == known);
        assert_eq!(throttle.shower(other, "bad"), Shower::Stranger(other));
        throttle.note("good", false);
        assert_eq!(throttle.shower(one, "good"), Shower::Stranger(one));
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
        for i in 0..2 * MOST_TOKENS {
            throttle.note(&i.to_string(), true);
        }
        assert!(throttle.good().len() <= MOST_TOKENS);
    }
}
