//! Errors, for people and for programs.

use std::error::Error as _;
use std::io::{Write, stderr};

use facevault::wire::ErrorAnswer;
use facevault::{Error, ErrorKind, ImageReport};

use super::text::{ERROR, painted};
use super::{Output, escaped, json};

impl Output {
    /// Prints an error: a sentence, what caused it, every broken rule and every photo on a line.
    /// `photos` says how the command line called the photos of the request.
    pub(crate) fn error(&self, error: &Error, photos: &[String]) {
        let text = if self.json {
            // An error's texts and numbers always have a JSON form.
            json::line(&ErrorAnswer(error)).unwrap_or_default() + "\n"
        } else {
            let head = painted(self.error_colour, ERROR, "error:");
            sentences(error, photos).iter().enumerate().fold(String::new(), |text, (i, line)| {
                let line = escaped(line);
                text + &if i == 0 { format!("{head} {line}\n") } else { format!("  {line}\n") }
            })
        };
        // There is nowhere left to say that standard error is closed.
        let _ = stderr().write_all(text.as_bytes());
    }

    /// Says that the command was interrupted.
    pub(crate) fn interrupted(&self, sentence: &str) {
        let line = if self.json {
            json::line(&serde_json::json!({"error": "interrupted", "message": sentence})).unwrap_or_default()
        } else {
            escaped(sentence)
        };
        let _ = writeln!(stderr(), "{line}");
    }
}

/// The error's sentence, then what belongs to it.
fn sentences(error: &Error, photos: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    match (error.images(), error.violations()) {
        ([_, _, ..], _) => {
            let refused = error.images().iter().filter(|image| image.refusal.is_some()).count();
            let were = if refused == 1 { "was" } else { "were" };
            lines.push(format!("{refused} of {} photos {were} refused", photos.len().max(error.images().len())));
            lines.extend(error.images().iter().map(|image| outcome(image, photos)));
        }
        ([image], _) => lines.push(outcome(image, photos)),
        (_, [_, _, ..]) => {
            lines.push(format!("the request breaks {} rules", error.violations().len()));
            lines.extend(error.violations().iter().map(ToString::to_string));
        }
        _ => lines.push(error.to_string()),
    }
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) && !text.ends_with(&said) {
            lines.push(format!("caused by: {text}"));
            said = text;
        }
        source = cause.source();
    }
    lines.extend(advice(error.kind()).map(str::to_owned));
    lines
}

/// `ada.jpg: face_too_small: the face is 21 pixels wide, ...`
fn outcome(image: &ImageReport, photos: &[String]) -> String {
    let name = match photos.get(image.index) {
        Some(name) => name.clone(),
        None => format!("image {}", image.index),
    };
    match &image.refusal {
        Some(refusal) => format!("{name}: {refusal}"),
        None => format!("{name}: ok"),
    }
}

/// What to do where the sentence does not say so itself.
fn advice(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Conflict => Some("read it again with `person show`, then repeat the change"),
        ErrorKind::Busy => Some("another process is writing to the vault: try again"),
        ErrorKind::Runtime => Some("`facevault doctor` looks at ONNX Runtime, and `facevault setup` installs it"),
        ErrorKind::Corrupt => Some("`facevault check` lists everything that is damaged; restore a backup"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use facevault::{Refusal, RefusalCode, Rule, Violation};

    use super::*;

    #[test]
    fn every_photo_and_every_rule_has_a_line() {
        let none = Refusal::new(RefusalCode::NoFaceDetected, "there is no face");
        let reports = |count| {
            (0..count).map(|index| ImageReport::new(index, (index != 1).then(|| none.clone()))).collect::<Vec<_>>()
        };
        let photos = ["a.jpg".to_owned(), "b.jpg".to_owned()];
        let rules = ["name", "notes"].map(|field| Violation::new(field, Rule::NotNull));
        for (error, expected) in [
            (Error::refused(reports(1)), vec!["a.jpg: no_face_detected: there is no face"]),
            (
                Error::refused(reports(3)),
                vec![
                    "2 of 3 photos were refused",
                    "a.jpg: no_face_detected: there is no face",
                    "b.jpg: ok",
                    "image 2: no_face_detected: there is no face",
                ],
            ),
            (Error::violated(rules[..1].to_vec()), vec!["\"name\" must not be null"]),
            (
                Error::violated(rules.to_vec()),
                vec!["the request breaks 2 rules", "\"name\" must not be null", "\"notes\" must not be null"],
            ),
        ] {
            assert_eq!(sentences(&error, &photos), expected);
        }
    }

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("disk full");
        let error = Error::new(ErrorKind::Io, "cannot write v: disk full").caused_by(inner);
        assert_eq!(sentences(&error, &[]), ["cannot write v: disk full"]);
        let cause = Error::new(ErrorKind::Io, "disk full").caused_by(std::io::Error::other("code 13: disk full"));
        let error = Error::new(ErrorKind::Io, "cannot write v").caused_by(cause);
        assert_eq!(sentences(&error, &[]), ["cannot write v", "caused by: disk full"]);
    }
}
