//! How a camera is watched.

use std::time::Duration;

use crate::comparison::OperatingPoint;
use crate::error::{Error, Result, Rule};
use crate::geometry::Rect;
use crate::liveness::LivenessCheck;
use crate::setters::setters;
use crate::spec::EncodingMode;

/// How a camera is watched.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WatchOptions {
    /// How sure an answer must be. An [`OperatingPoint::Fpir`] is the share of **visits** of strangers that get a
    /// name, however often a visit's face is looked up: each look has a smaller rate ([`Self::looks`]). Another
    /// operating point holds for each look as it is.
    pub operating_point: OperatingPoint,
    /// Only members of any of these collections, by id or code; `None` for everybody.
    pub collections: Option<Vec<String>>,
    /// How faces are encoded; where `None`, as the vault notes, else as the engine does by itself.
    pub mode: Option<EncodingMode>,
    /// The most searches of the vault for one visit, 1 to 10: after the first shot, after three, after six and so on,
    /// and when the answer has to be final. With more searches an answer may be corrected more often, and each search
    /// uses a stricter threshold. 3 by default.
    pub looks: u32,
    /// How many of a visit's best shots are fused, 1 to 20. 5 by default.
    pub shots: usize,
    /// After this time since its first shot the answer of a visit is final. A face that has been in view for this long
    /// without one shot that can be used gets the answer "not recognisable", which a shot may still change. 2 seconds
    /// by default.
    pub decide_within: Duration,
    /// How long a face must be out of view until its visit is over. 2 seconds by default.
    pub leave_after: Duration,
    /// The least time between two frames that are looked at: frames in between are dropped. 25 milliseconds by default,
    /// so that every frame of a camera with 30 a second is looked at, and every second one of a camera with 60.
    pub interval: Duration,
    /// For this long after a person was recognised, other visits of the same person are not reported as recognised;
    /// only their end ([`Event::Left`](crate::Event::Left)) names the person. Zero by default.
    pub cool_down: Duration,
    /// The part of the upright picture in which the middle of a face must lie, in pixels; the whole one where `None`.
    pub region: Option<Rect>,
    /// The shorter side of the smallest face that is looked for, in pixels, 16 or more. Smaller ones take longer to
    /// look for: the time grows with the inverse of its square. 60 by default.
    pub min_face: f32,
    /// The most faces that are followed at once, 1 to 100. If there are more, those with the highest scores are
    /// followed. 16 by default.
    pub max_faces: usize,
    /// What is done about liveness (presentation attack detection); nothing by default. Where it is not off, each shot
    /// that is encoded is judged too, which takes some milliseconds more, and events have the mean score of all shots.
    /// Where it is required, nobody is recognised before [`Self::live_shots`] shots were judged and while their mean
    /// does not pass, and whoever still does not pass after [`Self::decide_within`] is unknown because of an
    /// [`Attack`](crate::UnknownReason::Attack), which further shots may correct: that answer is final when the visit
    /// is over.
    pub liveness: LivenessCheck,
    /// If liveness is required: how many shots must be judged before there is an answer, "recognised" or "attack", 1 to
    /// 20. 3 by default, because the score of a single shot means little.
    pub live_shots: u32,
}

impl Default for WatchOptions {
    /// Everybody, one visit of a stranger in a hundred taken for somebody's (FPIR 0.01).
    fn default() -> Self {
        Self {
            operating_point: OperatingPoint::fpir(0.01).expect("a rate between 0 and 1"),
            collections: None,
            mode: None,
            looks: 3,
            shots: 5,
            decide_within: Duration::from_secs(2),
            leave_after: Duration::from_secs(2),
            interval: Duration::from_millis(25),
            cool_down: Duration::ZERO,
            region: None,
            min_face: 60.0,
            max_faces: 16,
            liveness: LivenessCheck::default(),
            live_shots: 3,
        }
    }
}

