//! Makes films of photos: people who walk in, come nearer, turn away, cross each other, are hidden for a while, leave
//! and come back, in light that changes, with noise and blur.

use std::time::Duration;

use facevault::vision::{DecodeLimits, decode};
use image::RgbImage;

/// The size of the films' pictures.
pub(crate) const SIZE: (u32, u32) = (640, 480);
/// Frames a second.
pub(crate) const RATE: u32 = 15;

/// In photos of LFW (250 x 250), the middle of the head, half its width and height, and the width of the face.
const MIDDLE: (f32, f32) = (125.0, 125.0);
const HALF: (f32, f32) = (76.0, 102.0);
const FACE: f32 = 92.0;
/// The edge of a head fades into what is behind it, in parts of its half width.
const FADE: f32 = 0.12;
const HAIR: [f32; 3] = [62.0, 46.0, 38.0];

/// Whether a face in a photo of LFW with this middle is seen in a film of the head: a film of a photo with somebody else
/// beside it shows two people.
pub(crate) fn is_seen(x: f32, y: f32) -> bool {
    let (u, v) = ((x - MIDDLE.0) / HALF.0, (y - MIDDLE.1) / HALF.1);
    u.hypot(v) < 1.3
}

/// A photo of a head.
pub(crate) struct Head(RgbImage);

impl Head {
    /// The head of a photo of LFW, of the file's bytes.
    pub(crate) fn decode(photo: &[u8]) -> Self {
        Self(decode(photo, &DecodeLimits::default()).expect("a picture"))
    }

    /// The colour at a point, between pixels.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let (right, bottom) = (self.0.width() - 1, self.0.height() - 1);
        let (x, y) = (x.clamp(0.0, right as f32 - 0.01), y.clamp(0.0, bottom as f32 - 0.01));
        let (left, top, dx, dy) = (x as u32, y as u32, x.fract(), y.fract());
        let pixel = |x: u32, y: u32| self.0.get_pixel(x, y).0.map(f32::from);
        let (a, b) = (pixel(left, top), pixel(left + 1, top));
        let (c, d) = (pixel(left, top + 1), pixel(left + 1, top + 1));
        std::array::from_fn(|i| (a[i] * (1.0 - dx) + b[i] * dx) * (1.0 - dy) + (c[i] * (1.0 - dx) + d[i] * dx) * dy)
    }
}

/// Where a head is in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    /// Which head.
    pub(crate) head: usize,
    /// The middle of the face.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// The width of the face in pixels.
    pub(crate) size: f32,
    /// How far the head is turned away: 0 not at all, 1 to the other side.
    pub(crate) turned: f32,
}

/// The light of a frame, and what the camera makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Light {
    /// How many times as bright as the photos.
    pub(crate) gain: f32,
    /// The standard deviation of the noise in grey levels.
    pub(crate) noise: f32,
    /// How far each pixel is smeared to either side.
    pub(crate) blur: u32,
}

pub(crate) const DAY: Light = Light { gain: 1.0, noise: 2.0, blur: 0 };

/// The time of a frame.
pub(crate) fn time(frame: u32) -> Duration {
    Duration::from_secs(1) * frame / RATE
}

/// A frame: heads, the last one in front, and before all of them pillars, each from a left to a right side.
pub(crate) fn frame(heads: &[Head], poses: &[Pose], light: Light, pillars: &[(f32, f32)], seed: u32) -> RgbImage {
    frame_of(SIZE, heads, poses, light, pillars, seed)
}

/// The same, of another size.
pub(crate) fn frame_of(
    size: (u32, u32),
    heads: &[Head],
    poses: &[Pose],
    light: Light,
    pillars: &[(f32, f32)],
    seed: u32,
) -> RgbImage {
    let (width, height) = size;
    // A wall with a darker lower part and some lines, so that there is something to be seen behind people.
    let mut colors: Vec<[f32; 3]> = Vec::with_capacity((width * height) as usize);
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let wall = 150.0 - 40.0 * (y as f32 / height as f32) + if x % 80 < 2 || y % 60 < 2 { -25.0 } else { 0.0 };
        colors.push([wall, wall * 0.97, wall * 0.9]);
    }
    for pose in poses {
        draw(&mut colors, size, &heads[pose.head], pose);
    }
    for (left, right) in pillars {
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            if (*left..*right).contains(&(x as f32)) {
                colors[(y * width + x) as usize] = [96.0, 92.0, 88.0];
            }
        }
    }
    for _ in 0..light.blur {
        colors = smeared(&colors, width as usize, height as usize);
    }
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(colors.len() * 3);
    for color in colors {
        for value in color {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The sum of four uniform numbers has nearly a normal distribution, with a deviation of 0.577.
            let parts = [48, 36, 24, 12].map(|shift| ((state >> shift) & 0xfff) as f32 / 4096.0);
            let noise = (parts.iter().sum::<f32>() - 2.0) / 0.577;
            bytes.push((value * light.gain + noise * light.noise).round().clamp(0.0, 255.0) as u8);
        }
    }
    RgbImage::from_raw(width, height, bytes).expect("as many bytes as pixels")
}

