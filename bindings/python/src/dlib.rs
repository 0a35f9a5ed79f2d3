//! dlib's networks without facevault's own rules on photos: what `facevault.face_recognition` stands on.
//!
//! Pictures are searched as they are, neither turned nor reduced; no face is refused. So boxes, landmarks and
//! encodings are those that dlib gives.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use facevault_bindings::facevault::geometry::{Point, Rect};
use facevault_bindings::facevault::image::RgbImage;
use facevault_bindings::facevault::models::dlib::{ShapeModel, detector_onnx, shape_model, shape_model_68};
use facevault_bindings::facevault::models::{Home, OptimizedNetwork, Pack, Role};
use facevault_bindings::facevault::onnx::rewrite::{RewritingRules, rewrite};
use facevault_bindings::facevault::vision::{
    AlignedFace, Embedder, HogDetector, Mmod, Network, NetworkEmbedder, NetworkOptions, Runtime, RuntimeOptions,
    Workload, align_points, find_landmarks, find_points,
};
use facevault_bindings::facevault::{Error, ErrorKind, Result, hog_detector};
use facevault_bindings::guard;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray3};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::crop_68::places;
use crate::error::raised;
use crate::exit::Running;
use crate::jitter::{Random, view};
use crate::picture::Borrowed;
use crate::upsample::doubled;

/// Left, top, right and bottom pixel.
type Sides = (i64, i64, i64, i64);

#[pyclass(frozen, module = "facevault._native")]
pub(crate) struct Dlib {
    home: Home,
    detector: Mmod,
    small: Arc<ShapeModel>,
    embedder: NetworkEmbedder,
    workload: Workload,
    /// Goes on from one call to the next, as dlib's does.
    random: Mutex<Random>,
    large: Mutex<Option<Arc<ShapeModel<68>>>>,
    /// Read by the first call that needs it.
    hog: Mutex<Option<Arc<HogDetector>>>,
}

impl Dlib {
    fn of_pack(home: Option<PathBuf>, threads: usize) -> Result<Self> {
        let home = home.map_or_else(Home::from_env, |path| Ok(Home::at(path)))?;
        let pack = Pack::installed(&home, "dlib")?;
        let runtime = Runtime::select(&RuntimeOptions::default().with_installed(home.runtime_library()))?;
        let workload = Workload::default();
        let load = |role: Role, onnx: Vec<u8>| {
            let options = NetworkOptions::new(role.as_str()).with_sessions(threads).with_workload(workload.clone());
            Network::load(&runtime, options, onnx)
        };
        let rules = RewritingRules::default();
        let (onnx, scan) = detector_onnx(&pack.load(Role::Detector)?)?;
        let small = Arc::new(shape_model(&pack.load(Role::Landmarks)?)?);
        let mut spec = pack.manifest().detector.spec.clone();
        // Neither reduced nor doubled: that is the caller's to say.
        spec.long_side = u32::MAX;
        spec.min_face = scan.window[0].min(scan.window[1]) as f32;
        let detector = Mmod::new(load(Role::Detector, rewrite(&onnx, &rules)?.onnx)?, scan, small.clone(), spec)?;
        let kept = OptimizedNetwork::new(&pack, Role::Embedder, &rules);
        pack.check_file(Role::Embedder)?;
        let onnx = match kept.read() {
            Some(onnx) => onnx,
            None => {
                let onnx = rewrite(&pack.network(Role::Embedder)?, &rules)?.onnx;
                kept.write(&onnx);
                onnx
            }
        };
        let spec = pack.manifest().embedder.spec.clone();
        let embedder = NetworkEmbedder::new(load(Role::Embedder, onnx)?, spec, pack.model_id())?;
        let (random, large, hog) = (Mutex::new(Random::new()), Mutex::new(None), Mutex::new(None));
        Ok(Self { home, hog, detector, small, embedder, workload, random, large })
    }

    /// The faces that the network finds in the picture after it was doubled so many times.
    fn network_faces(&self, picture: &RgbImage, doublings: u32) -> Result<Vec<(Sides, f32)>> {
        let _taken_on = self.workload.take_on(1);
        let larger =
            (0..doublings).fold(None, |larger: Option<RgbImage>, _| Some(doubled(larger.as_ref().unwrap_or(picture))));
        let found = self.detector.boxes(larger.as_ref().unwrap_or(picture))?;
        Ok(found.into_iter().map(|(bounds, score)| (halved(bounds, doublings), score)).collect())
    }

