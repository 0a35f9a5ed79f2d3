//! Charts as inline SVG: they take the page's colours, and need no script.

use std::fmt::Write as _;

use super::figures;
use super::html::Px;
use super::push;
use crate::statistics::{Histogram, Interval, RocPoint};

// The drawing's size and margins, in units that are pixels where the page is wide.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 26.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = HEIGHT - 56.0;

/// Two error rates that are traded for each other.
pub(super) struct TradeOff<'a> {
    /// What the chart shows, for those who do not see it.
    pub(super) title: &'a str,
    pub(super) x: Axis<'a>,
    pub(super) y: Axis<'a>,
    /// `fmr` is drawn along x, `fnmr` along y.
    pub(super) curve: &'a [RocPoint],
    pub(super) marks: &'a [Mark],
    /// The rate at which both are equal, if that is to be drawn.
    pub(super) equal: Option<f64>,
}

/// A logarithmic axis for a rate, from the decade of one error among the trials to 1.
#[derive(Clone, Copy)]
pub(super) struct Axis<'a> {
    pub(super) name: &'a str,
    pub(super) trials: u64,
    /// Whether ticks are in per cent rather than powers of ten.
    pub(super) percent: bool,
}

/// A point of interest and the interval of its y.
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Interval,
}

impl Axis<'_> {
    /// The exponent of the smallest rate drawn.
    fn decades(&self) -> i32 {
        (self.trials.max(10) as f64).log10().ceil() as i32
    }

    /// Where a rate lies, 0 to 1; smaller ones than drawn lie at 0.
    fn place(&self, rate: f64) -> f64 {
        let decades = f64::from(self.decades());
        (rate.log10().max(-decades) / decades + 1.0).clamp(0.0, 1.0)
    }

    fn tick(&self, exponent: i32) -> String {
        if self.percent { share(exponent) } else { format!("10{}", figures::superscript(exponent)) }
    }
}

/// 10 to a power of 0 or less, in per cent.
fn share(exponent: i32) -> String {
    let decimals = (-exponent - 2).max(0) as usize;
    format!("{:.decimals$} %", 10f64.powi(exponent + 2))
}

