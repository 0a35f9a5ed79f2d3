use proptest::prelude::*;

use super::*;

fn seen(x: f32, y: f32, score: f32) -> Observation {
    Observation { bounds: Rect { x, y, width: 60.0, height: 80.0 }, score }
}

/// Frames 40 milliseconds apart.
fn at(frame: u64) -> Duration {
    Duration::from_millis(40 * frame)
}

/// The number of the track of each box of a frame, 0 for none.
fn numbers(tracker: &mut Tracker, frame: u64, boxes: &[Observation]) -> Vec<u64> {
    let mut numbers = vec![0; boxes.len()];
    for tracked in tracker.update(at(frame), boxes).tracks {
        numbers[tracked.observation] = tracked.track;
    }
    numbers
}

#[test]
fn a_track_begins_with_its_second_frame_and_only_from_a_good_score() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    assert_eq!(numbers(&mut tracker, 0, &[seen(0.0, 0.0, 0.9), seen(200.0, 0.0, 0.55)]), [0, 0]);
    assert_eq!(numbers(&mut tracker, 1, &[seen(200.0, 0.0, 0.55), seen(2.0, 0.0, 0.7)]), [0, 1]);
    // Seen once, missed, seen again: not twice in a row.
    assert_eq!(numbers(&mut tracker, 2, &[seen(4.0, 0.0, 0.7), seen(400.0, 0.0, 0.9)]), [1, 0]);
    assert_eq!(numbers(&mut tracker, 3, &[seen(6.0, 0.0, 0.7)]), [1]);
    assert_eq!(numbers(&mut tracker, 4, &[seen(8.0, 0.0, 0.7), seen(400.0, 0.0, 0.9)]), [1, 0]);
    assert_eq!(numbers(&mut tracker, 5, &[seen(8.0, 0.0, 0.7), seen(401.0, 0.0, 0.9)]), [1, 2]);
}

#[test]
fn a_low_score_continues_a_track_but_begins_none() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    numbers(&mut tracker, 0, &[seen(0.0, 0.0, 0.9)]);
    numbers(&mut tracker, 1, &[seen(0.0, 0.0, 0.9)]);
    for frame in 2..6 {
        assert_eq!(numbers(&mut tracker, frame, &[seen(0.0, 0.0, 0.3), seen(200.0, 0.0, 0.3)]), [1, 0]);
    }
    assert_eq!(numbers(&mut tracker, 6, &[seen(0.0, 0.0, 0.2)]), [0], "below the lowest score");
    assert_eq!(numbers(&mut tracker, 7, &[seen(0.0, 0.0, 0.3)]), [0], "a low score does not find a lost track again");
    assert_eq!(numbers(&mut tracker, 8, &[seen(0.0, 0.0, 0.9)]), [1]);
}

#[test]
fn a_track_that_is_hidden_is_kept_and_found_again_where_it_moved_to() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    for frame in 0..25 {
        numbers(&mut tracker, frame, &[seen(4.0 * frame as f32, 0.0, 0.9)]);
    }
    for frame in 25..50 {
        assert_eq!(tracker.update(at(frame), &[]), TrackUpdate::default());
    }
    let found = tracker.update(at(50), &[seen(200.0, 0.0, 0.9)]);
    assert!(matches!(found.tracks[..], [Tracked { track: 1, doubtful: true, .. }]), "{found:?}");
    let next = tracker.update(at(51), &[seen(204.0, 0.0, 0.9)]);
    assert!(matches!(next.tracks[..], [Tracked { track: 1, doubtful: false, .. }]), "{next:?}");
    let gone = tracker.update(at(51) + Duration::from_millis(2_001), &[]);
    assert_eq!((gone.tracks.len(), gone.ended), (0, vec![1]));
}

#[test]
fn a_track_does_not_live_across_a_gap_between_frames() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    tracker.update(at(0), &[seen(0.0, 0.0, 0.9)]);
    tracker.update(at(1), &[seen(0.0, 0.0, 0.9)]);
    let late = tracker.update(Duration::from_secs(8), &[seen(0.0, 0.0, 0.9)]);
    assert_eq!((late.tracks.len(), late.ended), (0, vec![1]));
    let next = tracker.update(Duration::from_secs(8) + at(1), &[seen(0.0, 0.0, 0.9)]);
    assert!(matches!(next.tracks[..], [Tracked { track: 2, .. }]), "{next:?}");
}

#[test]
fn a_face_that_moves_by_more_than_its_size_stays_one_track_and_is_doubtful() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    tracker.update(Duration::ZERO, &[seen(0.0, 0.0, 0.9)]);
    tracker.update(Duration::from_millis(250), &[seen(0.0, 0.0, 0.9)]);
    let found = tracker.update(Duration::from_millis(500), &[seen(72.0, 0.0, 0.9)]);
    assert!(matches!(found.tracks[..], [Tracked { track: 1, doubtful: true, .. }]), "{found:?}");
    let other = tracker.update(Duration::from_millis(540), &[seen(300.0, 0.0, 0.9)]);
    assert_eq!(other, TrackUpdate::default(), "too far for the time that has passed");
}

