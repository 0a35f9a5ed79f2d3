//! Numbers as people read them.

use crate::comparison::Rate;
use crate::statistics::Interval;

/// With commas between thousands.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// With so many decimals, and a minus that is not a hyphen.
pub(super) fn decimals(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}

/// A share in per cent with two digits that count: `0.71 %`, `12 %`.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let places = match value {
        0.0 => 0,
        v if v >= 9.95 => 0,
        v if v >= 0.995 => 1,
        v if v >= 0.0995 => 2,
        _ => 3,
    };
    // Next to 100 the rest is what counts.
    if (0.995..1.0).contains(&share) { fine_percent(share) } else { format!("{value:.places$} %") }
}

/// A share near 1 in per cent, with as many decimals as tell it from 100 (four at most).
pub(super) fn fine_percent(share: f64) -> String {
    let value = share * 100.0;
    let places =
        (0..4).find(|places| (100.0 - value) * 10f64.powi(*places) >= 1.0).map_or(4, |places| places as usize + 1);
    if share >= 1.0 { "100 %".into() } else { format!("{value:.places$} %") }
}

pub(super) fn percent_range(interval: Interval) -> String {
    format!("{} \u{2013} {}", percent(interval.low), percent(interval.high))
}

/// A small rate: `0.01`, `1e-4`.
pub(super) fn rate(value: f64) -> String {
    Rate(value).to_string().replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_count() {
        for (value, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_198_786, "1,198,786")] {
            assert_eq!(count(value), shown);
        }
        for (share, shown) in [
            (0.0, "0 %"),
            (0.00012, "0.012 %"),
            (0.0071, "0.71 %"),
            (0.028, "2.8 %"),
            (0.1234, "12 %"),
            (0.9, "90 %"),
            (0.9943, "99 %"),
            (0.9985, "99.85 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), shown);
        }
        for (share, shown) in [(0.98765, "98.8 %"), (0.99943, "99.94 %"), (0.9999999, "100.0000 %"), (1.0, "100 %")] {
            assert_eq!(fine_percent(share), shown);
        }
        assert_eq!(rate(1e-4), "1e\u{2212}4");
        assert_eq!(decimals(-0.25, 2), "\u{2212}0.25");
    }
}