pub(super) fn trade_off(chart: &TradeOff<'_>) -> String {
    let x = |rate: f64| LEFT + chart.x.place(rate) * (RIGHT - LEFT);
    let y = |rate: f64| BOTTOM - chart.y.place(rate) * (BOTTOM - TOP);
    let mut out = open(chart.title);

    // Ten errors are the fewest that say much about a rate.
    let few = x(10.0 / chart.x.trials.max(10) as f64);
    if few > LEFT {
        let (top, width, height) = (Px(TOP), Px(few - LEFT), Px(BOTTOM - TOP));
        push(&mut out, format_args!("<rect class=few x={} y={top} width={width} height={height} />", Px(LEFT)));
        let (at, base) = (Px(LEFT + 14.0), Px(BOTTOM - 10.0));
        push(
            &mut out,
            format_args!(
                "<text class=hint transform=\"translate({at} {base}) rotate(-90)\">fewer than ten errors</text>"
            ),
        );
    }
    for exponent in -chart.x.decades()..=0 {
        vertical(&mut out, x(10f64.powi(exponent)), &chart.x.tick(exponent));
    }
    for exponent in -chart.y.decades()..=0 {
        horizontal(&mut out, y(10f64.powi(exponent)), &chart.y.tick(exponent));
    }
    names(&mut out, chart.x.name, chart.y.name);
    let smallest = 10f64.powi(-chart.x.decades().min(chart.y.decades()));
    if let Some(equal) = chart.equal.filter(|rate| *rate > smallest) {
        let (x1, y1, x2, y2) = (Px(x(smallest)), Px(y(smallest)), Px(x(1.0)), Px(y(1.0)));
        push(&mut out, format_args!("<line class=equal x1={x1} y1={y1} x2={x2} y2={y2} />"));
        let (at, base) = (Px(x(equal) + 9.0), Px(y(equal) - 7.0));
        push(&mut out, format_args!("<text class=hint x={at} y={base}>equal: {}</text>", figures::percent(equal)));
        push(&mut out, format_args!("<circle class=equal cx={} cy={} r=3.5 />", Px(x(equal)), Px(y(equal))));
    }

    // Where no error is left a logarithm has no place: the curve ends at the floor, dashed.
    let curve: Vec<&RocPoint> = chart.curve.iter().filter(|point| point.fmr > 0.0).collect();
    let seen: Vec<&RocPoint> = curve.iter().copied().take_while(|point| point.fnmr > 0.0).collect();
    let path = |points: &[&RocPoint]| {
        points.iter().enumerate().fold(String::new(), |mut path, (i, point)| {
            let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Px(x(point.fmr)), Px(y(point.fnmr)));
            path
        })
    };
    push(&mut out, format_args!("<path class=curve d=\"{}\" />", path(&seen)));
    if let Some(none) = curve.get(seen.len()) {
        let last = seen.last().unwrap_or(none);
        push(
            &mut out,
            format_args!(
                "<path class=\"curve rest\" d=\"M{} {}L{} {}\" />",
                Px(x(last.fmr)),
                Px(y(last.fnmr)),
                Px(x(none.fmr)),
                Px(BOTTOM)
            ),
        );
        let anchor = if x(none.fmr) > (LEFT + RIGHT) / 2.0 { "end" } else { "start" };
        let at = Px(x(none.fmr) + if anchor == "end" { -8.0 } else { 8.0 });
        push(
            &mut out,
            format_args!(
                "<text class=hint text-anchor={anchor} x={at} y={}>none of {} missed</text>",
                Px(BOTTOM - 8.0),
                figures::count(chart.y.trials)
            ),
        );
    }
    for mark in chart.marks.iter().filter(|mark| mark.x > 0.0) {
        let at = Px(x(mark.x));
        push(
            &mut out,
            format_args!(
                "<line class=interval x1={at} x2={at} y1={} y2={} /><circle class=\"mark{}\" cx={at} cy={} r=4.5 />",
                Px(y(mark.interval.low)),
                Px(y(mark.interval.high)),
                if mark.y > 0.0 { "" } else { " none" },
                Px(y(mark.y))
            ),
        );
    }
    close(out)
}

/// Both kinds of similarities, each scaled to the same area, and thresholds with their names.
pub(super) fn histogram(histogram: &Histogram, thresholds: &[(f64, String)]) -> String {
    let bins = histogram.mated.len();
    let (from, to) = (histogram.from, histogram.from + histogram.width * bins as f64);
    let x = |similarity: f64| LEFT + (similarity - from) / (to - from) * (RIGHT - LEFT);
    let shares = |counts: &[u64]| {
        let all = counts.iter().sum::<u64>().max(1) as f64;
        counts.iter().map(|count| *count as f64 / all).collect::<Vec<f64>>()
    };
    let (mated, stranger) = (shares(&histogram.mated), shares(&histogram.non_mated));
    let highest = mated.iter().chain(&stranger).fold(0.0f64, |highest, share| highest.max(*share)).max(1e-9);
    // Names of thresholds stand above the highest bar.
    let y = |share: f64| BOTTOM - share / (highest * 1.25) * (BOTTOM - TOP);

    let mut out = open("Histogram of similarities of pairs of one person and of different people");
    let step = tick_step((to - from) / 6.0);
    let first = (from / step - 1e-9).ceil() as i64;
    for tick in (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= to + step * 1e-9) {
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        vertical(&mut out, x(tick), &figures::decimals(tick + 0.0, decimals));
    }
    let step = tick_step(highest / 4.0);
    for tick in (0..).map(|n| f64::from(n) * step).take_while(|tick| *tick <= highest * 1.2) {
        let decimals = (-(step * 100.0).log10().floor()).max(0.0) as usize;
        horizontal(&mut out, y(tick), &format!("{:.decimals$} %", tick * 100.0));
    }
    names(
        &mut out,
        "similarity",
        &format!("share of pairs in {} of similarity", figures::decimals(histogram.width, places(histogram.width))),
    );
    for (class, shares) in [("stranger", &stranger), ("mated", &mated)] {
        let mut path = format!("M{} {}", Px(LEFT), Px(BOTTOM));
        for (bin, share) in shares.iter().enumerate() {
            let left = from + histogram.width * bin as f64;
            let _ = write!(path, "L{0} {2}L{1} {2}", Px(x(left)), Px(x(left + histogram.width)), Px(y(*share)));
        }
        let _ = write!(path, "L{} {}Z", Px(RIGHT), Px(BOTTOM));
        push(&mut out, format_args!("<path class=\"area {class}\" d=\"{path}\" />"));
    }
    for (threshold, name) in thresholds.iter().filter(|(threshold, _)| (from..=to).contains(threshold)) {
        let at = Px(x(*threshold));
        push(
            &mut out,
            format_args!(
                "<line class=threshold x1={at} x2={at} y1={} y2={} /><text class=hint text-anchor=end \
                 transform=\"translate({} {}) rotate(-90)\">{name}</text>",
                Px(TOP),
                Px(BOTTOM),
                Px(x(*threshold) - 4.0),
                Px(TOP + 2.0)
            ),
        );
    }
    close(out)
}

