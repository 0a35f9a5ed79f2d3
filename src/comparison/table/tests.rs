use proptest::prelude::*;

use super::*;

fn point(fmr: f64, similarity: f64) -> CalibrationPoint {
    CalibrationPoint { fmr, similarity, fnmr: 0.01, fnmr_low: 0.005, fnmr_high: 0.03 }
}

fn measured_on() -> MeasuredOn {
    MeasuredOn {
        name: "toy".into(),
        sha256: "ab".repeat(32),
        people: 1_400,
        mated_pairs: 140,
        non_mated_pairs: 1_000_000,
    }
}

fn table() -> CalibrationTable {
    let points = vec![
        point(0.5, 0.0),
        point(1e-1, 0.10),
        point(1e-2, 0.16),
        point(1e-3, 0.22),
        point(1e-4, 0.27),
        point(1e-5, 0.31),
    ];
    CalibrationTable::new(measured_on(), points).expect("a table")
}

fn threshold(asked: Result<OperatingPoint>, people: u64) -> Result<Threshold> {
    table().threshold_for(asked.expect("in range"), people)
}

#[test]
fn thresholds_meet_the_measured_points_and_lie_between_them() {
    for (fmr, similarity) in [(0.5, 0.0), (1e-2, 0.16), (1e-5, 0.31), (1e-3 / 10f64.sqrt(), 0.245)] {
        let found = threshold(OperatingPoint::fmr(fmr), 1).expect("carried");
        assert!((found.similarity.get() - similarity).abs() < 1e-12, "{fmr}: {found}");
        assert_eq!((found.basis, found.fmr.map(Fmr::get)), (Basis::Measured, Some(fmr)));
    }
}

#[test]
fn an_fmr_beyond_the_data_is_refused_with_the_limits() {
    let error = threshold(OperatingPoint::fmr(1e-6), 1).expect_err("not carried");
    assert_eq!(
        error.to_string(),
        "\"fmr\" is 1e-6: the model's table, measured on toy with 1000000 non-mated pairs, carries 1e-5 to 0.5; \
         ask for a rate in between, give a similarity, or calibrate on more people"
    );
    assert!(threshold(OperatingPoint::fmr(0.6), 1).is_err());
}

#[test]
fn an_identification_continues_the_table_by_two_decades_and_says_so() {
    let measured = threshold(OperatingPoint::fpir(0.01), 1_000).expect("carried");
    assert_eq!(measured.basis, Basis::Measured);
    // The last decade costs 0.04, two more as much each.
    let continued = threshold(OperatingPoint::fpir(0.01), 100_503).expect("continued");
    assert_eq!(continued.basis, Basis::Extrapolated);
    assert!((continued.similarity.get() - 0.39).abs() < 1e-6, "{continued}");
    assert_eq!(continued.to_string(), "0.3900 (fpir=0.01 over 100503 people, FMR 1e-7, extrapolated)");
}

#[test]
fn an_identification_beyond_that_is_refused_and_what_it_names_works() {
    let error = threshold(OperatingPoint::fpir(0.01), 1_000_000).expect_err("too many people");
    assert_eq!(
        error.to_string(),
        "\"fpir\" is 0.01 over 1000000 people, which needs an FMR of 1.01e-8: the model's table, measured on toy \
         with 1000000 non-mated pairs, can be continued to 1e-7; ask for fpir=0.0952 or more, search at most \
         100503 people, give a similarity, or calibrate on more people"
    );
    assert!(threshold(OperatingPoint::fpir(0.0952), 1_000_000).is_ok());
    assert!(threshold(OperatingPoint::fpir(0.01), 100_503).is_ok());
    assert!(threshold(OperatingPoint::fpir(0.01), 100_504).is_err());
    let error = threshold(OperatingPoint::fpir(0.8), 1).expect_err("too large a rate");
    assert!(error.to_string().contains("starts at 0.5"), "{error}");
}

#[test]
fn an_estimated_rate_keeps_to_the_rule_of_three_and_to_one() {
    let at = |similarity| table().fmr_at(Similarity::new(similarity).expect("finite")).get();
    for (similarity, fmr) in [(0.16, 1e-2), (0.10, 1e-1), (0.31, 1e-5), (0.9, 3e-6), (1.0, 3e-6), (-0.9, 1.0)] {
        assert!((at(similarity) / fmr - 1.0).abs() < 1e-9, "{similarity}: {}", at(similarity));
    }
}

