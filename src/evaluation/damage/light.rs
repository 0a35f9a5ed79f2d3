//! Noise, darkness and coloured light.

use std::f64::consts::TAU;

use image::RgbImage;

use crate::statistics::SplitMix64;

/// Normal noise with a standard deviation of so many grey levels.
pub(super) fn noise(picture: &RgbImage, deviation: f64, random: &mut SplitMix64) -> RgbImage {
    let mut normal = Normal { random, spare: None };
    each(picture, |_, level| level + deviation * normal.next())
}

/// What a camera makes of a third of the light: noise, and both brightened.
pub(super) fn night(picture: &RgbImage, random: &mut SplitMix64) -> RgbImage {
    let mut normal = Normal { random, spare: None };
    let dark = each(picture, |_, level| 0.35 * level + 14.0 * normal.next());
    each(&dark, |_, level| 2.5 * level)
}

/// Each colour times its factor.
pub(super) fn tint(picture: &RgbImage, factors: [f64; 3]) -> RgbImage {
    each(picture, |color, level| factors[color] * level)
}

/// Every level, 0 to 255, through `change`, which also gets the colour's place.
fn each(picture: &RgbImage, mut change: impl FnMut(usize, f64) -> f64) -> RgbImage {
    let mut changed = picture.clone();
    for pixel in changed.pixels_mut() {
        for (color, level) in pixel.0.iter_mut().enumerate() {
            *level = change(color, f64::from(*level)).round_ties_even().clamp(0.0, 255.0) as u8;
        }
    }
    changed
}

/// Normal numbers by Box and Muller's method (1958), two at a time.
struct Normal<'a> {
    random: &'a mut SplitMix64,
    spare: Option<f64>,
}

impl Normal<'_> {
    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 53 bits from 0 to 1; the first one is above 0.
        let mut uniform = |first: u64| ((self.random.next() >> 11) + first) as f64 / (1u64 << 53) as f64;
        let (radius, angle) = ((-2.0 * uniform(1).ln()).sqrt(), TAU * uniform(0));
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let grey = RgbImage::from_pixel(200, 200, Rgb([127; 3]));
        let noisy = noise(&grey, 10.0, &mut SplitMix64::new(7));
        let levels: Vec<f64> = noisy.as_raw().iter().map(|level| f64::from(*level)).collect();
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        let variance = levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / levels.len() as f64;
        assert!((mean - 127.0).abs() < 0.15 && (variance.sqrt() - 10.0).abs() < 0.1, "{mean} {variance}");
    }

    #[test]
    fn light_is_multiplied_and_cut_off_at_white() {
        let picture = RgbImage::from_pixel(2, 2, Rgb([200, 100, 50]));
        assert_eq!(tint(&picture, [1.0, 0.35, 0.2]).get_pixel(1, 1).0, [200, 35, 10]);
        assert_eq!(tint(&picture, [2.0, 0.0, 1.0]).get_pixel(1, 1).0, [255, 0, 50]);
    }
}
