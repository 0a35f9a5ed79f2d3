//! The error rates of presentation attack detection as one HTML page.

use super::chart::{self, Axis, Mark, TradeOff};
use super::figures::{asked_percent, count, percent, percent_range};
use super::html::{self, escape};
use super::push;
use crate::evaluation::liveness::LivenessEvaluation;

/// The page as HTML: `command` as it was typed, `made_at` for people to read.
#[must_use]
pub fn liveness_page(evaluation: &LivenessEvaluation, command: &str, made_at: &str) -> String {
    let mut body = String::new();
    html::section(&mut body, "", None, |out| head(out, evaluation));
    html::section(&mut body, "attacks", Some("Attacks, kind by kind"), |out| species(out, evaluation));
    html::section(&mut body, "trade-off", Some("What one error costs in the other"), |out| trade_off(out, evaluation));
    html::section(&mut body, "origin", Some("How this was made"), |out| origin(out, evaluation, command, made_at));
    html::document(&format!("{} on {}", evaluation.model, evaluation.data), &body)
}

fn head(out: &mut String, evaluation: &LivenessEvaluation) {
    let LivenessEvaluation { model, data, asked, bpnrr, species, .. } = evaluation;
    push(out, format_args!("<p class=over>Presentation attack detection, measured</p>"));
    push(out, format_args!("<h1>{} <span>on {}</span></h1>", escape(model), escape(data)));
    let attacks: u64 = species.iter().map(|species| species.apnrr.trials).sum();
    push(
        out,
        format_args!(
            "<p class=lead>{} bona fide presentations and {} attacks of {} were judged by {} photos. A face with a score \
             above {} is taken for live.</p>",
            count(bpnrr.trials),
            count(attacks),
            kinds(species.len()),
            count(evaluation.photos),
            asked.threshold,
        ),
    );
    let cards = [
        (
            percent(asked.apcer.rate),
            format!("of attacks of the kind {} pass (APCER, the highest of a kind)", escape(&asked.worst)),
            percent_range(asked.apcer.interval()),
        ),
        (
            percent(asked.bpcer.rate),
            "of bona fide presentations are taken for attacks (BPCER)".to_owned(),
            percent_range(asked.bpcer.interval()),
        ),
        (
            percent(bpnrr.rate),
            "of bona fide presentations gave no score (BPNRR)".to_owned(),
            percent_range(bpnrr.interval()),
        ),
    ];
    push(out, format_args!("<div class=cards>"));
    for (figure, what, range) in cards {
        push(out, format_args!("<div><b>{figure}</b><p>{what}</p><small>95 %: {range}</small></div>"));
    }
    push(out, format_args!("</div>"));
}

fn kinds(count: usize) -> String {
    if count == 1 { "one kind".to_owned() } else { format!("{count} kinds") }
}

fn species(out: &mut String, evaluation: &LivenessEvaluation) {
    push(
        out,
        format_args!(
            "<p>APCER is the share of attacks of a kind that are classified as bona fide. Rates of different kinds are \
             not averaged: whoever attacks chooses the kind that works. Attacks that gave no score (APNRR) are not among \
             them.</p>"
        ),
    );
    html::table(
        out,
        &["kind (PAI species)", "attacks", "no score (APNRR)", "APCER", "95 % interval", "passed"],
        |out| {
            for species in &evaluation.species {
                html::row(
                    out,
                    &[
                        species.name.clone(),
                        count(species.apnrr.trials),
                        percent(species.apnrr.rate),
                        percent(species.apcer.rate),
                        percent_range(species.apcer.interval()),
                        format!("{} of {}", count(species.apcer.errors), count(species.apcer.trials)),
                    ],
                );
            }
        },
    );
}

