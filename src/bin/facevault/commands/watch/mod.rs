//! `facevault watch`

mod camera;
mod drawn;
mod events;
mod ffmpeg;
mod film;
mod folder;
mod mjpeg;
mod shot;
mod slot;
mod source;
mod y4m;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use facevault::geometry::Rect;
use facevault::{Error, ErrorKind, LivenessCheck, LivenessPolicy, Rotation, Rule, WatchOptions, Watcher};

use super::Outcome;
use super::matching::{SearchSureness, score};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::count;

use camera::Wishes;
use drawn::Drawn;
use events::Events;
use shot::Shot;
use slot::{Pace, Slot, Taken, seconds, silent};
use source::{is_camera, is_stdin};

const EXAMPLES: &str = "\
Examples:
  facevault watch people.vault /dev/video0
  ffmpeg -loglevel error -i rtsp://camera.example/1 -pix_fmt yuv420p -f yuv4mpegpipe - \\
      | facevault watch people.vault - --json | jq -c 'select(.event == \"recognized\") | {name, time}'
  ffmpeg -loglevel error -i door.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | facevault watch people.vault - --recorded
  facevault watch people.vault frames/ --rate 10 --draw drawn/
  facevault watch people.vault /dev/video0 --size 1280x720 --rate 15
  facevault watch people.vault /dev/video0 --liveness require --draw door.mp4

Exit code 0: the source ended, or you pressed Ctrl-C. 2: the source has a format that cannot be read. 4: no frame came
for too long, or the source ended in the middle of a frame.";
/// How many damaged frames in a row are reported one by one; the rest are counted.
const TOLD: u64 = 3;

/// Report who comes before a camera, until Ctrl-C
///
/// Prints a line for each event: a face appeared, was recognised, is unknown, its answer changed, it left. Each visit
/// has one answer, from its best frames together; --fpir is the share of strangers' visits that get a name, not of
/// frames. Names are those of the vault; people who are added meanwhile are found.
///
/// The source is a camera of the system (/dev/video0), which ffmpeg reads where it is installed, standard input (`-`)
/// with YUV4MPEG2 or MJPEG, which ffmpeg writes from any camera, or a folder of pictures in the order of their names.
/// Of a camera, the newest frame is looked at, and those that came meanwhile are dropped, so answers are never late. Of
/// a recording (--recorded, a folder) every frame is looked at.
///
/// If a camera of the system stops sending frames, the command reports it, ends all visits, and connects the camera
/// again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// A camera such as /dev/video0, `-` for frames on standard input, or a folder of pictures
    source: PathBuf,

    #[command(flatten)]
    sureness: SearchSureness,

    /// Only members of this collection, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    collections: Vec<String>,

    /// Standard input is a recording: look at every frame, at the time that follows from its number
    #[arg(long)]
    recorded: bool,

    /// Whether a face must be that of a living person: off, report (events show a score) or require (only living people
    /// are recognised). Needs `facevault models install liveness`
    #[arg(long, value_name = "POLICY", default_value = "off", hide_default_value = true)]
    liveness: LivenessPolicy,

    /// With --liveness: a face counts as live if the mean score of its shots is above this one, 0 to 1
    #[arg(long, value_name = "SCORE", requires = "liveness", default_value_t = LivenessCheck::DEFAULT_MIN_SCORE, value_parser = score)]
    liveness_min_score: f64,

    /// Frames a second: of a recording, instead of what it states or 25; of a camera of the system, what it is asked
    /// for
    #[arg(long, value_name = "FPS", value_parser = parse_rate)]
    rate: Option<f64>,

    /// The size of the frames that a camera of the system is asked for, such as 1280x720; it gives what comes nearest
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<(u32, u32)>,

    /// End with an error if no frame, or only damaged frames, come for this many seconds. A camera of the system is
    /// connected again instead
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,

    /// Turn frames clockwise by 90, 180 or 270 degrees, for a camera that is mounted so
    #[arg(long, value_name = "DEGREES", value_parser = parse_rotation)]
    rotate: Option<Rotation>,

    /// Frames are mirror images
    #[arg(long)]
    mirrored: bool,

    /// Watch a part of the picture only: left, top, width and height in pixels
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse_region)]
    region: Option<Rect>,

    /// After a person was recognised, do not report another visit of the same person for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=86_400))]
    cool_down: u32,

    /// Write each frame that was looked at, with boxes, the numbers of visits and names, into this empty folder, or as
    /// a film (.mp4, .mkv, .mov, .webm, .avi), for which ffmpeg must be installed
    #[arg(long, value_name = "DIR|FILM")]
    draw: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (is_stdin, is_camera) = (is_stdin(&arguments.source), is_camera(&arguments.source));
    let is_live = is_camera || (is_stdin && !arguments.recorded);
    if is_live && !is_camera && arguments.rate.is_some() {
        let rule = "is for a recording or a camera of the system: add --recorded, or leave it out".to_owned();
        return Err(Error::invalid("rate", Rule::Other(rule)).into());
    }
    if !is_camera && arguments.size.is_some() {
        let rule = "is for a camera of the system, such as /dev/video0: leave it out".to_owned();
        return Err(Error::invalid("size", Rule::Other(rule)).into());
    }
    // An unknown collection is reported before models are loaded.
    let vault = context.vault_for_reading(&arguments.vault)?;
    arguments.collections.iter().try_for_each(|name| vault.collection(name).map(drop))?;
    let vault = context.vault_for_searching(&arguments.vault)?;
    let engine =
        vault.engine().cloned().ok_or_else(|| Error::new(ErrorKind::ModelUnavailable, "no models are loaded"))?;
    let (options, pace) = match is_live {
        true => (options(arguments, context), Pace::Live),
        // Every frame of a recording, however fast they follow each other.
        false => (options(arguments, context).with_interval(Duration::ZERO), Pace::Recorded(arguments.rate)),
    };
    if options.liveness.is_asked() {
        // Load the networks before the self-test, so that it covers them.
        engine.liveness_model()?;
    }
    context.self_test(&engine)?;
    let watcher = Watcher::new(&vault, options)?;
    let drawn = arguments.draw.clone().map(|folder| Drawn::new(folder, engine.clone())).transpose()?;
    let slot = Slot::default();
    let guard = interrupt::Guard::new();
    let (stopped, path) = (slot.clone(), arguments.source.clone());
    guard.wakes(move || stopped.stop());
    let wishes = Wishes { size: arguments.size, rate: arguments.rate };
    slot.read(move || source::open(&path, wishes, &engine), pace, is_camera)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the source's thread cannot be started: {error}")))?;
    let mut watch = Watch {
        arguments,
        slot,
        watcher,
        events: Events::new(&vault, context),
        drawn,
        size: None,
        is_endless: is_stdin || is_camera,
        is_camera,
        worked: false,
        last: (Duration::ZERO, Instant::now()),
        damaged: 0,
    };
    let ended = watch.until_the_end();
    // After an error too: a program that writes to a pipe would wait for ever if nobody read it.
    watch.slot.stop();
    // Report that everybody who was in view has left, after an error too.
    let left = watch.all_leave();
    let drawn = watch.drawn.as_mut().map_or(Ok(()), Drawn::finish).map_err(Failure::from);
    let all = ended.and(left).and(drawn);
    let why = match &all {
        Err(Failure::Error { error, .. }) => Some(error.to_string()),
        _ => None,
    };
    watch.events.print_end(watch.watcher.counts(), watch.slot.dropped(), why.as_deref())?;
    all
}

