//! Whose turn it is: every key that has work waiting gets an equal share of the threads' time.
//!
//! Each key (a client, an address) has a lane of its own, first come, first served. A free thread takes the first job
//! of the lane that has used least time so far. What a job will take is estimated from its units of work and from how
//! long a unit took lately, and put right when it ends, so a job that turns out to be long is paid for by its own lane.
//! A lane that was idle starts where the others are: waiting saves nothing up.
//!
//! The places in the queue are shared too: a lane may fill as many as there are, divided by the lanes that have work.
//! Who finds its lane full is told when a place in it will be free, the next one a little later.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Lanes without work are looked through and forgotten when there are more than this many.
const MOST_LANES: usize = 256;
/// How much of the past the pace keeps with each job that ends.
const MEMORY: f64 = 0.9;
/// How many units a guess stands for.
const GUESS: f64 = 0.05;
/// How many times over the places of a full lane are promised.
const PROMISED: f64 = 4.0;
/// The longest that anybody is told to wait, in seconds.
const LONGEST: f64 = 3_600.0;

/// How much work a job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// In units of the queue, above 0.
    pub(super) units: f64,
    /// How many threads it keeps busy while it runs.
    pub(super) width: usize,
}

impl Cost {
    /// The cost of a job like all others.
    pub(super) const ONE: Self = Self { units: 1.0, width: 1 };
}

/// What stands for a job while it waits.
pub(super) trait Ticket {
    /// Whether nobody waits for the job any more.
    fn is_gone(&self) -> bool;
}

/// A bounded queue in front of some threads; `K` says whose a job is.
#[derive(Debug)]
pub(super) struct Turns<K, T> {
    threads: usize,
    places: usize,
    lanes: HashMap<K, Lane<T>>,
    running: Vec<Running>,
    /// Seconds that the lane had used whose turn came last.
    clock: f64,
    pace: Pace,
    /// The number of the next job.
    number: u64,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    running: usize,
    /// Seconds of threads, counted from the same point for all lanes.
    used: f64,
    /// When the last place is free that somebody was told to come back for.
    promised: Option<Instant>,
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    cost: Cost,
    ticket: T,
}

#[derive(Debug)]
struct Running {
    number: u64,
    expected: f64,
    since: Instant,
}

/// A job whose turn has come.
#[derive(Debug)]
pub(super) struct Started<K> {
    key: K,
    number: u64,
    cost: Cost,
    /// The seconds that its lane was charged.
    expected: f64,
}

/// How long a unit of work takes, by the jobs that ended lately.
#[derive(Debug)]
struct Pace {
    seconds: f64,
    units: f64,
}

impl<K: Clone + Eq + Hash, T: Ticket> Turns<K, T> {
    /// Runs as many jobs at once as there are `threads` and lets `places` more wait; a unit is taken to last `guess`
    /// until jobs have ended.
    pub(super) fn new(threads: usize, places: usize, guess: Duration) -> Self {
        // The first job that ends counts for more than the guess.
        let pace = Pace { seconds: guess.as_secs_f64() * GUESS, units: GUESS };
        Self { threads, places, lanes: HashMap::new(), running: Vec::new(), clock: 0.0, pace, number: 0 }
    }

    /// Puts a job into the lane of `key`.
    ///
    /// # Errors
    /// After which time there will be a place, where the lane is full.
    pub(super) fn enter(&mut self, key: K, cost: Cost, ticket: T, now: Instant) -> Result<(), Duration> {
        if self.lanes.len() >= MOST_LANES {
            let clock = self.clock;
            self.lanes.retain(|_, lane| lane.is_active() || lane.used > clock);
        }
        let clock = self.clock;
        let lane = self.lanes.entry(key.clone()).or_insert_with(|| Lane::new(clock));
        if !lane.is_active() {
            lane.used = lane.used.max(clock);
        }
        let others = self.lanes.iter().filter(|(other, lane)| **other != key && lane.is_active()).count();
        let share = (self.places / (others + 1)).max(self.places.min(1));
        // Where a thread is free nobody waits, and this job will not either.
        let is_free = self.running.len() < self.threads;
        let Some(lane) = self.lanes.get_mut(&key) else { return Ok(()) };
        if lane.waiting.len() >= share {
            lane.waiting.retain(|waiting| !waiting.ticket.is_gone());
        }
        if lane.waiting.len() >= share && !is_free {
            return Err(self.later(&key, others + 1, now));
        }
        lane.waiting.push_back(Waiting { number: self.number, cost, ticket });
        self.number += 1;
        Ok(())
    }

