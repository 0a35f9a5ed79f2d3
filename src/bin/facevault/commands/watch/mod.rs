//! `facevault watch`

mod drawn;
mod events;
mod folder;
mod mjpeg;
mod slot;
mod source;
mod y4m;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use facevault::geometry::Rect;
use facevault::{Error, ErrorKind, Rotation, WatchOptions, Watcher};

use super::Outcome;
use super::matching::SearchSureness;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;

use drawn::Drawn;
use events::Events;
use slot::{Pace, Slot, Taken, silent};
use source::{Shot, is_stdin};

const EXAMPLES: &str = "\
Examples:
  ffmpeg -loglevel error -f v4l2 -i /dev/video0 -pix_fmt yuv420p -f yuv4mpegpipe - | facevault watch people.vault -
  ffmpeg -loglevel error -i rtsp://camera.example/1 -pix_fmt yuv420p -f yuv4mpegpipe - \\
      | facevault watch people.vault - --json | jq -c 'select(.event == \"recognized\") | {name, time}'
  ffmpeg -loglevel error -i door.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | facevault watch people.vault - --recorded
  facevault watch people.vault frames/ --rate 10 --draw drawn/

Exit code 0: the source ended, or Ctrl-C. 2: the source is not what can be read. 4: no frame came for too long, or
the source ended within a frame.";

/// Say who comes before a camera, until Ctrl-C
///
/// Prints a line for each event: a face appeared, was recognised, is unknown, its answer changed, it left. Each visit
/// has one answer, from its best frames together; --fpir is the share of strangers' visits that get a name, not of
/// frames. Names are those of the vault; people who are added meanwhile are found.
///
/// The source is standard input (`-`) with YUV4MPEG2 or MJPEG, which ffmpeg writes from any camera, or a folder of
/// pictures in the order of their names. Of a camera, the newest frame is looked at, and those that came meanwhile are
/// dropped, so answers are never late. Of a recording (--recorded, a folder) every frame is looked at.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The vault's file
    vault: PathBuf,

    /// `-` for frames on standard input, or a folder of pictures
    source: PathBuf,

    #[command(flatten)]
    sureness: SearchSureness,

    /// Only members of this collection, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    collections: Vec<String>,

    /// Standard input is a recording: look at every frame, at the time that follows from its number
    #[arg(long)]
    recorded: bool,

    /// Frames a second of a recording, instead of what it states or 25
    #[arg(long, value_name = "FPS", value_parser = parse_rate)]
    rate: Option<f64>,

    /// End with an error when no frame comes for this many seconds
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

    /// After somebody was recognised, do not say it again of another visit for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=86_400))]
    cool_down: u32,

    /// Write each frame that was looked at into this folder, with boxes, the numbers of visits and names
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // An unknown collection is reported before models are loaded.
    let vault = context.vault_for_reading(&arguments.vault)?;
    arguments.collections.iter().try_for_each(|name| vault.collection(name).map(drop))?;
    let vault = context.vault_for_searching(&arguments.vault)?;
    let engine =
        vault.engine().cloned().ok_or_else(|| Error::new(ErrorKind::ModelUnavailable, "no models are loaded"))?;
    let (options, pace) = match is_stdin(&arguments.source) && !arguments.recorded && arguments.rate.is_none() {
        true => (options(arguments, context), Pace::Live),
        // Every frame of a recording, however fast they follow each other.
        false => (options(arguments, context).with_interval(Duration::ZERO), Pace::Recorded(arguments.rate)),
    };
    let watcher = Watcher::new(&vault, options)?;
    let drawn = arguments.draw.clone().map(|folder| Drawn::new(folder, engine.clone())).transpose()?;
    let slot = Slot::default();
    let guard = interrupt::Guard::new();
    let (stopped, path) = (slot.clone(), arguments.source.clone());
    guard.wakes(move || stopped.stop());
    slot.read(move || source::open(&path, &engine), pace)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the source's thread cannot be started: {error}")))?;
    let mut watch = Watch { arguments, slot, watcher, events: Events::new(&vault, context), drawn, size: None };
    let ended = watch.until_the_end();
    // Whatever ended it: whoever is still in view has left.
    let left = watch.all_leave();
    watch.events.print_end(watch.watcher.counts(), watch.slot.dropped())?;
    ended.and(left)
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
}

impl Watch<'_> {
    fn until_the_end(&mut self) -> Outcome {
        let patience = Duration::from_secs(u64::from(self.arguments.timeout));
        loop {
            match self.slot.take(patience) {
                Taken::Shot(Ok((shot, time))) => self.look_at(&shot, time)?,
                Taken::Shot(Err(refused)) => self.events.refused(&refused),
                // Ctrl-C also ends the program that writes the frames, wherever it is.
                Taken::Stopped | Taken::Ended(_) if interrupt::requested() => return Ok(()),
                Taken::Ended(ended) => return Ok(ended?),
                Taken::Silent => return Err(silent(patience).into()),
                Taken::Stopped => return Ok(()),
            }
        }
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
                "the source's frames changed from {} x {} to {} x {} pixels: watch it anew",
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
                self.events.refused(&error);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
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
        .with_cool_down(Duration::from_secs(u64::from(arguments.cool_down)));
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    options.min_face = context.min_face().unwrap_or(options.min_face);
    options
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.01..=1_000.0).contains(&rate) { Ok(rate) } else { Err(format!("{text} is not from 0.01 to 1000")) }
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
    fn a_region_is_four_numbers() {
        assert_eq!(parse_region("10,20, 300,400.5"), Ok(Rect { x: 10.0, y: 20.0, width: 300.0, height: 400.5 }));
        for text in ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "1,2,nan,4", "1,2,3,x"] {
            assert!(parse_region(text).is_err(), "{text}");
        }
    }
}
