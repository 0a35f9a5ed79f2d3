//! How sure a measured rate is: 95 % intervals.
//!
//! Wilson's score interval takes every comparison as an independent trial and holds up for rates
//! near 0 (Wilson 1927; Brown, Cai and DasGupta 2001). Comparisons of one person are not
//! independent: a person who is hard to recognise is so in every photo. The bootstrap over people
//! draws whole people with replacement and takes percentiles (Bolle, Ratha and Pankanti 2004: "Error
//! analysis of pattern recognition systems: the subsets bootstrap"); it says nothing where no error
//! was seen, which is where Wilson's does.

use serde::Serialize;

use super::random::SplitMix64;

/// The ends of an interval that holds the true rate in 95 of 100 repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A rate as it was counted, with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeasuredRate {
    /// How many trials went wrong.
    pub errors: u64,
    /// How many trials there were.
    pub trials: u64,
    /// `errors / trials`; 0 without trials.
    pub rate: f64,
    /// The interval if every trial is independent.
    pub wilson: Interval,
    /// The interval if people are independent, but trials of one person are not; `None` where
    /// there are fewer than two people.
    pub bootstrap: Option<Interval>,
}

impl MeasuredRate {
    /// A rate of independent trials.
    #[must_use]
    pub fn of(errors: u64, trials: u64) -> Self {
        let rate = if trials == 0 { 0.0 } else { errors as f64 / trials as f64 };
        Self { errors, trials, rate, wilson: wilson(errors, trials), bootstrap: None }
    }

    /// The smallest interval that holds both intervals.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let Some(bootstrap) = self.bootstrap else { return self.wilson };
        Interval { low: self.wilson.low.min(bootstrap.low), high: self.wilson.high.max(bootstrap.high) }
    }
}

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval for a rate of `errors` in `trials`; 0 to 1 without trials.
#[must_use]
pub fn wilson(errors: u64, trials: u64) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (k, n) = (errors as f64, trials as f64);
    let center = (k + Z * Z / 2.0) / (n + Z * Z);
    let half = Z * (k * (n - k) / n + Z * Z / 4.0).sqrt() / (n + Z * Z);
    Interval {
        // At the ends both terms are equal but for their last bits.
        low: if errors == 0 { 0.0 } else { (center - half).max(0.0) },
        high: if errors == trials { 1.0 } else { (center + half).min(1.0) },
    }
}

/// The trials of one person: the unit that a bootstrap draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonTrials {
    /// How many trials the person has.
    pub trials: u64,
    /// How many of them went wrong, for each rate of interest.
    pub errors: Vec<u64>,
}

/// How many times people are drawn.
const REPLICATES: usize = 2_000;
const SEED: u64 = 0x0fac_e7a0;

/// One 95 % interval for each of `rates` rates, from drawing whole people; `None` with fewer than
/// two people that have a trial. The same people in the same order give the same interval.
#[must_use]
pub fn bootstrap_over_people(people: &[PersonTrials], rates: usize) -> Option<Vec<Interval>> {
    let people: Vec<&PersonTrials> = people.iter().filter(|person| person.trials > 0).collect();
    if people.len() < 2 {
        return None;
    }
    // Most people have no error at most rates: keep only those that have.
    let wrong: Vec<Vec<(usize, u64)>> = (0..rates)
        .map(|rate| {
            let errors = |person: &PersonTrials| person.errors.get(rate).copied().unwrap_or(0);
            people.iter().enumerate().map(|(i, p)| (i, errors(p))).filter(|(_, errors)| *errors > 0).collect()
        })
        .collect();
    let mut random = SplitMix64::new(SEED);
    let mut drawn = vec![0u64; people.len()];
    let mut replicates = vec![Vec::with_capacity(REPLICATES); rates];
    for _ in 0..REPLICATES {
        drawn.fill(0);
        for _ in 0..people.len() {
            drawn[random.below(people.len())] += 1;
        }
        let trials: u64 = people.iter().zip(&drawn).map(|(person, times)| person.trials * times).sum();
        for (wrong, replicates) in wrong.iter().zip(&mut replicates) {
            let errors: u64 = wrong.iter().map(|(person, errors)| errors * drawn[*person]).sum();
            replicates.push(errors as f64 / trials as f64);
        }
    }
    Some(
        replicates
            .into_iter()
            .map(|mut values| {
                values.sort_unstable_by(f64::total_cmp);
                Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
            })
            .collect(),
    )
}

/// A quantile of ascending values, linear between neighbours (NumPy's default).
fn quantile(values: &[f64], q: f64) -> f64 {
    let place = q * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (values[above] - values[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_error_the_interval_is_near_the_rule_of_three_and_touches_zero() {
        let interval = wilson(0, 1_000);
        assert_eq!(interval.low, 0.0);
        assert!((0.003..0.004).contains(&interval.high), "{interval:?}");
        assert_eq!(wilson(7, 7).high, 1.0);
        assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn one_trial_each_gives_what_independent_trials_give() {
        let people: Vec<_> =
            (0..4_000).map(|i| PersonTrials { trials: 1, errors: vec![u64::from(i % 20 == 0)] }).collect();
        let found = bootstrap_over_people(&people, 1).expect("many people")[0];
        let expected = wilson(200, 4_000);
        assert!((found.low - expected.low).abs() < 1e-3 && (found.high - expected.high).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn people_who_fail_as_a_whole_widen_the_interval() {
        // 50 trials each, and one person in twenty fails in all: 200 people count, not 10,000 trials.
        let people: Vec<_> =
            (0..200).map(|i| PersonTrials { trials: 50, errors: vec![if i % 20 == 0 { 50 } else { 0 }, 0] }).collect();
        let intervals = bootstrap_over_people(&people, 2).expect("many people");
        let (found, naive) = (intervals[0], wilson(500, 10_000));
        assert!(found.high - found.low > 5.0 * (naive.high - naive.low), "{found:?} {naive:?}");
        assert_eq!(intervals[1], Interval { low: 0.0, high: 0.0 });
        assert_eq!(bootstrap_over_people(&people, 2), Some(intervals), "the same every time");
    }

    #[test]
    fn people_without_trials_do_not_count() {
        let nobody = PersonTrials { trials: 0, errors: vec![0] };
        let one = PersonTrials { trials: 3, errors: vec![1] };
        assert_eq!(bootstrap_over_people(&[nobody, one], 1), None);
    }

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        for (q, value) in [(0.0, 1.0), (0.025, 1.075), (0.5, 2.5), (1.0, 4.0)] {
            assert!((quantile(&[1.0, 2.0, 3.0, 4.0], q) - value).abs() < 1e-15, "{q}");
        }
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate(trials in 1u64..5_000_000, share in 0.0f64..=1.0) {
            let errors = (share * trials as f64) as u64;
            let rate = MeasuredRate::of(errors, trials);
            prop_assert!(0.0 <= rate.wilson.low && rate.wilson.low <= rate.rate);
            prop_assert!(rate.rate <= rate.wilson.high && rate.wilson.high <= 1.0);
        }
    }
}
