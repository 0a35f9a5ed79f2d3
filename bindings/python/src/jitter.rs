//! Slightly moved, turned and mirrored views of a face, those that dlib makes for `num_jitters`.
//!
//! dlib draws them from a Mersenne Twister that starts at the same seed in every process, so the same calls in the same
//! order give the same views there and here.

use facevault_bindings::facevault::image::imageops::flip_horizontal_in_place;
use facevault_bindings::facevault::image::{Rgb, RgbImage};

const MOST_DEGREES: f64 = 3.0;
const SCALE: (f64, f64) = (0.97, 0.99999);
const MOVE: f64 = 0.02;
/// What is cut off at each side before a view is chosen.
const BORDER: i64 = 3;

/// A view of a square picture, as large as it.
pub(crate) fn view(picture: &RgbImage, random: &mut Random) -> RgbImage {
    let side = i64::from(picture.width());
    let inner = side - 2 * BORDER;
    // The compilers with which dlib's packages are built draw the second argument of a call first.
    let down = random.between(-MOVE, MOVE) * inner as f64;
    let right = random.between(-MOVE, MOVE) * inner as f64;
    let whole = |value: f64| (value + 0.5).floor() as i64;
    let scale = random.between(SCALE.0, SCALE.1);
    let width = (inner as f64 / scale) as i64;
    let middle = (BORDER + side - BORDER) / 2;
    let (left, top) = (middle + whole(right) - width / 2, middle + whole(down) - width / 2);
    let angle = random.between(-MOST_DEGREES, MOST_DEGREES).to_radians();
    let mut view = read(picture, left as f64, top as f64, (width - 1) as f64, angle);
    if random.unit() > 0.5 {
        flip_horizontal_in_place(&mut view);
    }
    view
}

/// The square from `(left, top)` to `span` pixels right and down of it, turned about its middle; black outside.
fn read(picture: &RgbImage, left: f64, top: f64, span: f64, angle: f64) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (sine, cosine) = angle.sin_cos();
    let middle = (left + span / 2.0, top + span / 2.0);
    let turned = |x: f64, y: f64| {
        let (x, y) = (x - middle.0, y - middle.1);
        (cosine * x - sine * y + middle.0, sine * x + cosine * y + middle.1)
    };
    let (start, right, down) = (turned(left, top), turned(left + span, top), turned(left, top + span));
    let last = f64::from(width - 1);
    let step = |end: (f64, f64)| ((end.0 - start.0) / last, (end.1 - start.1) / last);
    let (right, down) = (step(right), step(down));
    RgbImage::from_fn(width, height, |column, row| {
        let (column, row) = (f64::from(column), f64::from(row));
        let x = start.0 + column * right.0 + row * down.0;
        let y = start.1 + column * right.1 + row * down.1;
        let (x0, y0) = (x.floor(), y.floor());
        if x0 < 0.0 || y0 < 0.0 || x0 + 1.0 >= f64::from(width) || y0 + 1.0 >= f64::from(height) {
            return Rgb([0; 3]);
        }
        let (fx, fy) = (x - x0, y - y0);
        let at = |dx: u32, dy: u32| picture.get_pixel(x0 as u32 + dx, y0 as u32 + dy).0.map(f64::from);
        let corners = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
        Rgb(std::array::from_fn(|c| {
            let [a, b, c, d] = corners.map(|corner| corner[c]);
            ((1.0 - fy) * ((1.0 - fx) * a + fx * b) + fy * ((1.0 - fx) * c + fx * d)) as u8
        }))
    })
}

const STATE: usize = 624;
const SHIFT: usize = 397;

/// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), and dlib's numbers between 0 and 1 from it.
pub(crate) struct Random {
    state: [u32; STATE],
    next: usize,
}

impl Random {
    /// As dlib starts it: the usual seed, without the first 10,000 numbers.
    pub(crate) fn new() -> Self {
        let mut state = [5489_u32; STATE];
        for i in 1..STATE {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        let mut random = Self { state, next: STATE };
        for _ in 0..10_000 {
            random.number();
        }
        random
    }

    fn number(&mut self) -> u32 {
        if self.next == STATE {
            self.twist();
        }
        let mut number = self.state[self.next];
        self.next += 1;
        number ^= number >> 11;
        number ^= (number << 7) & 0x9d2c_5680;
        number ^= (number << 15) & 0xefc6_0000;
        number ^ (number >> 18)
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % STATE] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// From 0 to less than 1: 48 bits of two numbers.
    fn unit(&mut self) -> f64 {
        const BITS: f64 = 16_777_216.0;
        let mut half = || f64::from(self.number() & 0x00ff_ffff);
        let number = half() * BITS + half();
        (number / ((BITS - 1.0) * BITS + (BITS - 1.0) + 0.05)).min(1.0 - f64::EPSILON)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }
}
