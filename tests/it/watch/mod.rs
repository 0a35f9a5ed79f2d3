//! Watching a camera: visits, their answers, and that nobody is taken for somebody else.

mod events;
mod film;
mod h264;
mod laws;
mod live;
mod people;
mod stage;
mod visits;

/// How the command reads a film.
#[path = "../../../src/bin/facevault/commands/watch"]
mod command {
    use std::io::BufRead;
    use std::time::Duration;

    use facevault::Frame;
    use facevault::vision::DecodeLimits;
    use shot::Source;

    #[allow(dead_code, reason = "the other sources use it")]
    mod shot;
    mod y4m;

    /// The frames of a stream of YUV4MPEG2, each with its time; how many there were.
    pub(super) fn each_frame(stream: impl BufRead, rate: u32, mut look: impl FnMut(u32, Frame<'_>)) -> u32 {
        let mut film = y4m::Y4m::open(stream, &DecodeLimits::default()).expect("a film");
        for number in 0.. {
            let Some(shot) = film.next().expect("a frame") else { return number };
            let time = Duration::from_secs(1) * number / rate;
            look(number, shot.frame(time).expect("as many bytes as it says"));
        }
        unreachable!("a film has an end")
    }
}