    /// The faces that the HOG detector finds in the picture after it was doubled so many times.
    fn frontal_faces(&self, picture: &RgbImage, doublings: u32) -> Result<Vec<(Sides, f64)>> {
        let hog = {
            let mut hog = self.hog.lock().unwrap_or_else(PoisonError::into_inner);
            match &*hog {
                Some(hog) => hog.clone(),
                None => hog.insert(Arc::new(hog_detector(&self.home)?)).clone(),
            }
        };
        let found = hog.detect(picture, doublings)?;
        Ok(found.into_iter().map(|face| ((face.left, face.top, face.right, face.bottom), face.score)).collect())
    }

    fn large(&self) -> Result<Arc<ShapeModel<68>>> {
        let large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.clone().ok_or_else(|| {
            Error::new(ErrorKind::ModelUnavailable, "no landmark model of 68 points was given: name its file")
        })
    }

    fn points(&self, picture: &RgbImage, boxes: &[Sides], large: bool) -> Result<Vec<Vec<(i64, i64)>>> {
        let whole = |points: &[Point]| points.iter().map(|point| (point.x as i64, point.y as i64)).collect();
        if !large {
            let find = |sides: &Sides| whole(&find_landmarks(&self.small, picture, rect(*sides)).points);
            return Ok(boxes.iter().map(find).collect());
        }
        let model = self.large()?;
        Ok(boxes.iter().map(|sides| whole(&find_points(&model, picture, rect(*sides)))).collect())
    }

    /// The vectors of faces whose landmarks are known, five or 68 each, one behind the other.
    fn vectors(&self, picture: &RgbImage, faces: &[Vec<(i64, i64)>], jitters: u32) -> Result<Vec<f64>> {
        let _taken_on = self.workload.take_on(1);
        let mut vectors = Vec::new();
        for face in faces {
            let points: Vec<Point> = face.iter().map(|(x, y)| Point::new(*x as f32, *y as f32)).collect();
            let size = self.embedder.spec().template.size;
            let crop = self.crop(picture, &points).unwrap_or_else(|| crop_of_one_point(picture, &points, size));
            vectors.extend(self.vector(crop, jitters)?.into_iter().map(f64::from));
        }
        Ok(vectors)
    }

    fn crop(&self, picture: &RgbImage, points: &[Point]) -> Option<AlignedFace> {
        let template = &self.embedder.spec().template;
        if let Ok(face) = <&[Point; 68]>::try_from(points) {
            let (points, targets) = places(face);
            return align_points(picture, &points, &targets, template.size);
        }
        align_points(picture, points, &template.targets(), template.size)
    }

    fn vector(&self, crop: AlignedFace, jitters: u32) -> Result<Vec<f32>> {
        if jitters <= 1 {
            return Ok(self.embedder.embed(&[crop])?.swap_remove(0));
        }
        // One after the other, so that the views are those of a single sequence.
        let views: Vec<AlignedFace> = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (0..jitters).map(|_| AlignedFace { pixels: view(&crop.pixels, &mut random) }).collect()
        };
        let mut sum = vec![0.0_f32; self.embedder.spec().dimension];
        for view in views {
            let vector = self.embedder.embed(&[view])?.swap_remove(0);
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        sum.iter_mut().for_each(|value| *value /= jitters as f32);
        Ok(sum)
    }
}

/// The crop that dlib takes where the landmarks of a face coincide: a square of one pixel around them, mirrored, and
/// black wherever not all four neighbours of a place are in the picture.
fn crop_of_one_point(picture: &RgbImage, points: &[Point], size: u32) -> AlignedFace {
    let count = points.len() as f64;
    let mean = |of: fn(&Point) -> f32| points.iter().map(|point| f64::from(of(point))).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.x), mean(|point| point.y));
    let place = |middle: f64, index: u32| middle + 0.5 - f64::from(index) / f64::from(size - 1);
    let inside = |first: f64, side: u32| first >= 0.0 && first + 1.0 < f64::from(side);
    let read = |column: u32, row: u32| {
        let (x, y) = (place(x, column), place(y, row));
        let (left, top) = (x.floor(), y.floor());
        if !inside(left, picture.width()) || !inside(top, picture.height()) {
            return [0; 3];
        }
        let (right, below, left, top) = (x - left, y - top, left as u32, top as u32);
        let value = |dx: u32, dy: u32, channel: usize| f64::from(picture.get_pixel(left + dx, top + dy).0[channel]);
        [0, 1, 2].map(|c| {
            let upper = (1.0 - right) * value(0, 0, c) + right * value(1, 0, c);
            let lower = (1.0 - right) * value(0, 1, c) + right * value(1, 1, c);
            ((1.0 - below) * upper + below * lower) as u8
        })
    };
    let mut pixels = RgbImage::new(size, size);
    pixels.enumerate_pixels_mut().for_each(|(column, row, pixel)| pixel.0 = read(column, row));
    AlignedFace { pixels }
}

