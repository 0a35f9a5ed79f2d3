//! Fair queueing: the threads' time is divided equally between the keys that have work.
//!
//! Each key (a client, an address) has a lane, a first-in-first-out queue of its jobs. A free thread takes the first job
//! of the lane that has used the least thread time. When a job starts, its lane is charged an estimate, from the job's
//! units of work and the average time of a unit in recent jobs; when it ends, the charge is corrected to the measured
//! time. A lane that becomes active again starts with at least the used time of the lane served last, so an idle lane
//! collects no credit.
//!
//! The places in the queue are divided too: a lane may use the number of places divided by the number of lanes with
//! work. If a lane is full, a new job is refused with an estimate of when to retry. Each refusal moves the next estimate
//! of that lane later by one job, so that clients do not all retry at the same time.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// From so many lanes on, those without work and without used time above the others' are removed.
const MOST_LANES: usize = 256;
/// The factor by which earlier jobs lose weight in the pace with each job that ends.
const DECAY: f64 = 0.9;
/// The weight of the first guess of the pace, in units of work.
const GUESS_UNITS: f64 = 0.05;
/// A retry time is at most the time until a thread is free plus so many times the time of all jobs in the lane.
const MOST_ROUNDS: f64 = 4.0;
/// The longest retry time, in seconds.
const LONGEST: f64 = 3_600.0;

/// How much work a job is, before it has run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// In units of the queue, above 0.
    pub(super) units: f64,
    /// How many threads it keeps busy while it runs.
    pub(super) width: usize,
}

impl Cost {
    /// The cost of a job in a queue whose jobs are all alike.
    pub(super) const ONE: Self = Self { units: 1.0, width: 1 };
}

/// A job that waits.
pub(super) trait Ticket {
    /// Whether nobody waits for the job any more.
    fn is_gone(&self) -> bool;
}

/// A bounded queue in front of some threads, with a lane for each `K`.
#[derive(Debug)]
pub(super) struct Turns<K, T> {
    threads: usize,
    places: usize,
    lanes: HashMap<K, Lane<T>>,
    running: Vec<Running>,
    /// The used time of the lane served last, before that job was charged.
    clock: f64,
    pace: Pace,
    /// The number of the next job.
    number: u64,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    running: usize,
    /// Thread time in seconds, comparable between lanes.
    used: f64,
    /// The latest retry time that was given out.
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

/// A job that was given a thread.
#[derive(Debug)]
pub(super) struct Started<K> {
    key: K,
    number: u64,
    cost: Cost,
    /// The seconds that its lane was charged.
    expected: f64,
}

/// The average time of a unit of work in recent jobs.
#[derive(Debug)]
struct Pace {
    seconds: f64,
    units: f64,
}

impl<K: Clone + Eq + Hash, T: Ticket> Turns<K, T> {
    /// A queue that runs as many jobs at once as there are `threads` and lets `places` more wait. `guess` is the
    /// estimated time of a unit until jobs have ended.
    pub(super) fn new(threads: usize, places: usize, guess: Duration) -> Self {
        // The guess has a small weight: the first job that ends counts for more.
        let pace = Pace { seconds: guess.as_secs_f64() * GUESS_UNITS, units: GUESS_UNITS };
        Self { threads, places, lanes: HashMap::new(), running: Vec::new(), clock: 0.0, pace, number: 0 }
    }

    /// Puts a job into the lane of `key`.
    ///
    /// # Errors
    /// If the lane is full, the time after which to retry.
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
        // If a thread is free, no job waits, and this one starts at once.
        let is_free = self.running.len() < self.threads;
        let Some(lane) = self.lanes.get_mut(&key) else { return Ok(()) };
        if lane.waiting.len() >= share {
            lane.waiting.retain(|waiting| !waiting.ticket.is_gone());
        }
        if lane.waiting.len() >= share && !is_free {
            return Err(self.retry_after(&key, others + 1, now));
        }
        lane.waiting.push_back(Waiting { number: self.number, cost, ticket });
        self.number += 1;
        Ok(())
    }

    /// Starts the next job, if a thread is free.
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

    /// Notes that a job has ended after this time; `None` if it never ran.
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

