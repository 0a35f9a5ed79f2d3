//! What time it is.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

/// Now. A clock beyond what a [`Timestamp`] can be (the years -9999 to 9999) shows a day of these years.
pub(crate) fn now() -> Timestamp {
    of(SystemTime::now())
}

fn of(time: SystemTime) -> Timestamp {
    // A little less than the ends, so that times can be rounded, written and read.
    let day = SignedDuration::from_hours(24);
    let (first, last) = (Timestamp::MIN.saturating_add(day), Timestamp::MAX.saturating_sub(day));
    let (first, last) = (first.unwrap_or(Timestamp::MIN), last.unwrap_or(Timestamp::MAX));
    let beyond = if time < SystemTime::UNIX_EPOCH { first } else { last };
    Timestamp::try_from(time).map_or(beyond, |time| time.clamp(first, last))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_beyond_the_year_9999_shows_its_end() {
        let second = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(of(second(1)), Timestamp::from_second(1).expect("a time"));
        let last = of(second(1 << 50));
        assert_eq!(last.to_string().get(..7), Some("9999-12"));
        assert_eq!(of(second(253_402_300_800)), last);
        assert!(of(SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 50)) < Timestamp::UNIX_EPOCH);
        // Such a time can be written and read.
        assert!(Timestamp::from_microsecond(last.as_microsecond()).is_ok_and(|read| read <= last));
        assert!(crate::person::DateOfBirth::new(1990, 1, 1).is_ok());
    }
}
