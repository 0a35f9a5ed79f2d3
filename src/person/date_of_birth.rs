//! Dates of birth.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::clock;
use crate::error::{Error, Result, Rule};

/// A day of the calendar that is not in the future.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateOfBirth(Date);

impl DateOfBirth {
    /// The date with this year (1 to 9999), month and day.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a day that the calendar does not have, or one
    /// after today (in the time zone that is furthest ahead).
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self> {
        let wrong = |why: String| Error::invalid("date_of_birth", Rule::Date(why));
        let date = Date::new(year, month, day)
            .map_err(|_| wrong(format!("the calendar has no {year:04}-{month:02}-{day:02}")))?;
        if year < 1 {
            return Err(wrong(format!("year {year} is before year 1")));
        }
        // Somewhere on Earth (UTC+14) it is already tomorrow.
        let latest = jiff::tz::TimeZone::fixed(jiff::tz::offset(14)).to_datetime(clock::now()).date();
        if date > latest {
            return Err(wrong(format!("{date} is in the future")));
        }
        Ok(Self(date))
    }

    /// Reads `YYYY-MM-DD`, or the date of an ISO 8601 date and time.
    ///
    /// # Errors
    /// As for [`Self::new`], and for text in another form.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("date_of_birth", Rule::Date("expected YYYY-MM-DD or an ISO 8601 date and time".into()));
        let date = text.get(..10).ok_or_else(wrong)?;
        let bytes = date.as_bytes();
        let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
        if !(digits(0..4) && bytes[4] == b'-' && digits(5..7) && bytes[7] == b'-' && digits(8..10)) {
            return Err(wrong());
        }
        if text.len() > 10 {
            let whole = text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
            if !whole || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
                return Err(wrong());
            }
        }
        let number = |range: std::ops::Range<usize>| date[range].parse::<i16>().map_err(|_| wrong());
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        Self::new(year, month as i8, day as i8)
    }

    /// The date that [`Display`](fmt::Display) wrote. Whether it lies in the future was asked when
    /// it came; a clock that was set back since takes nothing away.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        (date.year() >= 1).then_some(Self(date))
    }

    /// The year, 1 to 9999.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub fn day(self) -> i8 {
        self.0.day()
    }
}

impl fmt::Display for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.month(), self.day())
    }
}

impl fmt::Debug for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateOfBirth(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form() {
        for text in ["1990-01-15", "1990-01-15T00:00:00Z", "1990-01-15T23:59:59.5+02:00", "1990-01-15T08:00:00"] {
            let date = DateOfBirth::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(date.to_string(), "1990-01-15");
        }
    }

    #[test]
    fn dates_that_are_none_are_refused() {
        for text in [
            "",
            "1990",
            "1990-1-5",
            "2001-02-30",
            "2001-13-01",
            "9999-01-01",
            "0000-01-01",
            "1990-01-15x",
            "1990-01-15T",
            "15/01/1990",
            "１９９０-01-15",
        ] {
            assert!(DateOfBirth::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stored_dates_come_back_whatever_the_clock_says() {
        let date = DateOfBirth::from_stored("9999-12-31").expect("a date of the calendar");
        assert_eq!(DateOfBirth::from_stored(&date.to_string()), Some(date));
        for text in ["", "0000-01-01", "2001-02-30", "today"] {
            assert_eq!(DateOfBirth::from_stored(text), None, "{text}");
        }
    }
}