fn open(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"{title}\"><title>{title}</title>")
}

fn close(mut out: String) -> String {
    out.push_str("</svg>");
    out
}

fn vertical(out: &mut String, at: f64, name: &str) {
    let (at, top, bottom, text) = (Px(at), Px(TOP), Px(BOTTOM), Px(BOTTOM + 19.0));
    push(
        out,
        format_args!(
            "<line class=grid x1={at} x2={at} y1={top} y2={bottom} /><text text-anchor=middle x={at} y={text}>{name}</text>"
        ),
    );
}

fn horizontal(out: &mut String, at: f64, name: &str) {
    let (left, right, text, base, at) = (Px(LEFT), Px(RIGHT), Px(LEFT - 7.0), Px(at + 4.5), Px(at));
    push(
        out,
        format_args!(
            "<line class=grid x1={left} x2={right} y1={at} y2={at} /><text text-anchor=end x={text} y={base}>{name}</text>"
        ),
    );
}

fn names(out: &mut String, x: &str, y: &str) {
    let (at, base) = (Px((LEFT + RIGHT) / 2.0), Px(HEIGHT - 12.0));
    push(out, format_args!("<text class=name text-anchor=middle x={at} y={base}>{x}</text>"));
    let middle = Px((TOP + BOTTOM) / 2.0);
    push(
        out,
        format_args!("<text class=name text-anchor=middle transform=\"translate(15 {middle}) rotate(-90)\">{y}</text>"),
    );
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn tick_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// How many decimals a round number such as 0.02 needs.
fn places(value: f64) -> usize {
    (-value.log10().floor()).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_lie_on_a_logarithmic_axis_down_to_one_error() {
        let axis = Axis { name: "", trials: 1_000, percent: true };
        for (rate, place) in [(1.0, 1.0), (0.1, 2.0 / 3.0), (1e-3, 0.0), (0.0, 0.0), (1e-9, 0.0)] {
            assert!((axis.place(rate) - place).abs() < 1e-12, "{rate}");
        }
        assert_eq!(
            [0, -1, -2, -3, -5].map(|exponent| axis.tick(exponent)),
            ["100 %", "10 %", "1 %", "0.1 %", "0.001 %"]
        );
        assert_eq!(Axis { percent: false, ..axis }.tick(-12), "10⁻¹²");
    }

    #[test]
    fn steps_between_ticks_are_round() {
        for (least, step) in [(0.13, 0.2), (0.2, 0.2), (0.21, 0.5), (0.7, 1.0), (3.0, 5.0)] {
            assert!((tick_step(least) - step).abs() < 1e-12, "{least}");
        }
    }
}
