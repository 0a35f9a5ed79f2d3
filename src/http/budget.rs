//! How many bytes of bodies and answers are held at once, and by which clients.
//!
//! A client may hold as much as all clients together leave free: one alone up to a half, two a third each. So there is
//! always room for another client. Even if the budget is used up, each client may hold 1/32 of it ([`LEAST_PART`]); with
//! many clients at once, the total can exceed the budget by as much as these parts.
//!
//! Memory for an answer with photos is reserved before the photos are read. Other answers are small, and are counted
//! when they are made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ApiError;
use crate::person::ClientId;

/// Each client may always hold the budget divided by this, whatever others hold.
const LEAST_PART: u64 = 32;

/// Counts the bytes that are held. Cloning gives the same count.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    counts: Arc<Mutex<Counts>>,
    most: u64,
}

#[derive(Debug, Default)]
struct Counts {
    all: u64,
    clients: HashMap<ClientId, Own>,
}

/// What one client holds.
#[derive(Debug, Default, Clone, Copy)]
struct Own {
    bodies: u64,
    answers: u64,
}

/// The account of one client.
#[derive(Debug, Clone)]
pub(super) struct Share {
    budget: Budget,
    client: ClientId,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    share: Share,
    own: Own,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Self { counts: Arc::default(), most }
    }

    pub(super) fn share(&self, client: &ClientId) -> Share {
        Share { budget: self.clone(), client: client.clone() }
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> u64 {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most that a client may hold while all clients hold `all`.
    fn most_of_one(&self, all: u64) -> u64 {
        self.most.saturating_sub(all).max(self.most / LEAST_PART)
    }
}

impl Counts {
    fn of(&self, client: &ClientId) -> Own {
        self.clients.get(client).copied().unwrap_or_default()
    }

    fn add(&mut self, client: &ClientId, more: Own) {
        self.all += more.sum();
        let own = self.clients.entry(client.clone()).or_default();
        own.bodies += more.bodies;
        own.answers += more.answers;
    }

    fn remove(&mut self, client: &ClientId, less: Own) {
        self.all -= less.sum();
        if let Some(own) = self.clients.get_mut(client) {
            own.bodies -= less.bodies;
            own.answers -= less.answers;
            if own.sum() == 0 {
                self.clients.remove(client);
            }
        }
    }
}

impl Share {
    /// An empty holding, which [`Self::grow`] adds to.
    pub(super) fn nothing(&self) -> Held {
        Held { share: self.clone(), own: Own::default() }
    }

    /// Holds `more` bytes of a body, if there is room for them.
    pub(super) fn grow(&self, held: &mut Held, more: u64) -> bool {
        let mut counts = self.budget.counts();
        let own = counts.of(&self.client);
        let (Some(all), Some(sum)) = (counts.all.checked_add(more), own.sum().checked_add(more)) else { return false };
        let fits = sum <= self.budget.most_of_one(all);
        if fits {
            held.own.bodies += more;
            counts.add(&self.client, Own { bodies: more, answers: 0 });
        }
        fits
    }

    /// Reserves so many bytes for an answer, if there is room. A client that holds no other answer may reserve all that
    /// is free, and an answer larger than the budget is allowed if nothing else is held, so that each answer can be
    /// made at some time.
    pub(super) fn reserve(&self, answers: u64) -> Option<Held> {
        let mut counts = self.budget.counts();
        let own = counts.of(&self.client);
        let (all, sum) = (counts.all.checked_add(answers)?, own.sum().checked_add(answers)?);
        let alone = counts.all == own.bodies && own.answers == 0;
        let first = own.answers == 0 && all <= self.budget.most;
        let fits = sum <= self.budget.most_of_one(all) || first || alone;
        fits.then(|| {
            let own = Own { bodies: 0, answers };
            counts.add(&self.client, own);
            Held { share: self.clone(), own }
        })
    }

    /// As [`Self::reserve`].
    ///
    /// # Errors
    /// 503 if there is no room.
    pub(super) fn room(&self, answers: u64) -> Result<Held, ApiError> {
        self.reserve(answers).ok_or_else(ApiError::busy)
    }

    /// Counts an answer that already exists, whether or not there is room for it.
    pub(super) fn hold(&self, answers: u64) -> Held {
        let own = Own { bodies: 0, answers };
        self.budget.counts().add(&self.client, own);
        Held { share: self.clone(), own }
    }

    /// Whether the client's answers that are not sent yet use all that it may hold.
    pub(super) fn is_full(&self) -> bool {
        let counts = self.budget.counts();
        counts.of(&self.client).answers >= self.budget.most_of_one(counts.all).max(1)
    }

    /// How many bytes the client holds.
    pub(super) fn held(&self) -> u64 {
        self.budget.counts().of(&self.client).sum()
    }
}

impl Held {
    /// Releases so many bytes of a body.
    pub(super) fn shrink(&mut self, less: u64) {
        let less = less.min(self.own.bodies);
        self.own.bodies -= less;
        self.share.budget.counts().remove(&self.share.client, Own { bodies: less, answers: 0 });
    }

    /// Counts so many bytes of an answer instead of those that were reserved.
    pub(super) fn resized(mut self, answers: u64) -> Self {
        let mut counts = self.share.budget.counts();
        counts.add(&self.share.client, Own { bodies: 0, answers });
        counts.remove(&self.share.client, Own { bodies: 0, answers: self.own.answers });
        drop(counts);
        self.own.answers = answers;
        self
    }
}

impl Own {
    fn sum(self) -> u64 {
        self.bodies + self.answers
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.share.budget.counts().remove(&self.share.client, self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares<const N: usize>(most: u64) -> (Budget, [Share; N]) {
        let budget = Budget::new(most);
        let shares = std::array::from_fn(|i| budget.share(&ClientId::new(format!("c{i}")).expect("an id")));
        (budget, shares)
    }

    #[test]
    fn what_is_dropped_makes_room() {
        let (budget, [share]) = shares(20);
        let (mut one, mut other) = (share.nothing(), share.nothing());
        assert!(share.grow(&mut one, 6) && share.grow(&mut one, 1) && !share.grow(&mut other, 4));
        assert!(!share.is_full());
        let answer = share.hold(100);
        assert!(budget.held() == 107 && share.held() == 107 && share.is_full());
        drop(one);
        assert!(!share.grow(&mut other, 4));
        drop(answer);
        assert!(share.grow(&mut other, 10) && !share.grow(&mut other, u64::MAX));
        other.shrink(4);
        assert_eq!((budget.held(), share.held()), (6, 6));
        drop(other);
        assert_eq!((budget.held(), share.held(), budget.counts().clients.len()), (0, 0, 0));
    }

    #[test]
    fn a_client_leaves_room_for_the_next() {
        let (_, [one, two, three]) = shares(120);
        let mut held = [one.nothing(), two.nothing(), three.nothing()];
        let fill = |share: &Share, held: &mut Held| (0..).take_while(|_| share.grow(held, 1)).count();
        assert_eq!(fill(&one, &mut held[0]), 60);
        assert_eq!(fill(&two, &mut held[1]), 30);
        assert_eq!(fill(&three, &mut held[2]), 15);
    }

    #[test]
    fn an_unread_answer_does_not_block_other_clients() {
        let (_, [slow, other]) = shares(320);
        let answers = slow.hold(1_000);
        assert!(slow.is_full() && !other.is_full());
        let mut body = other.nothing();
        assert!(other.grow(&mut body, 10) && !other.grow(&mut body, 1));
        assert!(!other.is_full());
        drop(answers);
        assert!(!slow.is_full() && other.grow(&mut body, 60));
    }

    #[test]
    fn answers_are_counted_before_they_are_made() {
        let (budget, [one, two, three]) = shares(100);
        let first = one.reserve(30).expect("room");
        assert!(one.reserve(31).is_none());
        let second = one.reserve(20).expect("room");
        // A client that holds nothing may take what is free.
        let other = two.reserve(50).expect("room");
        assert!(three.reserve(4).is_none() && three.reserve(3).is_some());
        assert_eq!(budget.held(), 100);
        drop((first, other));
        let second = second.resized(25);
        assert_eq!((budget.held(), one.held()), (25, 25));
        assert!(two.reserve(76).is_none());
        drop(second);
        // Larger than all the room: alone it is made, and nothing beside it.
        let large = three.reserve(1_000).expect("nothing is held");
        assert!(two.reserve(10).is_none() && three.is_full() && !two.is_full());
        drop(large);
        assert_eq!((budget.held(), budget.counts().clients.len()), (0, 0));
    }
}