#[test]
fn a_decision_carries_the_similarity_its_rate_and_the_threshold() {
    let threshold = threshold(OperatingPoint::fmr(1e-3), 1).expect("carried");
    let decide = |similarity| threshold.decide(Similarity::new(similarity).expect("finite"), Some(&table()));
    assert!(decide(0.22).accepted && !decide(0.2199).accepted);
    assert!((decide(0.22).fmr.expect("a table").get() - 1e-3).abs() < 1e-12);
    assert_eq!(decide(0.3).threshold.to_string(), "0.2200 (fmr=0.001, measured)");
    let given = OperatingPoint::similarity(0.16).expect("finite").threshold(Some(&table()), 1).expect("given");
    assert_eq!(given.to_string(), "0.1600 (similarity=0.16, FMR 0.01)");
}

#[test]
fn tables_that_contradict_themselves_are_refused() {
    let good = table().points;
    let with = |i: usize, change: fn(&mut CalibrationPoint)| {
        let mut points = good.clone();
        change(&mut points[i]);
        (measured_on(), points)
    };
    for (field, (measured_on, points)) in [
        ("points[0].fmr", with(0, |p| p.fmr = 1.0)),
        ("points[5].fmr", with(5, |p| p.fmr = 1e-6)),
        ("points[5].fmr", with(5, |p| p.fmr = f64::NAN)),
        ("points[1].similarity", with(1, |p| p.similarity = f64::INFINITY)),
        ("points[2].fnmr", with(2, |p| p.fnmr = 0.04)),
        ("points[2].fnmr", with(2, |p| p.fnmr_low = -0.1)),
        ("points[3]", with(3, |p| p.similarity = 0.16)),
        ("points[3]", with(3, |p| p.fmr = 0.01)),
        ("points", (measured_on(), good[..1].to_vec())),
        ("measured_on.name", (MeasuredOn { name: " ".into(), ..measured_on() }, good.clone())),
        ("measured_on.sha256", (MeasuredOn { sha256: "abc".into(), ..measured_on() }, good.clone())),
    ] {
        let error = CalibrationTable::new(measured_on, points).expect_err(field);
        assert_eq!(error.violations()[0].field, field);
    }
}

#[test]
fn tables_round_trip_through_toml_and_json_and_are_checked_when_read() {
    let text = toml::to_string(&table()).expect("toml");
    assert_eq!(toml::from_str::<CalibrationTable>(&text).expect("own text"), table());
    let json = serde_json::to_string(&table()).expect("json");
    assert_eq!(serde_json::from_str::<CalibrationTable>(&json).expect("own text"), table());
    let broken = text.replacen("similarity = 0.16", "similarity = 0.05", 1);
    let error = toml::from_str::<CalibrationTable>(&broken).expect_err("similarities must rise").to_string();
    assert!(error.contains("points[2]"), "{error}");
    assert!(toml::from_str::<CalibrationTable>(&text.replacen("fnmr_low", "fnmr_lo", 1)).is_err());
}

proptest! {
    #[test]
    fn a_smaller_rate_never_has_a_lower_threshold(a in -5.0f64..-0.4, b in -5.0f64..-0.4) {
        let at = |log: f64| threshold(OperatingPoint::fmr(10f64.powf(log)), 1).expect("carried").similarity;
        prop_assert_eq!(at(a) > at(b), a < b);
    }

    #[test]
    fn the_rate_at_a_threshold_is_the_rate_asked_for(log in -6.9f64..-0.31) {
        let fmr = 10f64.powf(log);
        let found = threshold(OperatingPoint::fpir(fmr), 1).expect("carried").similarity;
        prop_assert!((table().log10_fmr(found) - log).abs() < 1e-9);
    }

    #[test]
    fn more_alike_is_never_more_common(a in -1.0f64..1.0, b in -1.0f64..1.0) {
        let (a, b) = (Similarity::new(a.min(b)).expect("finite"), Similarity::new(a.max(b)).expect("finite"));
        prop_assert!(table().fmr_at(a) >= table().fmr_at(b));
        prop_assert!(a == b || table().log10_fmr(a) > table().log10_fmr(b));
    }
}
