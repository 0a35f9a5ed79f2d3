//! A picture on a detector's canvas: reduced where it is large, in the upper left, black to the
//! right and below.
//!
//! A picture is enlarged in one case only: the detectors miss faces that fill a very small picture
//! (of 400 portraits of 92 x 112 pixels YuNet finds 82 as they are and 399 at twice the size), so
//! a small picture without a face is looked at a second time.

use fast_image_resize::Resizer;
use image::RgbImage;

use crate::error::Result;
use crate::spec::{DetectorSpec, Normalization};
use crate::vision::Face;
use crate::vision::buffer_pool::Idle;
use crate::vision::part::{self, Part};
use crate::vision::resize::resize;
use crate::vision::tensor::{Size, fill_planes};

/// Both sides of a detector's canvas are multiples of this: the coarsest stride of the detectors.
pub const GRID: usize = 32;

/// Puts pictures on canvases.
pub(super) struct Letterbox {
    normalization: Normalization,
    long_side: usize,
    fixed: Option<usize>,
    idle: Idle<Buffers>,
}

#[derive(Default)]
struct Buffers {
    resizer: Resizer,
    resized: Vec<u8>,
    planes: Vec<f32>,
}

/// Where a picture, or a part of it, lies on its canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// The canvas.
    pub(super) canvas: Size,
    /// The part of it that shows the picture, from the upper left.
    content: Size,
    /// The part of the picture that is shown: left, top, width, height.
    part: Part,
    /// Pixels of the picture for one of the canvas, to the right and downwards.
    scale: (f32, f32),
}

impl Placement {
    /// The picture as it is, or reduced to `limit` pixels on its longer side.
    pub(super) fn reduced(picture: Size, limit: usize, fixed: Option<usize>) -> Self {
        let longest = picture.width.max(picture.height);
        let reduce = |side: usize| {
            if longest <= limit { side } else { (2 * side * limit + longest).div_euclid(2 * longest).max(1) }
        };
        Self::of(picture, Size::new(reduce(picture.width), reduce(picture.height)), fixed)
    }

    /// A part of a picture (left, top, width, height), its pixels as they are or reduced by `scale`,
    /// at most 1.
    pub(super) fn part(part: Part, scale: f32) -> Self {
        let reduce = |side: u32| ((side as f32 * scale).round() as usize).max(1);
        let shown = Size::new(part[2] as usize, part[3] as usize);
        Self { part, ..Self::of(shown, Size::new(reduce(part[2]), reduce(part[3])), None) }
    }

    /// The picture at twice its size, where it then still fits `limit`.
    fn doubled(picture: Size, limit: usize, fixed: Option<usize>) -> Option<Self> {
        let content = Size::new(2 * picture.width, 2 * picture.height);
        (content.width.max(content.height) <= limit).then(|| Self::of(picture, content, fixed))
    }

    fn of(picture: Size, content: Size, fixed: Option<usize>) -> Self {
        let side = |side: usize| fixed.unwrap_or_else(|| side.next_multiple_of(GRID));
        let scale = |from: usize, to: usize| from as f32 / to as f32;
        Self {
            canvas: Size::new(side(content.width), side(content.height)),
            content,
            part: [0, 0, picture.width as u32, picture.height as u32],
            scale: (scale(picture.width, content.width), scale(picture.height, content.height)),
        }
    }

    /// The length on the canvas of a length in the picture.
    pub(super) fn on_canvas(self, length: f32) -> f32 {
        length / self.scale.0.max(self.scale.1)
    }

    /// A face on the canvas as a face of the picture.
    pub(super) fn to_picture(self, face: Face) -> Face {
        part::to_picture(face, self.part, self.scale)
    }
}

impl Letterbox {
    pub(super) fn new(spec: &DetectorSpec) -> Self {
        Self {
            normalization: spec.normalization.clone(),
            long_side: spec.long_side as usize,
            fixed: spec.fixed_size.map(|side| side as usize),
            idle: Idle::default(),
        }
    }

    /// The faces that `find` sees on the picture's canvas, as faces of the picture.
    pub(super) fn detect(
        &self,
        picture: &RgbImage,
        find: impl Fn(&[f32], Size) -> Result<Vec<Face>>,
    ) -> Result<Vec<Face>> {
        let size = Size::new(picture.width() as usize, picture.height() as usize);
        let limit = self.limit();
        let faces = self.look(picture, Placement::reduced(size, limit, self.fixed), &find)?;
        match Placement::doubled(size, limit, self.fixed) {
            Some(doubled) if faces.is_empty() => self.look(picture, doubled, &find),
            _ => Ok(faces),
        }
    }

    /// The faces that `find` sees at one look: at the picture as it is, or reduced to the size that a fixed-size
    /// network takes.
    pub(super) fn glance(
        &self,
        picture: &RgbImage,
        find: impl Fn(&[f32], Size) -> Result<Vec<Face>>,
    ) -> Result<Vec<Face>> {
        let size = Size::new(picture.width() as usize, picture.height() as usize);
        self.look(picture, Placement::reduced(size, self.fixed.unwrap_or(usize::MAX / 4), self.fixed), find)
    }

