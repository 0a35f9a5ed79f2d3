//! How many connections there may be, in all and from one address, and which idle one is closed for a new one.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tower_layer::Layer;

use super::connection::{Connection, ConnectionHandle};
use super::throttle::network;

/// Takes connections while there are places. Cloning gives the same places.
#[derive(Debug, Clone)]
pub(super) struct Bounded {
    places: Arc<Places>,
    patience: Duration,
}

/// The connections that are open.
#[derive(Debug)]
struct Places {
    most: usize,
    /// The most from one address.
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: HashMap<u64, Entry>,
    /// The number of the next connection.
    number: u64,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    handle: ConnectionHandle,
}

/// The place of a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Bounded {
    pub(super) fn new(most: usize, most_of_one: usize, patience: Duration) -> Self {
        Self { places: Arc::new(Places { most, most_of_one, taken: Mutex::default() }), patience }
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Connection;
    type Service = AddExtension<S, ConnectionHandle>;
    type Future = std::future::Ready<io::Result<(Connection, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = || {
            let (handle, place) = Places::take(&self.places, stream.peer_addr()?.ip())
                .ok_or_else(|| io::Error::other("every connection has a request"))?;
            stream.set_nodelay(true)?;
            let connection = Connection::new(stream, self.patience, handle.clone(), place);
            Ok((connection, Extension(handle).layer(service)))
        };
        std::future::ready(accepted())
    }
}

impl Places {
    /// A place for a connection from an address. If all places are taken, an idle connection is closed: those on which no
    /// valid token was sent before others, then those of the address with the most connections, then those that are
    /// idle for longest. `None` if no connection is idle.
    fn take(places: &Arc<Self>, address: IpAddr) -> Option<(ConnectionHandle, Place)> {
        let network = network(address);
        let mut taken = places.taken();
        if taken.connections.values().filter(|entry| entry.network == network).count() >= places.most_of_one {
            taken.make_room(|entry| entry.network == network)?;
        }
        if taken.connections.len() >= places.most {
            taken.make_room(|_| true)?;
        }
        let (number, handle) = (taken.number, ConnectionHandle::default());
        taken.number += 1;
        taken.connections.insert(number, Entry { network, handle: handle.clone() });
        drop(taken);
        Some((handle, Place { places: Arc::clone(places), number }))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Closes the first idle connection in that order among those that `among` selects. It is no longer counted, although
    /// it ends a little later.
    fn make_room(&mut self, among: impl Fn(&Entry) -> bool) -> Option<()> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        self.connections.values().for_each(|entry| *counts.entry(entry.network).or_default() += 1);
        let idle = self.connections.iter().filter(|(_, entry)| among(entry)).filter_map(|(number, entry)| {
            let (is_known, since) = entry.handle.idle()?;
            let count = counts.get(&entry.network).copied().unwrap_or(0);
            Some(((is_known, std::cmp::Reverse(count), since, *number), *number))
        });
        let (_, number) = idle.min()?;
        self.connections.remove(&number)?.handle.close();
        Some(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn places(most: usize, most_of_one: usize) -> Arc<Places> {
        Arc::new(Places { most, most_of_one, taken: Mutex::default() })
    }

    #[test]
    fn an_address_has_its_own_limit_and_idle_connections_make_room() {
        let places = places(4, 2);
        let take = |last| Places::take(&places, address(last));
        let (first, _first) = take(1).expect("a place");
        let (second, _second) = take(1).expect("a place");
        let open = second.begin();
        // The third connection from this address takes the place of the idle one.
        let (third, _third) = take(1).expect("the place of an idle one");
        assert!(first.is_closed() && !second.is_closed());
        let other = third.begin();
        assert!(take(1).is_none());
        let others: Vec<_> = (2..4).map(|last| take(last).expect("a place")).collect();
        assert!(take(4).is_some() && others[0].0.is_closed());
        drop((open, other));
        assert!(take(1).is_some() && third.is_closed() != second.is_closed());
    }

    #[test]
    fn connections_with_a_valid_token_are_closed_last_and_those_of_the_busiest_address_first() {
        let places = places(5, 5);
        let take = |last| Places::take(&places, address(last)).expect("a place");
        let known = take(1);
        known.0.trust();
        let alone = take(2);
        let many: Vec<_> = (0..3).map(|_| take(3)).collect();
        let _next = take(4);
        assert!(many[0].0.is_closed());
        let _next = take(4);
        assert!(many[1].0.is_closed() && !known.0.is_closed() && !alone.0.is_closed());
        let rest: Vec<_> = (5..20).map(take).collect();
        assert!(!known.0.is_closed() && alone.0.is_closed());
        assert_eq!(rest.iter().filter(|(handle, _)| !handle.is_closed()).count(), 4);
    }

    #[test]
    fn a_place_is_given_back() {
        let places = places(1, 1);
        let (handle, place) = Places::take(&places, address(1)).expect("a place");
        let _open = handle.begin();
        assert!(Places::take(&places, address(1)).is_none());
        drop(place);
        assert!(Places::take(&places, address(1)).is_some());
    }
}