    /// The job whose turn it is, if a thread is free.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Started<K>, T)> {
        while self.running.len() < self.threads {
            let waiting =
                self.lanes.iter().filter_map(|(key, lane)| Some((key, lane.used, lane.waiting.front()?.number)));
            let (key, used, _) = waiting.min_by(|one, other| one.1.total_cmp(&other.1).then(one.2.cmp(&other.2)))?;
            let key = key.clone();
            let lane = self.lanes.get_mut(&key)?;
            let Waiting { number, cost, ticket } = lane.waiting.pop_front()?;
            if ticket.is_gone() {
                continue;
            }
            self.clock = self.clock.max(used);
            let expected = self.pace.of(cost);
            lane.running += 1;
            lane.used += expected;
            self.running.push(Running { number, expected: expected / cost.width as f64, since: now });
            return Some((Started { key, number, cost, expected }, ticket));
        }
        None
    }

    /// Notes that a job has ended, after this time; `None` if it was not even begun.
    pub(super) fn finish(&mut self, started: &Started<K>, took: Option<Duration>) {
        self.running.retain(|running| running.number != started.number);
        let seconds = took.map_or(0.0, |took| took.as_secs_f64() * started.cost.width as f64);
        if took.is_some() {
            self.pace.note(started.cost, seconds);
        }
        if let Some(lane) = self.lanes.get_mut(&started.key) {
            lane.running = lane.running.saturating_sub(1);
            lane.used += seconds - started.expected;
        }
        if self.running.is_empty() && self.lanes.values().all(|lane| lane.waiting.is_empty()) {
            self.lanes.clear();
            self.clock = 0.0;
        }
    }

    /// How many jobs run or wait.
    pub(super) fn depth(&self) -> usize {
        let waiting = self.lanes.values().flat_map(|lane| &lane.waiting);
        self.running.len() + waiting.filter(|waiting| !waiting.ticket.is_gone()).count()
    }

    /// After which time there will be a place in a full lane, where so many lanes have work. Each who asks is told a
    /// place of its own.
    fn later(&mut self, key: &K, active: usize, now: Instant) -> Duration {
        let left = |running: &Running| {
            let since = now.duration_since(running.since).as_secs_f64();
            // A job that takes longer than expected is expected to go on for a while.
            running.expected.max(since * 1.25) - since
        };
        let free = self.running.iter().map(left).fold(f64::INFINITY, f64::min);
        let free = if free.is_finite() { free } else { 0.0 };
        let Some(lane) = self.lanes.get_mut(key) else { return Duration::ZERO };
        // What the lane's jobs take, at its share of the threads.
        let each = active as f64 / self.threads.max(1) as f64;
        let all = lane.waiting.iter().map(|waiting| self.pace.of(waiting.cost)).sum::<f64>() * each;
        let step = all / lane.waiting.len().max(1) as f64;
        let promised = lane.promised.map_or(0.0, |at| at.saturating_duration_since(now).as_secs_f64());
        // Who asks again and again is not told longer and longer times.
        let wait = (promised.max(free) + step).min(free + all * PROMISED).min(LONGEST);
        let wait = Duration::try_from_secs_f64(wait).unwrap_or_default();
        lane.promised = Some(now + wait);
        wait
    }
}

impl<T> Lane<T> {
    fn new(used: f64) -> Self {
        Self { waiting: VecDeque::new(), running: 0, used, promised: None }
    }

    fn is_active(&self) -> bool {
        self.running > 0 || !self.waiting.is_empty()
    }
}

impl Pace {
    /// The seconds of a thread that a job will take.
    fn of(&self, cost: Cost) -> f64 {
        cost.units * self.seconds / self.units
    }

