//! Numbers as people read them.

use crate::comparison::Rate;
use crate::statistics::Interval;

/// Keeps a number and its unit on one line.
const NBSP: char = '\u{a0}';

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
    if (0.995..1.0).contains(&share) { fine_percent(share) } else { format!("{value:.places$}{NBSP}%") }
}

/// A share near 1 in per cent, with as many decimals as tell it from 100: four at most.
pub(super) fn fine_percent(share: f64) -> String {
    let (value, rest) = (share * 100.0, 100.0 - share * 100.0);
    if share >= 1.0 {
        return format!("100{NBSP}%");
    }
    if rest < 1e-4 {
        return format!("over{NBSP}99.9999{NBSP}%");
    }
    let places = (0..4).take_while(|places| rest * 10f64.powi(*places) < 1.0).count() + 1;
    format!("{value:.0$}{NBSP}%", places.min(4))
}

pub(super) fn percent_range(interval: Interval) -> String {
    format!("{} \u{2013} {}", percent(interval.low), percent(interval.high))
}

/// A share that somebody asked for in per cent, as it was asked: `0.1 %`.
pub(super) fn asked_percent(share: f64) -> String {
    format!("{}{NBSP}%", Rate(share * 100.0))
}

/// A rate as a power of ten: `10⁻⁴`, `9.9·10⁻⁵`.
pub(super) fn rate(value: f64) -> String {
    let scientific = format!("{value:.1e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power = format!("10{}", superscript(exponent.parse().unwrap_or(0)));
    match digits {
        _ if value == 0.0 => "0".into(),
        "1.0" => power,
        digits => format!("{digits}·{power}"),
    }
}

/// A number raised above the line.
pub(super) fn superscript(number: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize])).collect()
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
            assert_eq!(percent(share), shown.replace(' ', "\u{a0}"));
        }
        for (share, shown) in
            [(0.98765, "98.8 %"), (0.99943, "99.943 %"), (0.9999999, "over 99.9999 %"), (1.0, "100 %")]
        {
            assert_eq!(fine_percent(share), shown.replace(' ', "\u{a0}"));
        }
        for (value, shown) in [(1e-4, "10⁻⁴"), (9.93e-5, "9.9·10⁻⁵"), (0.0993, "9.9·10⁻²"), (0.0, "0"), (1.0, "10⁰")]
        {
            assert_eq!(rate(value), shown);
        }
        assert_eq!((asked_percent(0.01), asked_percent(0.001)), ("1\u{a0}%".into(), "0.1\u{a0}%".into()));
        assert_eq!(decimals(-0.25, 2), "\u{2212}0.25");
    }
}