/// Bytes that the network takes for a pixel: three single-precision numbers, and the same for all smaller sizes of the
/// picture, each five sixths of the one before, that are searched with it.
const BYTES_A_PIXEL: f64 = 3.0 * 4.0 / (1.0 - 25.0 / 36.0);

/// Whether there could be memory for a picture that is doubled so many times: what is refused later ends the process.
fn has_memory(picture: &RgbImage, doublings: u32) -> bool {
    let pixels = f64::from(picture.width()) * f64::from(picture.height()) * 4_f64.powi(doublings.min(64) as i32);
    let bytes = pixels * BYTES_A_PIXEL;
    bytes < isize::MAX as f64 && Vec::<u8>::new().try_reserve_exact(bytes as usize).is_ok()
}

/// dlib's rectangles go from a first to a last pixel.
fn rect((left, top, right, bottom): Sides) -> Rect {
    Rect::from_sides(left as f32, top as f32, right as f32, bottom as f32)
}

/// A box of a picture that was doubled so many times, in pixels of the picture before.
fn halved(bounds: Rect, doublings: u32) -> Sides {
    let down = |(x, y): (f64, f64)| {
        let (x, y) = (0..doublings).fold((x, y), |(x, y), _| (x / 2.0 - 1.25, y / 2.0 - 0.75));
        ((x + 0.5).floor() as i64, (y + 0.5).floor() as i64)
    };
    let (left, top) = down((f64::from(bounds.x), f64::from(bounds.y)));
    let (right, bottom) = down((f64::from(bounds.right()), f64::from(bounds.bottom())));
    (left, top, right, bottom)
}

#[pymethods]
impl Dlib {
    #[new]
    #[pyo3(signature = (data_dir=None, threads=0))]
    fn open(py: Python<'_>, data_dir: Option<PathBuf>, threads: usize) -> PyResult<Self> {
        let _running = Running::begin(py)?;
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        py.detach(|| guard(|| Self::of_pack(data_dir, threads))).map_err(|error| raised(py, &error))
    }

    fn cnn_faces(
        &self,
        py: Python<'_>,
        picture: PyReadonlyArray3<'_, u8>,
        doublings: u32,
    ) -> PyResult<Vec<(Sides, f32)>> {
        let _running = Running::begin(py)?;
        let picture = Borrowed::new(py, &picture)?;
        let picture: &RgbImage = &picture;
        if !has_memory(picture, doublings) {
            return Err(PyMemoryError::new_err(format!(
                "a picture of {} x {} pixels, upsampled {doublings} times, needs more memory than there is; reduce it \
                 or upsample it fewer times",
                picture.width(),
                picture.height()
            )));
        }
        py.detach(|| guard(|| self.network_faces(picture, doublings))).map_err(|error| raised(py, &error))
    }

    fn hog_faces(
        &self,
        py: Python<'_>,
        picture: PyReadonlyArray3<'_, u8>,
        doublings: u32,
    ) -> PyResult<Vec<(Sides, f64)>> {
        let picture = Borrowed::new(py, &picture)?;
        let picture: &RgbImage = &picture;
        py.detach(|| guard(|| self.frontal_faces(picture, doublings))).map_err(|error| raised(py, &error))
    }

    fn landmarks(
        &self,
        py: Python<'_>,
        picture: PyReadonlyArray3<'_, u8>,
        boxes: Vec<Sides>,
        large: bool,
    ) -> PyResult<Vec<Vec<(i64, i64)>>> {
        let _running = Running::begin(py)?;
        let picture = Borrowed::new(py, &picture)?;
        let picture: &RgbImage = &picture;
        py.detach(|| guard(|| self.points(picture, &boxes, large))).map_err(|error| raised(py, &error))
    }

    fn encodings<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        faces: Vec<Vec<(i64, i64)>>,
        jitters: u32,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let _running = Running::begin(py)?;
        let picture = Borrowed::new(py, &picture)?;
        let picture: &RgbImage = &picture;
        let found = py.detach(|| guard(|| self.vectors(picture, &faces, jitters)));
        let found = found.map_err(|error| raised(py, &error))?;
        PyArray1::from_vec(py, found).reshape([faces.len(), self.embedder.spec().dimension])
    }

    fn load_large(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let read = || {
            let file = std::fs::read(&path).map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                Error::new(ErrorKind::ModelUnavailable, message).caused_by(error)
            })?;
            shape_model_68(&file)
        };
        let model = py.detach(|| guard(read)).map_err(|error| raised(py, &error))?;
        *self.large.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(model));
        Ok(())
    }
}