    /// The time after which to retry, for a full lane while `active` lanes have work: one job later than the lane's last
    /// retry time, or if that has passed, one job after the next thread is free.
    fn retry_after(&mut self, key: &K, active: usize, now: Instant) -> Duration {
        let left = |running: &Running| {
            let since = now.duration_since(running.since).as_secs_f64();
            // A job that has exceeded its estimate is expected to take a quarter longer than it has taken.
            running.expected.max(since * 1.25) - since
        };
        let free = self.running.iter().map(left).fold(f64::INFINITY, f64::min);
        let free = if free.is_finite() { free } else { 0.0 };
        let Some(lane) = self.lanes.get_mut(key) else { return Duration::ZERO };
        // The time for all of the lane's jobs, with its share of the threads.
        let each = active as f64 / self.threads.max(1) as f64;
        let all = lane.waiting.iter().map(|waiting| self.pace.of(waiting.cost)).sum::<f64>() * each;
        let step = all / lane.waiting.len().max(1) as f64;
        let promised = lane.promised.map_or(0.0, |at| at.saturating_duration_since(now).as_secs_f64());
        // Bounded, since a client that keeps retrying too early would push the time back for ever.
        let wait = (promised.max(free) + step).min(free + all * MOST_ROUNDS).min(LONGEST);
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
        self.seconds = self.seconds * DECAY + seconds;
        self.units = self.units * DECAY + cost.units;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// A job, and whether it is abandoned.
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

    /// A queue of one thread, in which each of these lanes has so many jobs of so many units.
    fn filled(lanes: &[(char, usize, f64)]) -> Turns<char, Job> {
        let mut turns = Turns::new(1, 200, SECOND);
        for &(lane, jobs, units) in lanes {
            for _ in 0..jobs {
                turns.enter(lane, of(units), Job::default(), Instant::now()).expect("a place");
            }
        }
        turns
    }

    /// Runs all jobs, each for the seconds that `took` gives for its lane and units, and returns their lanes in the
    /// order in which they ran.
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
        let mut turns = filled(&[('a', 10, 4.0), ('b', 40, 1.0)]);
        let order = order(&mut turns, |_, units| units);
        // After each job, the lanes' times differ by one job at most.
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
    fn a_lane_is_charged_the_measured_time_of_its_jobs() {
        let mut turns = filled(&[('a', 10, 1.0), ('b', 60, 1.0)]);
        let order = order(&mut turns, |lane, _| if lane == 'a' { 5.0 } else { 1.0 });
        let first = order.chars().take(36).filter(|lane| *lane == 'a').count();
        assert!((5..=8).contains(&first), "{order}");
    }

    #[test]
    fn a_new_lane_is_next_and_has_no_credit() {
        let now = Instant::now();
        let mut turns = filled(&[('a', 20, 1.0)]);
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
        // Each lane has one place, however many lanes there are.
        for key in 'd'..='z' {
            assert!(turns.enter(key, Cost::ONE, Job::default(), now).is_ok());
        }
        // Without places, a job runs or is refused.
        let mut none = Turns::new(1, 0, SECOND);
        assert_eq!(fill(&mut none, 'a'), 1);
    }

    #[test]
    fn an_abandoned_job_leaves_its_place_and_does_not_run() {
        let now = Instant::now();
        let mut turns = Turns::new(1, 2, SECOND);
        let jobs: Vec<Job> = (0..3).map(|_| Job::default()).collect();
        for job in &jobs {
            turns.enter('a', Cost::ONE, job.clone(), now).expect("a place");
            drop(turns.next(now));
        }
        assert!(turns.enter('a', Cost::ONE, Job::default(), now).is_err());
        jobs[1].0.set(true);
        turns.enter('a', Cost::ONE, Job::default(), now).expect("the place of the abandoned job");
        jobs[2].0.set(true);
        assert_eq!(turns.depth(), 2);
        turns.running.clear();
        assert_eq!(turns.next(now).map(|(started, _)| started.number), Some(3));
        turns.running.clear();
        assert!(turns.next(now).is_none());
    }

    #[test]
    fn a_job_that_is_sent_again_at_its_retry_time_finds_a_place() {
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
        let mut retries: Vec<Instant> = Vec::new();
        let (mut accepted, mut refused) = (0, 0);
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
            let due = retries.iter().filter(|at| **at <= now).count();
            retries.retain(|at| *at > now);
            // Every minute six new jobs arrive at once, besides those whose retry time it is.
            let new = if step % 600 == 0 { 6 } else { 0 };
            for is_retry in (0..due).map(|_| true).chain((0..new).map(|_| false)) {
                match turns.enter('a', Cost::ONE, Job::default(), now) {
                    Ok(()) => accepted += usize::from(is_retry),
                    Err(wait) => {
                        refused += usize::from(is_retry);
                        // In whole seconds, as in the header `Retry-After`.
                        retries.push(now + Duration::from_secs(wait.as_secs_f64().ceil().max(1.0) as u64));
                    }
                }
                start(&mut turns, &mut running, now);
            }
        }
        assert!(accepted >= 18 && refused == 0, "{accepted} accepted, {refused} refused");
    }
}
