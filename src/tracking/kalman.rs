//! Where a face is and how it moves: a Kalman filter of constant velocity.
//!
//! State and noise are those of ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every
//! Detection Box", ECCV 2022), which took them from DeepSORT (Wojke, Bewley and Paulus, ICIP 2017): middle, aspect
//! ratio and height of a box, each with its velocity, and standard deviations in parts of the height. There, a step is
//! a frame; here it is a time, so frames may be dropped: noise of one step is that of a thirtieth of a second, and its
//! variance grows with time. No two of the four values share any noise, so the filter of eight numbers is four filters
//! of two.

use crate::geometry::{Point, Rect};

/// Steps a second at which the deviations below are meant.
const STEPS: f64 = 30.0;
/// The standard deviation of a place, and of a place's velocity a step, in heights of the box.
const PLACE: f64 = 1.0 / 20.0;
const VELOCITY: f64 = 1.0 / 160.0;
/// The same for the aspect ratio, and for the measurement of it.
const ASPECT: f64 = 1e-2;
const ASPECT_VELOCITY: f64 = 1e-5;
const MEASURED_ASPECT: f64 = 1e-1;
/// How many times these deviations the first measurement has.
const FIRST_PLACE: f64 = 2.0;
const FIRST_VELOCITY: f64 = 10.0;
/// No box is smaller than this, in pixels: a height that is predicted must stay a height.
const LEAST: f64 = 1.0;

/// A value and its velocity a second, with their covariance.
#[derive(Debug, Clone, Copy)]
struct Moving {
    value: f64,
    velocity: f64,
    /// Variance of the value, covariance, variance of the velocity.
    covariance: [f64; 3],
}

impl Moving {
    fn new(value: f64, deviation: f64, of_velocity: f64) -> Self {
        Self { value, velocity: 0.0, covariance: [deviation.powi(2), 0.0, of_velocity.powi(2)] }
    }

    /// After `seconds`; the deviations are those of one step.
    fn predict(&mut self, seconds: f64, deviation: f64, of_velocity: f64) {
        let [value, both, velocity] = self.covariance;
        let steps = seconds * STEPS;
        self.value += self.velocity * seconds;
        self.covariance = [
            value + 2.0 * seconds * both + seconds * seconds * velocity + deviation.powi(2) * steps,
            both + seconds * velocity,
            velocity + of_velocity.powi(2) * steps,
        ];
    }

    fn correct(&mut self, measured: f64, deviation: f64) {
        let [value, both, velocity] = self.covariance;
        let total = value + deviation.powi(2);
        let (gain, of_velocity) = (value / total, both / total);
        let missed = measured - self.value;
        self.value += gain * missed;
        self.velocity += of_velocity * missed;
        self.covariance = [value * (1.0 - gain), both * (1.0 - gain), velocity - of_velocity * both];
    }
}

/// The motion of one box.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    x: Moving,
    y: Moving,
    aspect: Moving,
    height: Moving,
}

impl Motion {
    /// Of a box that is seen for the first time.
    pub(super) fn new(bounds: Rect) -> Self {
        let (middle, aspect, height) = parts(bounds);
        let (place, velocity) = (FIRST_PLACE * PLACE * height, FIRST_VELOCITY * VELOCITY * STEPS * height);
        Self {
            x: Moving::new(f64::from(middle.x), place, velocity),
            y: Moving::new(f64::from(middle.y), place, velocity),
            aspect: Moving::new(aspect, ASPECT, ASPECT_VELOCITY * STEPS),
            height: Moving::new(height, place, velocity),
        }
    }

    /// Moves the box on by `seconds`. One that is not seen keeps its size, as in ByteTrack.
    pub(super) fn predict(&mut self, seconds: f64, seen: bool) {
        if !seen {
            self.height.velocity = 0.0;
        }
        let height = self.height.value.max(LEAST);
        let (place, velocity) = (PLACE * height, VELOCITY * STEPS * height);
        self.x.predict(seconds, place, velocity);
        self.y.predict(seconds, place, velocity);
        self.aspect.predict(seconds, ASPECT, ASPECT_VELOCITY * STEPS);
        self.height.predict(seconds, place, velocity);
    }