    /// The faces that `find` sees on one canvas, as faces of the picture.
    pub(super) fn look(
        &self,
        picture: &RgbImage,
        placement: Placement,
        find: impl Fn(&[f32], Size) -> Result<Vec<Face>>,
    ) -> Result<Vec<Face>> {
        if picture.is_empty() {
            return Ok(Vec::new());
        }
        let faces = self.idle.lend(|buffers| {
            self.fill(picture, placement, buffers)?;
            find(&buffers.planes, placement.canvas)
        })?;
        Ok(faces.into_iter().map(|face| placement.to_picture(face)).collect())
    }

    /// The longer side that a picture has on its canvas at most.
    pub(super) fn limit(&self) -> usize {
        self.fixed.map_or(self.long_side, |side| side.min(self.long_side)).max(1)
    }

    /// Whether the network takes one size only.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    fn fill(&self, picture: &RgbImage, placement: Placement, buffers: &mut Buffers) -> Result<()> {
        let (canvas, content) = (placement.canvas, placement.content);
        let Buffers { resizer, resized, planes } = buffers;
        let as_it_is = placement.part == [0, 0, content.width as u32, content.height as u32];
        let pixels = if as_it_is && picture.dimensions() == (placement.part[2], placement.part[3]) {
            picture.as_raw()
        } else {
            resized.resize(3 * content.area(), 0);
            let size = (content.width as u32, content.height as u32);
            resize(resizer, picture, Some(placement.part), resized, size)?;
            &*resized
        };
        planes.resize(3 * canvas.area(), 0.0);
        fill_planes(pixels, content, &self.normalization, planes, canvas);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};
    use crate::spec::ColorOrder;

    use super::*;

    #[test]
    fn pictures_are_reduced_and_padded_to_the_grid() {
        for ((width, height), long_side, fixed, content, canvas) in [
            ((250, 250), 640, None, (250, 250), (256, 256)),
            ((640, 480), 640, None, (640, 480), (640, 480)),
            ((641, 480), 640, None, (640, 479), (640, 480)),
            ((4000, 3000), 640, None, (640, 480), (640, 480)),
            ((3000, 4000), 320, None, (240, 320), (256, 320)),
            ((1, 1), 640, None, (1, 1), (32, 32)),
            ((12000, 1), 640, None, (640, 1), (640, 32)),
            ((250, 200), 1024, Some(640), (250, 200), (640, 640)),
            ((1280, 960), 1024, Some(640), (640, 480), (640, 640)),
            ((1280, 960), 320, Some(640), (320, 240), (640, 640)),
        ] {
            let limit = fixed.unwrap_or(long_side).min(long_side);
            let placement = Placement::reduced(Size::new(width, height), limit, fixed);
            assert_eq!(placement.content, Size::new(content.0, content.1), "{width} x {height}");
            assert_eq!(placement.canvas, Size::new(canvas.0, canvas.1), "{width} x {height}");
        }
    }

    #[test]
    fn faces_come_back_to_where_they_are() {
        let placement = Placement::reduced(Size::new(1280, 960), 640, None);
        let points = [Point::new(0.0, 0.0); 5];
        let face = Face {
            bounds: Rect { x: -0.5, y: 9.5, width: 20.0, height: 30.0 },
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
            score: 0.9,
        };
        let moved = placement.to_picture(face);
        assert_eq!(moved.bounds, Rect { x: -0.5, y: 19.5, width: 40.0, height: 60.0 });
        // The first canvas pixel shows the picture's pixels 0 and 1.
        assert_eq!(moved.landmarks.points[0], Point::new(0.5, 0.5));
        let same = Placement::reduced(Size::new(600, 300), 640, None).to_picture(face);
        assert_eq!(same, face);
    }

    #[test]
    fn the_canvas_shows_the_picture_and_buffers_are_used_again() {
        let spec = DetectorSpec {
            kind: crate::spec::DetectorKind::Yunet,
            normalization: Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] },
            fixed_size: None,
            outputs: vec![],
            score_threshold: 0.5,
            nms_threshold: 0.5,
            long_side: 64,
            min_face: 10.0,
        };
        let letterbox = Letterbox::new(&spec);
        let looks = std::cell::RefCell::new(Vec::new());
        for (side, value) in [(256, 200), (40, 90), (20, 60)] {
            let picture = RgbImage::from_pixel(side, side / 2, image::Rgb([value; 3]));
            let look = |input: &[f32], canvas: Size| {
                assert_eq!(input.len(), 3 * canvas.area());
                looks.borrow_mut().push((canvas, input[0], input.iter().sum::<f32>() / 3.0 / f32::from(value)));
                Ok(Vec::new())
            };
            assert_eq!(letterbox.detect(&picture, look).expect("a canvas"), []);
        }
        // The canvas, its first value, and how many of its pixels the picture covers.
        let canvas = Size::new;
        assert_eq!(
            looks.into_inner(),
            [
                (canvas(64, 32), 200.0, 64.0 * 32.0),
                (canvas(64, 32), 90.0, 40.0 * 20.0),
                (canvas(32, 32), 60.0, 20.0 * 10.0),
                // Twice its size still fits.
                (canvas(64, 32), 60.0, 40.0 * 20.0),
            ]
        );
    }
}
