//! A detector that drops faces below a minimum score.

use std::sync::Arc;

use image::RgbImage;

use crate::error::Result;
use crate::geometry::Rect;

use super::{Detector, Face, Scope};

/// A detector, and the least score of a face that is taken.
pub(crate) struct Sieve {
    detector: Arc<dyn Detector>,
    min_score: f32,
}

impl Sieve {
    pub(crate) fn new(detector: Arc<dyn Detector>, min_score: f32) -> Self {
        Self { detector, min_score }
    }

    fn good(&self, face: &Face) -> bool {
        face.score >= self.min_score
    }
}

impl Detector for Sieve {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        let mut faces = self.detector.detect(picture)?;
        faces.retain(|face| self.good(face));
        Ok(faces)
    }

    fn glance(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        let mut faces = self.detector.glance(picture)?;
        faces.retain(|face| self.good(face));
        Ok(faces)
    }

    fn detect_at(&self, picture: &RgbImage, bounds: Rect) -> Result<Option<Face>> {
        Ok(self.detector.detect_at(picture, bounds)?.filter(|face| self.good(face)))
    }

    fn scope(&self) -> Option<Scope> {
        self.detector.scope()
    }
}
