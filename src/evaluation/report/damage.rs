//! What models make of damaged photos, as a page in Markdown with a section for each pack.

use std::fmt::Write as _;

use crate::evaluation::damage::DamageReport;

const HEAD: &str = "\
# Damaged photos

Photos on which nobody can be recognised give vectors that resemble each other: without a limit two such photos of
strangers are taken for one person. So a face is refused whose vector is too short or points to where vectors of damaged
photos point (`Recognizability`). Here photos of different people were damaged in one way each, and every two that were
taken were compared at the threshold for a stated false match rate (FMR). *Times asked* is how many times that rate was
found: 1 is what was promised, and the range holds the true value in 95 of 100 such measurements if pairs are
independent. Few pairs make a rare error look like none or like many; the range says so. *Of all pairs* counts the pairs
of refused photos too (the generalized false acceptance rate of ISO/IEC 19795-1), in times of the rate asked for: how
much a kind of damage helps somebody who is not enrolled. A section is made by the command in it.
";

/// The page with the section of this pack in the place of an earlier one; sections of other packs
/// in `before` stay as they are.
#[must_use]
pub fn damage_page(before: Option<&str>, report: &DamageReport, command: &str) -> String {
    let title = format!("## {}\n", report.about.pack);
    let own = section(report, &title, command);
    let mut sections: Vec<String> = (before.unwrap_or_default().split("\n## ").skip(1))
        .map(|section| format!("## {}\n", section.trim_end()))
        .collect();
    match sections.iter_mut().find(|section| section.starts_with(&title)) {
        Some(earlier) => *earlier = own,
        None => sections.push(own),
    }
    format!("{HEAD}\n{}", sections.join("\n"))
}

fn section(report: &DamageReport, title: &str, command: &str) -> String {
    let mut text = format!(
        "{title}\n`{command}`\n\nOne photo of each of {} people of {}{}. FMR asked for: {:e}, threshold {:.4}; {}.\n\n",
        report.people,
        report.about.data,
        if report.held_out { ", whose photos had no part in choosing the limit" } else { "" },
        report.asked_fmr,
        report.threshold,
        match report.limit {
            Some(limit) => format!("least value of recognisability {limit:.4}"),
            None => "no limit of recognisability".into(),
        },
    );
    text.push_str("| damage | face found | taken | FMR of these | pairs | times asked | of all pairs | refused |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|---:|---|\n");
    for row in &report.rows {
        let rate = |text: String| if row.fmr.trials > 0 { text } else { "-".into() };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {:.2} | {} |",
            row.description,
            row.found,
            row.accepted,
            rate(format!("{:.4}", row.fmr.rate)),
            row.fmr.trials,
            rate(row.times_asked_with_range()),
            row.gfar / report.asked_fmr,
            row.reasons().replace('_', " "),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::ModelId;
    use crate::evaluation::About;
    use crate::evaluation::damage::{Damage, DamageRow};
    use crate::spec::Metric;

    fn report(pack: &str, people: u64) -> DamageReport {
        DamageReport {
            about: About {
                pack: pack.into(),
                model: ModelId::from_bytes([1; 16]),
                metric: Metric::Cosine,
                licence: "MIT".into(),
                data: "photos".into(),
                sha256: "0a".repeat(32),
            },
            people,
            held_out: true,
            asked_fmr: 1e-3,
            threshold: 0.25,
            limit: Some(8.0),
            rows: vec![DamageRow::of(Damage::Jpeg(3), &[], Metric::Cosine, 0.25, 1e-3)],
        }
    }

    #[test]
    fn a_section_is_replaced_and_others_stay() {
        let first = damage_page(None, &report("one", 10), "facevault a");
        assert!(
            first.starts_with("# Damaged photos") && first.contains("| JPEG quality 3 | 0 | 0 | - | 0 | - | 0.00 |  |")
        );
        let both = damage_page(Some(&first), &report("two", 20), "facevault b");
        let again = damage_page(Some(&both), &report("one", 30), "facevault c");
        assert!(again.contains("of 30 people") && again.contains("of 20 people") && !again.contains("of 10 people"));
        assert!(again.find("## one") < again.find("## two"));
        assert_eq!(damage_page(Some(&again), &report("one", 30), "facevault c"), again);
    }
}
