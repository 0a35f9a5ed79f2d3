//! Faces of a film, followed from frame to frame: which box shows the face that another box showed before.
//!
//! The method is ByteTrack's (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV
//! 2022): a Kalman filter says where each face should be by now, then boxes are given to tracks at the least cost,
//! first the boxes with high scores to all tracks, then those with low scores to the tracks that still lack one, since
//! a face that is half hidden or blurred has a low score and is a face all the same. What differs:
//!
//! * Steps are times and not frames, so frames may be dropped, and a camera may have any rate.
//! * A face that moves by more than its size between two frames overlaps with none of its earlier boxes. So what is
//!   left of boxes with high scores is given to what is left of the tracks by distance, as observation-centric recovery
//!   does (Cao et al., "Observation-Centric SORT", CVPR 2023). Such a pair is [`Tracked::doubtful`].
//! * Whether a box is covered by others is part of the answer. Where people cross each other, overlap and motion alone
//!   may confuse two of them, and only what they look like can tell.
//!
//! Nothing here knows pictures or clocks: equal boxes at equal times give equal tracks.
//!
//! ```
//! use std::time::Duration;
//!
//! use facevault::geometry::Rect;
//! use facevault::tracking::{Observation, Tracker, TrackerOptions};
//!
//! let mut tracker = Tracker::new(TrackerOptions::default());
//! let mut numbers = Vec::new();
//! for frame in 0..10 {
//!     let bounds = Rect { x: 10.0 + 4.0 * frame as f32, y: 20.0, width: 60.0, height: 80.0 };
//!     let seen = tracker.update(Duration::from_millis(40 * frame), &[Observation { bounds, score: 0.9 }]);
//!     numbers.extend(seen.tracks.iter().map(|track| track.track));
//! }
//! // A track begins with the second box of it, and stays one.
//! assert_eq!(numbers, [1; 9]);
//! ```

mod assignment;
mod kalman;
mod tracker;

pub use tracker::{Observation, TrackUpdate, Tracked, Tracker, TrackerOptions};