fn trade_off(out: &mut String, evaluation: &LivenessEvaluation) {
    push(
        out,
        format_args!(
            "<p>The curve shows the highest APCER of a kind and the BPCER over all thresholds. Dots are the thresholds of \
             the table: they were chosen on this data, and say what the networks could do.</p>"
        ),
    );
    let marks: Vec<Mark> = (evaluation.rows.iter())
        .map(|row| Mark { x: row.apcer.rate, y: row.bpcer.rate, interval: row.bpcer.interval() })
        .collect();
    let attacks = evaluation.species.iter().map(|species| species.apcer.trials).max().unwrap_or(0);
    let chart = chart::trade_off(&TradeOff {
        title: "DET curve: BPCER over the highest APCER of a kind, both axes logarithmic",
        x: Axis { name: "attacks that pass (APCER, highest of a kind)", trials: attacks, percent: true },
        y: Axis { name: "bona fide taken for attacks (BPCER)", trials: evaluation.asked.bpcer.trials, percent: true },
        curve: &evaluation.curve,
        marks: &marks,
        equal: Some(evaluation.equal_error.rate),
    });
    push(out, format_args!("<figure>{chart}</figure>"));
    html::table(
        out,
        &["", "threshold", "highest APCER", "of the kind", "BPCER", "95 % interval", "taken for attacks"],
        |out| {
            for row in std::iter::once(&evaluation.asked).chain(&evaluation.rows) {
                let asked = match row.asked_apcer {
                    None => "as asked".to_owned(),
                    Some(apcer) => format!("APCER at most {}", asked_percent(apcer)),
                };
                html::row(
                    out,
                    &[
                        asked,
                        row.threshold.to_string(),
                        percent(row.apcer.rate),
                        row.worst.clone(),
                        percent(row.bpcer.rate),
                        percent_range(row.bpcer.interval()),
                        format!("{} of {}", count(row.bpcer.errors), count(row.bpcer.trials)),
                    ],
                );
            }
        },
    );
}

fn origin(out: &mut String, evaluation: &LivenessEvaluation, command: &str, made_at: &str) {
    push(out, format_args!("<pre><code>{}</code></pre><dl>", escape(command)));
    let refused: Vec<String> =
        evaluation.refusals.iter().map(|(code, photos)| format!("{code}: {}", count(*photos))).collect();
    for (name, value) in [
        ("data", evaluation.data.clone()),
        ("its SHA-256", evaluation.sha256.clone()),
        ("liveness networks", evaluation.model.clone()),
        ("faces found by", evaluation.pack.clone()),
        ("photos without a score", if refused.is_empty() { "none".to_owned() } else { refused.join(", ") }),
        ("made", made_at.to_owned()),
        ("by", concat!("facevault ", env!("CARGO_PKG_VERSION")).to_owned()),
    ] {
        push(out, format_args!("<dt>{name}<dd>{}", escape(&value)));
    }
    push(
        out,
        format_args!(
            "</dl><p class=note>The words are those of ISO/IEC 30107-3; this is no evaluation by an accredited \
             laboratory. Intervals are Wilson's, which take every presentation as independent: photos of one person or \
             one attack resemble each other, and then the intervals are too narrow. They say nothing of cameras, light \
             and attacks that are not like these.</p>"
        ),
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evaluation::liveness::{PresentationRow, SpeciesResult};
    use crate::statistics::MeasuredRate;
    use crate::statistics::presentation_attacks::{PresentationScores, Species};

    #[test]
    fn the_page_has_each_kind_and_shows_names_as_text() {
        let attacks = Species { name: "<print>".into(), scores: vec![0.1, 0.7], non_responses: 1 };
        let scores = PresentationScores::new(vec![0.5, 0.9, 0.95], 0, vec![attacks]).expect("scores");
        let point = scores.at(0.6);
        let row = |asked_apcer, threshold| PresentationRow {
            asked_apcer,
            threshold,
            apcer: scores.at(threshold).worst_apcer(),
            worst: "<print>".into(),
            bpcer: scores.at(threshold).bpcer,
        };
        let evaluation = LivenessEvaluation {
            model: "liveness".into(),
            pack: "standard".into(),
            data: "door".into(),
            sha256: "ab".repeat(32),
            photos: 6,
            refusals: BTreeMap::from([("no_face_detected".to_owned(), 1)]),
            bpnrr: scores.bpnrr(),
            species: vec![SpeciesResult {
                name: "<print>".into(),
                apnrr: MeasuredRate::of(1, 3),
                apcer: point.apcer[0],
            }],
            asked: row(None, 0.6),
            rows: vec![row(Some(0.1), 0.7)],
            equal_error: scores.equal_error(),
            curve: scores.curve(),
        };
        let page = liveness_page(&evaluation, "facevault evaluate --protocol liveness door", "today");
        for part in ["&lt;print&gt;", "APCER at most 10\u{a0}%", "1 of 2", "1 of 3", "no_face_detected: 1", "<svg"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<print>"));
    }
}