setters!(WatchOptions {
    operating_point: with_operating_point(OperatingPoint),
    collections: with_collections(impl Into<Option<Vec<String>>>),
    mode: with_mode(impl Into<Option<EncodingMode>>),
    looks: with_looks(u32),
    shots: with_shots(usize),
    decide_within: with_decide_within(Duration),
    leave_after: with_leave_after(Duration),
    interval: with_interval(Duration),
    cool_down: with_cool_down(Duration),
    region: with_region(impl Into<Option<Rect>>),
    min_face: with_min_face(f32),
    max_faces: with_max_faces(usize),
    liveness: with_liveness(LivenessCheck),
    live_shots: with_live_shots(u32),
});

impl WatchOptions {
    /// Refuses what is out of range.
    pub(super) fn check(&self) -> Result<()> {
        let range = |field, value: f64, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(Error::invalid(field, Rule::Range { min, max })) }
        };
        range("looks", f64::from(self.looks), 1.0, 10.0)?;
        range("shots", self.shots as f64, 1.0, 20.0)?;
        range("live_shots", f64::from(self.live_shots), 1.0, 20.0)?;
        self.liveness.validate()?;
        range("max_faces", self.max_faces as f64, 1.0, 100.0)?;
        range("leave_after", self.leave_after.as_secs_f64(), 0.0, 3_600.0)?;
        range("min_face", f64::from(self.min_face), 16.0, f64::from(u16::MAX))?;
        if let Some(Rect { x, y, width, height }) = self.region {
            let finite = [x, y, width, height].iter().all(|side| side.is_finite());
            if !finite || width <= 0.0 || height <= 0.0 {
                let rule = "must have finite sides, and a width and a height above 0".into();
                return Err(Error::invalid("region", Rule::Other(rule)));
            }
        }
        Ok(())
    }

    /// The operating point of one look.
    ///
    /// A visit of a stranger gets a name if any of its looks finds somebody. If looks were independent, n of them with
    /// the rate `1 - (1 - FPIR)^(1/n)` would do so at the rate FPIR (Šidák, "Rectangular confidence regions for the
    /// means of multivariate normal distributions", JASA 62, 1967). They share shots, so names are rarer than that,
    /// never more frequent.
    pub(super) fn of_one_look(&self) -> Result<OperatingPoint> {
        match self.operating_point {
            OperatingPoint::Fpir(fpir) => {
                OperatingPoint::fpir(-((-fpir.get()).ln_1p() / f64::from(self.looks)).exp_m1())
            }
            other => Ok(other),
        }
    }

    /// How many shots a visit must have for its next search, after `looks` searches.
    pub(super) fn shots_for_look(looks: u32) -> u32 {
        if looks == 0 { 1 } else { 3 * looks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_looks_together_have_the_rate_of_a_visit() {
        for (rate, looks) in [(0.01, 3), (0.01, 1), (1e-4, 10), (0.3, 5)] {
            let options = WatchOptions::default()
                .with_operating_point(OperatingPoint::fpir(rate).expect("a rate"))
                .with_looks(looks);
            let OperatingPoint::Fpir(of_one) = options.of_one_look().expect("a rate") else { panic!("an FPIR") };
            let together = 1.0 - (1.0 - of_one.get()).powi(looks as i32);
            assert!((together / rate - 1.0).abs() < 1e-9, "{rate} {looks}: {together}");
        }
        let similarity = OperatingPoint::similarity(0.4).expect("finite");
        assert_eq!(
            WatchOptions::default().with_operating_point(similarity).of_one_look().expect("as it is"),
            similarity
        );
    }

    #[test]
    fn what_is_out_of_range_names_its_field() {
        let usual = WatchOptions::default;
        let empty = Rect { x: 0.0, y: 0.0, width: 0.0, height: 9.0 };
        for (field, options) in [
            ("looks", usual().with_looks(0)),
            ("looks", usual().with_looks(11)),
            ("shots", usual().with_shots(0)),
            ("max_faces", usual().with_max_faces(0)),
            ("live_shots", usual().with_live_shots(0)),
            ("min_score", usual().with_liveness(LivenessCheck::require(1.5))),
            ("min_face", usual().with_min_face(f32::NAN)),
            ("min_face", usual().with_min_face(8.0)),
            ("region", usual().with_region(empty)),
            ("region", usual().with_region(Rect { width: f32::INFINITY, ..empty })),
        ] {
            assert_eq!(options.check().expect_err(field).violations()[0].field, field);
        }
        usual().check().expect("the usual options");
    }
}
