//! Why a photo gives no face encoding.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a photo gave no face encoding (failure to enroll).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Refusal {
    /// The reason, as programs read it.
    pub code: RefusalCode,
    /// What was measured, in the unit that the message names.
    pub measured: Option<f64>,
    /// The limit that the measured value misses.
    pub limit: Option<f64>,
    /// What was found and what to do about it.
    pub message: String,
}

impl Refusal {
    /// A refusal without a number.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, measured: None, limit: None, message: message.into() }
    }

    /// A refusal because `measured` misses `limit`.
    pub fn measured(code: RefusalCode, measured: f64, limit: f64, message: impl Into<String>) -> Self {
        Self { code, measured: Some(measured), limit: Some(limit), message: message.into() }
    }
}

/// The reasons for which a photo is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalCode {
    /// Not a picture in a known format, cut short, or damaged.
    UndecodableImage,
    /// More bytes, pixels or pixels a side than are taken.
    ImageTooLarge,
    /// No face.
    NoFaceDetected,
    /// Several faces, none of which dominates.
    MultipleFacesDetected,
    /// The face has too few pixels.
    FaceTooSmall,
    /// The face leaves the picture.
    FaceCloseToBorder,
    /// The face leaves the picture, because it is far from the middle.
    FaceNotCentered,
    /// The face leaves the picture, because it is as large as the picture.
    FaceTooClose,
    /// The head is turned too far.
    FaceRotationTooLarge,
    /// Too dark, too bright or too flat.
    PoorLighting,
    /// Not sharp.
    Blurred,
    /// Eyes or mouth are covered.
    FaceOccluded,
    /// Its vector does not say whose face it is.
    NotRecognizable,
    /// A quality network's score is too low.
    LowQuality,
    /// It seems to show another person than the photos that came with it.
    DifferentPerson,
    /// A liveness network takes it for a picture of a picture.
    LivenessFailed,
    /// There is no photo: the encoding was given without one.
    NoPhoto,
}

impl RefusalCode {
    /// The code in `snake_case`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UndecodableImage => "undecodable_image",
            Self::ImageTooLarge => "image_too_large",
            Self::NoFaceDetected => "no_face_detected",
            Self::MultipleFacesDetected => "multiple_faces_detected",
            Self::FaceTooSmall => "face_too_small",
            Self::FaceCloseToBorder => "face_close_to_border",
            Self::FaceNotCentered => "face_not_centered",
            Self::FaceTooClose => "face_too_close",
            Self::FaceRotationTooLarge => "face_rotation_too_large",
            Self::PoorLighting => "poor_lighting",
            Self::Blurred => "blurred",
            Self::FaceOccluded => "face_occluded",
            Self::NotRecognizable => "not_recognizable",
            Self::LowQuality => "low_quality",
            Self::DifferentPerson => "different_person",
            Self::LivenessFailed => "liveness_failed",
            Self::NoPhoto => "no_photo",
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one photo of a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImageReport {
    /// The photo's place in the request, from 0.
    pub index: usize,
    /// Why it was refused; `None` if it gave an encoding.
    pub refusal: Option<Refusal>,
}

impl ImageReport {
    /// The outcome of the photo at this place of a request.
    #[must_use]
    pub fn new(index: usize, refusal: Option<Refusal>) -> Self {
        Self { index, refusal }
    }
}
