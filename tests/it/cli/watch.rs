//! `facevault watch` with real networks: films, pictures and folders, and sources that are none.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use facevault::vision::{DecodeLimits, decode};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use super::photos::Photos;

const CLOONEY: [&str; 2] =
    ["faces/lfw-dev/George_Clooney/George_Clooney_0001.jpg", "faces/lfw-dev/George_Clooney/George_Clooney_0002.jpg"];
const VISITOR: &str = "faces/lfw-dev/George_Clooney/George_Clooney_0003.jpg";
/// Frames that show him, and then frames that show nobody, at 5 a second.
const SHOWN: usize = 12;
const EMPTY: usize = 14;

/// Commands on a vault with Clooney, and the picture of him that comes before the camera.
pub(super) fn enrolled(name: &str) -> Option<(Photos, RgbImage)> {
    let test = Photos::new(name)?;
    let [one, two] = CLOONEY.map(|photo| test.photo(photo));
    test.run(&["person", "add", "v", "--id", "clooney", "--name", "George", "--image", &one, "--image", &two]).ok();
    let photo = std::fs::read(test.photo(VISITOR)).expect("a photo");
    Some((test, decode(&photo, &DecodeLimits::default()).expect("a picture")))
}

fn nobody(like: &RgbImage) -> RgbImage {
    RgbImage::from_pixel(like.width(), like.height(), Rgb([120, 130, 140]))
}

/// A stream of YUV4MPEG2 with the full range of BT.601.
pub(super) fn film(frames: &[&RgbImage]) -> Vec<u8> {
    let (width, height) = frames[0].dimensions();
    let mut stream = format!("YUV4MPEG2 W{width} H{height} F5:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n").into_bytes();
    for frame in frames {
        let plane = |step: usize, weights: [f32; 3], offset: f32| -> Vec<u8> {
            let (rows, columns) = ((0..height).step_by(step), (0..width).step_by(step));
            let value = |Rgb(rgb): &Rgb<u8>| {
                let sum: f32 = rgb.iter().zip(weights).map(|(value, weight)| f32::from(*value) * weight).sum();
                (sum + offset).round() as u8
            };
            rows.flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| value(frame.get_pixel(x, y))).collect()
        };
        stream.extend(b"FRAME\n");
        stream.extend(plane(1, [0.299, 0.587, 0.114], 0.0));
        stream.extend(plane(2, [-0.1687, -0.3313, 0.5], 128.0));
        stream.extend(plane(2, [0.5, -0.4187, -0.0813], 128.0));
    }
    stream
}

fn written(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture in memory");
    bytes.into_inner()
}

/// The events as programs read them.
pub(super) fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap_or_default()).collect()
}

pub(super) const WATCH: [&str; 5] = ["watch", "v", "-", "--similarity", "0.3"];

#[test]
fn films_pictures_and_folders_give_one_answer_a_visit() {
    let Some((test, shown)) = enrolled("films_pictures_and_folders_give_one_answer_a_visit") else { return };
    let empty = nobody(&shown);
    let frames: Vec<&RgbImage> = [[&shown; SHOWN].to_vec(), [&empty; EMPTY].to_vec()].concat();
    let folder = test.test.path().join("frames");
    std::fs::create_dir(&folder).expect("a folder");
    for (number, frame) in frames.iter().enumerate() {
        std::fs::write(folder.join(format!("{number:03}.png")), written(frame, ImageFormat::Png)).expect("written");
    }
    // What is no picture of the film.
    std::fs::create_dir(folder.join("005")).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere.png", folder.join("006b.png")).expect("a link");
    let pictures = frames.iter().flat_map(|frame| written(frame, ImageFormat::Jpeg)).collect::<Vec<u8>>();
    let told = test.test.pipe([&WATCH[..], &["--recorded"]].concat(), &film(&frames)).ok();
    for said in [
        "visit 1  appeared",
        "visit 1  recognised: George (clooney)",
        "visit 1  left",
        "ended after 1 visit; 26 frames",
    ] {
        assert!(told.stdout.contains(said), "{said:?} in {told:#?}");
    }
    for (options, source) in [
        (&["--recorded", "--draw", "drawn"][..], film(&frames)),
        (&["--recorded", "--rate", "5"], pictures),
        (&["--rate", "5"], Vec::new()),
    ] {
        let mut arguments = [&WATCH[..], options, &["--json"]].concat();
        if source.is_empty() {
            arguments[2] = "frames";
        }
        let run = test.test.pipe(&arguments, &source).ok();
        let events = events(&run.stdout);
        assert_eq!(kinds(&events), ["appeared", "recognized", "updated", "left", "ended"], "{run:#?}");
        assert_eq!((events[1]["person"].as_str(), events[1]["name"].as_str()), (Some("clooney"), Some("George")));
        assert!(events[1]["time"].as_f64() < Some(1.0), "{events:?}");
        assert_eq!((events[2]["is_final"].as_bool(), events[2]["person"].as_str()), (Some(true), Some("clooney")));
        assert!(events[3]["time"].as_f64() > Some(3.0), "{events:?}");
        let ended = &events[4];
        assert_eq!((ended["looked_at"].as_u64(), ended["dropped"].as_u64()), (Some(26), Some(0)));
        assert!(ended["error"].is_null(), "{ended}");
    }
    test.run(&[&WATCH[..], &["--draw", "drawn"]].concat()).fails(2, "the folder drawn is not empty");
    let drawn = |number: usize| {
        let file = test.test.path().join(format!("drawn/frame-{number:06}.jpg"));
        image::open(file).expect("a drawn frame").into_rgb8()
    };
    let green = |picture: &RgbImage| picture.pixels().filter(|Rgb([r, g, b])| *g > 190 && *r < 90 && *b < 170).count();
    assert!(green(&drawn(SHOWN)) > 500, "a box and a name are drawn");
    assert_eq!(green(&drawn(SHOWN + EMPTY)), 0, "nobody is there");
}