/// What watches.
struct Watch<'a> {
    arguments: &'a Arguments,
    slot: Slot,
    watcher: Watcher,
    events: Events<'a>,
    drawn: Option<Drawn>,
    /// Width and height of the frames.
    size: Option<(u32, u32)>,
    /// Whether the source has no end of its own, so that damaged frames could come for ever.
    is_endless: bool,
    /// Whether the source is a camera that is connected again, and whether it gave a frame.
    is_camera: bool,
    worked: bool,
    /// The time of the last frame that was whole, and when it was taken.
    last: (Duration, Instant),
    /// How many damaged frames came since then.
    damaged: u64,
}

impl Watch<'_> {
    fn until_the_end(&mut self) -> Outcome {
        let patience = Duration::from_secs(u64::from(self.arguments.timeout));
        loop {
            match self.slot.take(patience) {
                Taken::Shot(Ok((shot, time))) => self.look_at(&shot, time)?,
                Taken::Shot(Err(refused)) => self.pass_over(&refused, patience)?,
                Taken::Gone(why) => {
                    self.all_leave()?;
                    self.size = None;
                    self.events.print_camera(self.last.0, Some(&why))?;
                }
                Taken::Back => self.events.print_camera(self.last.0, None)?,
                // A camera that worked and now hangs is closed, and then connected again. One that is just being
                // connected may take its time.
                Taken::Silent if self.is_camera && self.worked => _ = self.slot.cut(),
                // Ctrl-C also ends a program that pipes frames in, possibly in the middle of a frame: that is no error.
                Taken::Stopped | Taken::Ended(_) if interrupt::requested() => return Ok(()),
                Taken::Ended(ended) => return Ok(ended?),
                Taken::Silent => return Err(silent(patience).into()),
                Taken::Stopped => return Ok(()),
            }
        }
    }

    /// Reports a damaged frame. An error if only damaged frames came for as long as `patience`.
    fn pass_over(&mut self, refused: &Error, patience: Duration) -> Outcome {
        self.damaged += 1;
        if self.damaged <= TOLD {
            self.events.refused(refused);
        }
        if self.is_endless && self.last.1.elapsed() > patience {
            let frames = count(self.damaged, "damaged frame", "damaged frames");
            let message = format!("{frames} and no good one came for {}: {refused}", seconds(patience));
            return Err(Error::new(ErrorKind::Io, message).into());
        }
        Ok(())
    }

    /// Ends all visits. Where an error comes after other events, the watcher gives the events first and the error when
    /// it is asked again.
    fn all_leave(&mut self) -> Outcome {
        loop {
            let last = self.watcher.finish()?;
            self.events.print(&last)?;
            if self.watcher.visits().is_empty() || last.is_empty() {
                return Ok(());
            }
        }
    }

    fn look_at(&mut self, shot: &Shot, time: Duration) -> Result<(), Failure> {
        let (found, known) = ((shot.width, shot.height), *self.size.get_or_insert((shot.width, shot.height)));
        if found != known {
            let message = format!(
                "the size of the frames changed from {} x {} to {} x {} pixels: start the command again",
                known.0, known.1, found.0, found.1
            );
            return Err(Error::new(ErrorKind::Io, message).into());
        }
        let frame = shot.frame(time)?;
        let frame =
            frame.with_rotation(self.arguments.rotate.unwrap_or_default()).with_mirrored(self.arguments.mirrored);
        let is_wanted = self.watcher.wants(time);
        match self.watcher.push(&frame) {
            Ok(events) => self.events.print(&events)?,
            Err(error) if error.kind() == ErrorKind::Refused => {
                return self.pass_over(&error, Duration::from_secs(u64::from(self.arguments.timeout)));
            }
            Err(error) => return Err(error.into()),
        }
        if self.damaged > TOLD {
            self.events.passed_over(self.damaged);
        }
        (self.worked, self.last, self.damaged) = (true, (time, Instant::now()), 0);
        match &mut self.drawn {
            Some(drawn) if is_wanted => drawn.write(&frame, &self.watcher.visits(), &self.events),
            _ => Ok(()),
        }
    }
}