    fn note(&mut self, cost: Cost, seconds: f64) {
        self.seconds = self.seconds * MEMORY + seconds;
        self.units = self.units * MEMORY + cost.units;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// A job by the name of its lane, which somebody waits for or not.
    #[derive(Debug, Clone, Default)]
    struct Job(Rc<Cell<bool>>);

    impl Ticket for Job {
        fn is_gone(&self) -> bool {
            self.0.get()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn of(units: f64) -> Cost {
        Cost { units, width: 1 }
    }

    /// Lets everything that waits run, each job as long as `took` says of its lane and units, and gives the lanes in
    /// the order of their turns.
    fn order(turns: &mut Turns<char, Job>, took: impl Fn(char, f64) -> f64) -> String {
        let now = Instant::now();
        let mut order = String::new();
        while let Some((started, _)) = turns.next(now) {
            order.push(started.key);
            let took = took(started.key, started.cost.units);
            turns.finish(&started, Some(Duration::from_secs_f64(took)));
        }
        order
    }

    #[test]
    fn lanes_with_work_get_equal_shares_of_the_time() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 200, SECOND);
        for _ in 0..10 {
            turns.enter('a', of(4.0), Job::default(), now).expect("a place");
        }
        for _ in 0..40 {
            turns.enter('b', of(1.0), Job::default(), now).expect("a place");
        }
        let order = order(&mut turns, |_, units| units);
        // In every stretch of the time both had the same.
        let (mut a, mut b) = (0i64, 0i64);
        for job in order.chars() {
            if job == 'a' {
                a += 4
            } else {
                b += 1
            }
            assert!((a - b).abs() <= 4, "{order}");
        }
        assert_eq!((a, b), (40, 40));
    }

    #[test]
    fn work_that_is_longer_than_it_seemed_is_paid_for_afterwards() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 200, SECOND);
        for _ in 0..10 {
            turns.enter('a', of(1.0), Job::default(), now).expect("a place");
        }
        for _ in 0..60 {
            turns.enter('b', of(1.0), Job::default(), now).expect("a place");
        }
        let order = order(&mut turns, |lane, _| if lane == 'a' { 5.0 } else { 1.0 });
        let first = order.chars().take(36).filter(|lane| *lane == 'a').count();
        assert!((5..=8).contains(&first), "{order}");
    }

    #[test]
    fn who_comes_late_is_next_and_has_saved_nothing_up() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 200, SECOND);
        for _ in 0..20 {
            turns.enter('a', of(1.0), Job::default(), now).expect("a place");
        }
        for _ in 0..10 {
            let (started, _) = turns.next(now).expect("a job");
            assert_eq!(started.key, 'a');
            turns.finish(&started, Some(SECOND));
        }
        for _ in 0..10 {
            turns.enter('b', of(1.0), Job::default(), now).expect("a place");
        }
        let order = order(&mut turns, |_, units| units);
        assert!(order.starts_with("ba") || order.starts_with("bb"), "{order}");
        assert!(order.chars().take(8).filter(|lane| *lane == 'b').count() <= 5, "{order}");
    }

    #[test]
    fn a_lane_fills_its_share_of_the_places() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 8, SECOND);
        let fill = |turns: &mut Turns<char, Job>, key| {
            let mut count = 0;
            while turns.enter(key, Cost::ONE, Job::default(), now).is_ok() {
                drop(turns.next(now));
                count += 1;
            }
            count
        };
        // One runs, eight wait.
        assert_eq!(fill(&mut turns, 'a'), 9);
        assert_eq!(fill(&mut turns, 'b'), 4);
        assert_eq!(fill(&mut turns, 'c'), 2);
        assert_eq!(turns.depth(), 15);
        // However many there are, each has a place.
        for key in 'd'..='z' {
            assert!(turns.enter(key, Cost::ONE, Job::default(), now).is_ok());
        }
        // Nobody waits where no places are.
        let mut none = Turns::new(1, 0, SECOND);
        assert_eq!(fill(&mut none, 'a'), 1);
    }

    #[test]
    fn who_left_makes_room_and_gets_no_turn() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 2, SECOND);
        let jobs: Vec<Job> = (0..3).map(|_| Job::default()).collect();
        for job in &jobs {
            turns.enter('a', Cost::ONE, job.clone(), now).expect("a place");
            drop(turns.next(now));
        }
        assert!(turns.enter('a', Cost::ONE, Job::default(), now).is_err());
        jobs[1].0.set(true);
        turns.enter('a', Cost::ONE, Job::default(), now).expect("the place of who left");
        jobs[2].0.set(true);
        assert_eq!(turns.depth(), 2);
        turns.running.clear();
        assert_eq!(turns.next(now).map(|(started, _)| started.number), Some(3));
        turns.running.clear();
        assert!(turns.next(now).is_none());
    }

    #[test]
    fn who_is_told_to_come_back_finds_a_place_then() {
        let began = Instant::now();
        let mut now = began;
        let mut turns = Turns::new(2, 4, SECOND);
        let mut running: Vec<(Started<char>, Instant)> = Vec::new();
        let start = |turns: &mut Turns<char, Job>, running: &mut Vec<(Started<char>, Instant)>, now| {
            while let Some((started, _)) = turns.next(now) {
                running.push((started, now));
            }
        };
        // Jobs take three times what was guessed, and two lanes have work.
        for key in ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b'] {
            let _ = turns.enter(key, Cost::ONE, Job::default(), now);
            start(&mut turns, &mut running, now);
        }
        let mut back: Vec<Instant> = Vec::new();
        let mut kept = (0, 0);
        for step in 1..4_000 {
            now = began + step * Duration::from_millis(100);
            let (ended, goes_on) = running.drain(..).partition(|(_, since)| now - *since >= 3 * SECOND);
            running = goes_on;
            for (started, since) in ended {
                turns.finish(&started, Some(now - since));
                // The other lane is never without work.
                let _ = turns.enter('b', Cost::ONE, Job::default(), now);
            }
            start(&mut turns, &mut running, now);
            let due = back.iter().filter(|at| **at <= now).count();
            back.retain(|at| *at > now);
            // Six come at once, now and then, besides those who were told to come now.
            let new = if step % 600 == 0 { 6 } else { 0 };
            for told in (0..due).map(|_| true).chain((0..new).map(|_| false)) {
                match turns.enter('a', Cost::ONE, Job::default(), now) {
                    Ok(()) => kept.0 += usize::from(told),
                    Err(wait) => {
                        kept.1 += usize::from(told);
                        // As it is told: whole seconds.
                        back.push(now + Duration::from_secs(wait.as_secs_f64().ceil().max(1.0) as u64));
                    }
                }
                start(&mut turns, &mut running, now);
            }
        }
        assert!(kept.0 >= 18 && kept.1 == 0, "{kept:?}");
    }
}