#[test]
fn what_is_no_source_ends_with_a_reason() {
    let Some((test, shown)) = enrolled("what_is_no_source_ends_with_a_reason") else { return };
    let small = RgbImage::new(64, 48);
    let whole = film(&[&small, &small]);
    let jpegs = |pictures: [&RgbImage; 2]| pictures.map(|picture| written(picture, ImageFormat::Jpeg)).concat();
    for (source, code, said) in [
        (b"GIF89a and so on".to_vec(), 2, "begins with \"GIF89a and\", which is neither YUV4MPEG2 nor MJPEG"),
        (Vec::new(), 4, "standard input ended before its first frame"),
        (whole[..whole.len() - 1].to_vec(), 4, "the stream ends within frame 2: it has 4607 of 4608 bytes"),
        ([&whole[..], b"NONSENSE\n"].concat(), 2, "frame 3 of the stream should begin with FRAME"),
        (b"YUV4MPEG2 W99999 H9\n".to_vec(), 2, "width \"99999\" is not a number from 1 to 65535"),
        (jpegs([&small, &shown]), 4, "changed from 64 x 48 to 250 x 250 pixels"),
    ] {
        let run = test.test.pipe([&WATCH[..], &["--recorded"]].concat(), &source);
        assert!(run.code == code && run.stderr.contains(said), "{said:?} in {run:#?}");
        assert!(run.stdout.ends_with("dropped\n"), "the last line says what was done: {run:#?}");
    }
    let folder = test.test.run([&WATCH[..2], &["nowhere"], &WATCH[3..]].concat());
    assert!(folder.code == 2 && folder.stderr.contains("cannot list nowhere as a folder of pictures"), "{folder:#?}");
    test.run(&[&WATCH[..], &["--rate", "5"]].concat()).fails(2, "add --recorded, or leave it out");
    test.run(&[&WATCH[..], &["--size", "640x480"]].concat()).fails(2, "is for a camera of the system");
    for wrong in [&["--rotate", "45"][..], &["--rate", "0"], &["--region", "1,2,3"], &["--timeout", "0"]] {
        assert_eq!(test.run(&[&WATCH[..], wrong].concat()).code, 2, "{wrong:?}");
    }
    // A damaged picture among others is passed over.
    let mut broken = written(&small, ImageFormat::Jpeg);
    let middle = broken.len() - 40;
    broken[middle..middle + 20].fill(0x55);
    let run =
        test.test.pipe([&WATCH[..], &["--recorded", "--json"]].concat(), &[&broken[..], &jpegs([&small; 2])].concat());
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stderr.contains("a damaged frame was skipped"), "{run:#?}");
}

#[test]
fn a_silent_camera_and_ctrl_c_end_cleanly() {
    let Some((test, shown)) = enrolled("a_silent_camera_and_ctrl_c_end_cleanly") else { return };
    for (patience, interrupt, code, said) in
        [("1", false, 4, "no frame came for 1 second: check the camera"), ("60", true, 0, "")]
    {
        let mut command = test.test.command([&WATCH[..], &["--json", "--timeout", patience]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut stdin = child.stdin.take().expect("piped");
        // A camera that shows him for a second and then sends nothing more.
        let stream = film(&[&shown; 10]);
        let camera = std::thread::spawn(move || {
            for part in stream.chunks(stream.len().div_ceil(10)) {
                stdin.write_all(part).expect("frames are taken");
                std::thread::sleep(Duration::from_millis(100));
            }
            stdin
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = String::new();
        stdout.read_line(&mut lines).expect("a line");
        assert!(lines.contains("\"appeared\""), "{lines}");
        let stdin = camera.join().expect("all frames are taken");
        if interrupt {
            let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(killed.expect("kill").success());
        }
        stdout.read_to_string(&mut lines).expect("the rest");
        let output = child.wait_with_output().expect("ended");
        drop(stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        let events = events(&lines);
        assert_eq!(kinds(&events)[events.len() - 2..], ["left", "ended"], "{lines}");
    }
}