fn options(arguments: &Arguments, context: &Context) -> WatchOptions {
    let mut options = WatchOptions::default()
        .with_collections((!arguments.collections.is_empty()).then(|| arguments.collections.clone()))
        .with_region(arguments.region)
        .with_liveness(
            LivenessCheck::default().with_policy(arguments.liveness).with_min_score(arguments.liveness_min_score),
        )
        .with_cool_down(Duration::from_secs(u64::from(arguments.cool_down)));
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    options.min_face = context.min_face().unwrap_or(options.min_face);
    options
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.01..=1_000.0).contains(&rate) { Ok(rate) } else { Err(format!("{text} is not from 0.01 to 1000")) }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=16_384).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| format!("{text:?} is not a width and a height of 16 to 16384 pixels, such as 1280x720"))
}

fn parse_rotation(text: &str) -> Result<Rotation, String> {
    match text {
        "0" => Ok(Rotation::None),
        "90" => Ok(Rotation::Clockwise90),
        "180" => Ok(Rotation::Clockwise180),
        "270" => Ok(Rotation::Clockwise270),
        other => Err(format!("{other:?} is not one of 0, 90, 180 and 270")),
    }
}

fn parse_region(text: &str) -> Result<Rect, String> {
    let sides: Option<Vec<f32>> =
        text.split(',').map(|side| side.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
    match sides.as_deref() {
        Some([x, y, width, height]) if *width > 0.0 && *height > 0.0 => {
            Ok(Rect { x: *x, y: *y, width: *width, height: *height })
        }
        _ => Err(format!("{text:?} is not of the form left,top,width,height, such as 0,0,640,480")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers_of_pixels() {
        assert_eq!(parse_size("1280x720"), Ok((1280, 720)));
        for text in ["", "x", "1280", "1280x", "1280x0", "-1x5", "1280x720x3", "99999x720", "1280 x 720"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_region_is_four_numbers() {
        assert_eq!(parse_region("10,20, 300,400.5"), Ok(Rect { x: 10.0, y: 20.0, width: 300.0, height: 400.5 }));
        for text in ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "1,2,nan,4", "1,2,3,x"] {
            assert!(parse_region(text).is_err(), "{text}");
        }
    }
}