fn draw(colors: &mut [[f32; 3]], size: (u32, u32), head: &Head, pose: &Pose) {
    let (width, height) = (size.0 as f32, size.1 as f32);
    let scale = pose.size / FACE;
    let narrow = (pose.turned * std::f32::consts::FRAC_PI_2).cos().max(0.55);
    let away = ((pose.turned - 0.3) / 0.3).clamp(0.0, 1.0);
    let (across, down) = (HALF.0 * scale * narrow, HALF.1 * scale);
    let range = |middle: f32, half: f32, whole: f32| {
        ((middle - half).clamp(0.0, whole) as u32)..((middle + half).clamp(0.0, whole) as u32)
    };
    for y in range(pose.y, down, height) {
        for x in range(pose.x, across, width) {
            let (u, v) = ((x as f32 - pose.x) / across, (y as f32 - pose.y) / down);
            let edge = (1.0 - (u * u + v * v).sqrt()) / FADE;
            if edge <= 0.0 {
                continue;
            }
            let seen = head.at(MIDDLE.0 + u * HALF.0, MIDDLE.1 + v * HALF.1);
            let color = &mut colors[y as usize * size.0 as usize + x as usize];
            for i in 0..3 {
                let value = seen[i] * (1.0 - away) + HAIR[i] * away;
                color[i] += (value - color[i]) * edge.min(1.0);
            }
        }
    }
}

/// Each pixel as the mean of itself and its neighbours across and down.
fn smeared(colors: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let mut out = Vec::with_capacity(colors.len());
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let at = |x: usize, y: usize| colors[y * width + x];
        let near = [
            at(x, y),
            at(x.saturating_sub(1), y),
            at((x + 1).min(width - 1), y),
            at(x, y.saturating_sub(1)),
            at(x, (y + 1).min(height - 1)),
        ];
        out.push(std::array::from_fn(|i| near.iter().map(|color| color[i]).sum::<f32>() / 5.0));
    }
    out
}

/// What people do before the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Walks in from the side, stands, walks out.
    Pass,
    /// Comes nearer.
    Approach,
    /// Turns away for a second.
    Turn,
    /// Is behind a pillar for a second.
    Hide,
    /// Stands in light that goes down and comes back.
    Dim,
    /// Is seen by a poor camera.
    Poor,
}

pub(crate) const ACTS: [Act; 6] = [Act::Pass, Act::Approach, Act::Turn, Act::Hide, Act::Dim, Act::Poor];

impl Act {
    /// How many frames it takes.
    pub(crate) const FRAMES: u32 = 4 * RATE;

    /// Where the head is in a frame, of a person in this half of the picture; `None` when it is not there.
    pub(crate) fn pose(self, head: usize, frame: u32, is_right: bool) -> Option<Pose> {
        let seconds = frame as f32 / RATE as f32;
        let from_side = |x: f32| if is_right { SIZE.0 as f32 - x } else { x };
        let sway = 4.0 * (2.0 * seconds).sin();
        let stands = Pose { head, x: from_side(170.0) + sway, y: 230.0, size: 112.0, turned: 0.0 };
        let walk = |seconds: f32| -110.0 + 280.0 * seconds.clamp(0.0, 1.0);
        let pose = match self {
            Self::Pass => Pose { x: from_side(walk(seconds.min(4.0 - seconds))) + sway, ..stands },
            Self::Approach => Pose { size: 45.0 + 85.0 * (seconds / 3.0).min(1.0), ..stands },
            Self::Turn => Pose { turned: turn(seconds), ..stands },
            Self::Hide => Pose { x: from_side(90.0 + 150.0 * hide(seconds)), ..stands },
            Self::Dim | Self::Poor => stands,
        };
        (pose.x > -100.0 && pose.x < SIZE.0 as f32 + 100.0).then_some(pose)
    }

    /// The light of a frame.
    pub(crate) fn light(self, frame: u32) -> Light {
        let seconds = frame as f32 / RATE as f32;
        match self {
            Self::Dim => Light { gain: 1.0 - 0.6 * (seconds * 1.5).sin().abs(), noise: 4.0, ..DAY },
            Self::Poor => Light { gain: 0.85, noise: 7.0, blur: 1 },
            _ => DAY,
        }
    }

    /// The pillar in this half of the picture, where there is one.
    pub(crate) fn pillar(self, is_right: bool) -> Option<(f32, f32)> {
        let (left, right) = (180.0, 310.0);
        let sides = if is_right { (SIZE.0 as f32 - right, SIZE.0 as f32 - left) } else { (left, right) };
        (self == Self::Hide).then_some(sides)
    }
}

/// Turned from 1.2 to 2.4 seconds.
fn turn(seconds: f32) -> f32 {
    ((seconds - 1.0) / 0.3).clamp(0.0, 1.0) - ((seconds - 2.3) / 0.3).clamp(0.0, 1.0)
}

/// Behind the pillar for about a second from 1.3 seconds on.
fn hide(seconds: f32) -> f32 {
    ((seconds - 1.0) / 0.5).clamp(0.0, 1.0) - ((seconds - 2.3) / 0.5).clamp(0.0, 1.0)
}
