//! Whether a face is live: networks that look at a face and what is around it.

mod crop;
mod resample;

use image::RgbImage;

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::spec::LivenessSpec;

use super::Network;
use super::buffer_pool::Idle;
use super::tensor::{Size, TensorView, fill_planes};
pub use crop::liveness_crop;
pub(crate) use crop::must_show;

/// Judges whether a face is that of a living person in front of the camera, or a picture of one.
pub trait LivenessModel: Send + Sync {
    /// What reports and errors call it.
    fn name(&self) -> &str;

    /// How sure each network is that the face in `bounds` of an upright picture is live, 0 to 1; at least one number,
    /// and always as many. `bounds` has finite numbers, a width and a height above 0, is at most four times as large as
    /// the picture, and a part of it lies in the picture.
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where a network fails.
    fn judge(&self, picture: &RgbImage, bounds: Rect) -> Result<Vec<f64>>;
}

/// Liveness networks, each with a crop of its own.
pub struct LivenessNetworks {
    name: String,
    networks: Vec<One>,
}

struct One {
    network: Network,
    spec: LivenessSpec,
    idle: Idle<Vec<f32>>,
}

impl LivenessNetworks {
    /// Networks with what each of them takes and gives; `name` is what reports and errors call them.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where there is no network, or one does not take the crops that its
    /// specification says.
    pub fn new(name: impl Into<String>, networks: Vec<(Network, LivenessSpec)>) -> Result<Self> {
        let name = name.into();
        let fail = |what: String| Err(Error::new(ErrorKind::ModelUnavailable, format!("{name}: {what}")));
        if networks.is_empty() {
            return fail("a liveness model must have at least one network".to_owned());
        }
        for (network, spec) in &networks {
            let side = spec.side as usize;
            let shape = network.input_shape();
            let wanted = [Some(1), Some(3), Some(side), Some(side)];
            let fits = shape.len() == wanted.len()
                && shape.iter().zip(wanted).all(|(given, wanted)| given.is_none() || *given == wanted);
            if !fits {
                return fail(format!("a network does not take 1 x 3 x {side} x {side} numbers, as its manifest says"));
            }
        }
        let networks =
            networks.into_iter().map(|(network, spec)| One { network, spec, idle: Idle::default() }).collect();
        Ok(Self { name, networks })
    }
}

impl std::fmt::Debug for LivenessNetworks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LivenessNetworks({}, {} networks)", self.name, self.networks.len())
    }
}

impl LivenessModel for LivenessNetworks {
    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, picture: &RgbImage, bounds: Rect) -> Result<Vec<f64>> {
        self.networks.iter().map(|network| network.judge(picture, bounds)).collect()
    }
}

impl One {
    fn judge(&self, picture: &RgbImage, bounds: Rect) -> Result<f64> {
        let spec = &self.spec;
        let pixels = crop::cut_out(picture, bounds, spec);
        let size = Size::new(spec.side as usize, spec.side as usize);
        self.idle.lend(|planes| {
            planes.resize(3 * size.area(), 0.0);
            fill_planes(pixels.as_raw(), size, &spec.normalization, planes, size);
            self.network.run(size.shape(), planes, |outputs| {
                let values = outputs.first().map(TensorView::values).unwrap_or_default();
                probability(values, spec).ok_or_else(|| {
                    let message = format!(
                        "a liveness network gave {} numbers, expected {} that are finite",
                        values.len(),
                        spec.classes
                    );
                    Error::new(ErrorKind::Runtime, message)
                })
            })
        })
    }
}

/// The probability of the live class by the softmax function.
fn probability(values: &[f32], spec: &LivenessSpec) -> Option<f64> {
    let live = f64::from(*values.get(spec.live)?);
    if values.len() != spec.classes || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // Relative to the live class, so that no sum is infinite over infinite.
    Some(1.0 / values.iter().map(|value| (f64::from(*value) - live).exp()).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ColorOrder, LivenessCrop, Normalization};

    #[test]
    fn the_softmax_of_the_live_class() {
        let normalization = Normalization { color: ColorOrder::Bgr, mean: [0.0; 3], scale: [1.0; 3] };
        let spec = LivenessSpec::new(normalization, 80, LivenessCrop::Shifted, 2.7).with_classes(3).with_live(1);
        for (values, expected) in [
            ([0.0, 0.0, 0.0], 1.0 / 3.0),
            ([0.0, 4f32.ln(), 0.0], 2.0 / 3.0),
            ([-500.0, 500.0, 0.0], 1.0),
            ([900.0, -900.0, 0.0], 0.0),
        ] {
            let found = probability(&values, &spec).expect("a probability");
            assert!((found - expected).abs() < 1e-6, "{values:?}: {found}");
        }
        assert_eq!(probability(&[0.0, 1.0], &spec), None);
        assert_eq!(probability(&[0.0, f32::NAN, 1.0], &spec), None);
    }
}