    /// Takes a box that is seen now into account.
    pub(super) fn correct(&mut self, bounds: Rect) {
        let (middle, aspect, height) = parts(bounds);
        let place = PLACE * self.height.value.max(LEAST);
        self.x.correct(f64::from(middle.x), place);
        self.y.correct(f64::from(middle.y), place);
        self.aspect.correct(aspect, MEASURED_ASPECT);
        self.height.correct(height, place);
    }

    /// The box.
    pub(super) fn bounds(&self) -> Rect {
        let height = self.height.value.max(LEAST);
        let width = (self.aspect.value * height).max(LEAST);
        Rect {
            x: (self.x.value - width / 2.0) as f32,
            y: (self.y.value - height / 2.0) as f32,
            width: width as f32,
            height: height as f32,
        }
    }
}

/// Middle, width over height, and height.
fn parts(bounds: Rect) -> (Point, f64, f64) {
    let height = f64::from(bounds.height).max(LEAST);
    (bounds.center(), f64::from(bounds.width).max(LEAST) / height, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> Rect {
        Rect { x, y: 40.0, width: 80.0, height: 100.0 }
    }

    #[test]
    fn a_box_is_where_it_was_seen_first() {
        let bounds = Motion::new(at(10.0)).bounds();
        assert!(bounds.iou(&at(10.0)) > 0.999, "{bounds:?}");
    }

    #[test]
    fn a_steady_motion_is_continued_whatever_the_pace() {
        for step in [1.0 / 30.0, 1.0 / 10.0, 0.25] {
            let mut motion = Motion::new(at(0.0));
            let place = |seconds: f64| at(120.0 * seconds as f32);
            let mut time = 0.0;
            while time < 2.0 {
                time += step;
                motion.predict(step, true);
                motion.correct(place(time));
            }
            motion.predict(1.0, false);
            let bounds = motion.bounds();
            let away = bounds.center().distance(place(time + 1.0).center());
            assert!(away < 6.0, "{step}: {away} pixels away");
            assert!((bounds.height - 100.0).abs() < 2.0, "{step}: {bounds:?}");
        }
    }

    #[test]
    fn the_four_filters_agree_with_one_of_eight_numbers() {
        // The filter of position and velocity, written with matrices as in the papers.
        let (dt, q, qv, r) = (0.1, 5.0 * 3f64.sqrt(), 18.75 * 3f64.sqrt(), 5.0);
        let mut x = [40.0, 0.0];
        let mut p = [[100.0, 0.0], [0.0, 187.5f64.powi(2)]];
        let mut filter = Moving::new(40.0, 10.0, 187.5);
        for measured in [52.0, 60.0, 75.0, 81.0, 99.0] {
            let f = [[1.0, dt], [0.0, 1.0]];
            x = [x[0] + dt * x[1], x[1]];
            let mut next = [[0.0; 2]; 2];
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                for (k, l) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    next[i][j] += f[i][k] * p[k][l] * f[j][l];
                }
            }
            (next[0][0], next[1][1]) = (next[0][0] + q * q, next[1][1] + qv * qv);
            let total = next[0][0] + r * r;
            let gain = [next[0][0] / total, next[1][0] / total];
            let missed = measured - x[0];
            x = [x[0] + gain[0] * missed, x[1] + gain[1] * missed];
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                p[i][j] = next[i][j] - gain[i] * next[0][j];
            }
            filter.predict(dt, 5.0, 18.75);
            filter.correct(measured, r);
            assert!((filter.value - x[0]).abs() < 1e-9 && (filter.velocity - x[1]).abs() < 1e-9);
            for (found, expected) in filter.covariance.into_iter().zip([p[0][0], p[0][1], p[1][1]]) {
                assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
            }
        }
    }
}