#[test]
fn two_that_cross_keep_their_numbers_and_are_covered_meanwhile() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    let (mut first, mut covered) = (Vec::new(), 0.0f32);
    for frame in 0..60 {
        let step = 5.0 * frame as f32;
        // One behind the other: the one behind is not seen in the middle.
        let both = [seen(step, 0.0, 0.9), seen(300.0 - step, 10.0, 0.9)];
        let hidden = (26..34).contains(&frame);
        let update = tracker.update(at(frame), if hidden { &both[..1] } else { &both });
        covered = update.tracks.iter().map(|tracked| tracked.covered).fold(covered, f32::max);
        first.extend(update.tracks.iter().filter(|tracked| tracked.observation == 0).map(|tracked| tracked.track));
    }
    first.dedup();
    assert_eq!(first, [1]);
    assert!(covered > 0.5, "{covered}");
    let far = tracker.update(at(60), &[seen(300.0, 0.0, 0.9), seen(0.0, 10.0, 0.9)]);
    assert!(far.tracks.iter().all(|tracked| tracked.covered == 0.0), "{far:?}");
}

#[test]
fn boxes_that_are_none_are_passed_over_and_tracks_are_limited() {
    let mut tracker = Tracker::new(TrackerOptions::default().with_frames(1).with_max_tracks(3));
    let mut wrong = seen(f32::NAN, 0.0, 0.9);
    assert_eq!(tracker.update(Duration::ZERO, &[wrong]), TrackUpdate::default());
    wrong = seen(0.0, 0.0, f32::NAN);
    assert_eq!(tracker.update(Duration::ZERO, &[wrong]), TrackUpdate::default());
    wrong.bounds.width = 0.0;
    wrong.score = 1.0;
    assert_eq!(tracker.update(Duration::ZERO, &[wrong]), TrackUpdate::default());
    let many: Vec<Observation> = (0..9).map(|i| seen(100.0 * i as f32, 0.0, 0.9)).collect();
    let found = tracker.update(Duration::ZERO, &many);
    assert_eq!(found.tracks.iter().map(|tracked| tracked.track).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_time_that_goes_back_is_the_same_time() {
    let mut tracker = Tracker::new(TrackerOptions::default().with_frames(1));
    tracker.update(Duration::from_secs(9), &[seen(0.0, 0.0, 0.9)]);
    let update = tracker.update(Duration::from_secs(1), &[seen(1.0, 0.0, 0.9)]);
    assert_eq!(update.tracks.len(), 1);
    let gone = tracker.update(Duration::from_millis(11_001), &[]);
    assert_eq!(gone.ended, [1]);
}

fn films() -> impl Strategy<Value = Vec<(u64, Vec<Observation>)>> {
    let seen = (-50.0f32..700.0, -50.0f32..500.0, 10.0f32..200.0, 0.0f32..1.0);
    let seen = seen
        .prop_map(|(x, y, side, score)| Observation { bounds: Rect { x, y, width: side, height: side * 1.2 }, score });
    proptest::collection::vec((0u64..900, proptest::collection::vec(seen, 0..6)), 0..60)
}

proptest! {
    #[test]
    fn equal_films_give_equal_tracks_each_with_one_end_and_one_box(film in films()) {
        let play = || {
            let mut tracker = Tracker::new(TrackerOptions::default().with_max_tracks(8));
            let mut time = Duration::ZERO;
            let mut updates = Vec::new();
            for (step, boxes) in &film {
                time += Duration::from_millis(*step);
                updates.push(tracker.update(time, boxes));
                assert!(tracker.tracks.len() <= 8);
            }
            updates.push(tracker.update(time + Duration::from_secs(3), &[]));
            updates
        };
        let updates = play();
        prop_assert_eq!(&updates, &play());
        let mut alive: Vec<u64> = Vec::new();
        let mut last = 0;
        for update in &updates {
            let mut places: Vec<usize> = update.tracks.iter().map(|tracked| tracked.observation).collect();
            places.sort_unstable();
            places.dedup();
            prop_assert_eq!(places.len(), update.tracks.len());
            for tracked in &update.tracks {
                prop_assert!((0.0..=1.0).contains(&tracked.covered));
                if !alive.contains(&tracked.track) {
                    prop_assert_eq!(tracked.track, last + 1);
                    last += 1;
                    alive.push(tracked.track);
                }
            }
            for ended in &update.ended {
                prop_assert!(alive.contains(ended));
                alive.retain(|track| track != ended);
            }
        }
        prop_assert!(alive.is_empty());
    }
}
