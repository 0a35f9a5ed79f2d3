//! The page around the figures: document, sections and tables.

use std::fmt;

use super::push;

const STYLE: &str = include_str!("style.css");

/// A whole document. Nothing is loaded from anywhere: the policy forbids what the page does not do.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport \
         content=\"width=device-width,initial-scale=1\">\n<meta name=color-scheme content=\"light dark\">\n<meta \
         http-equiv=content-security-policy content=\"default-src 'none'; img-src data:; style-src \
         'unsafe-inline'\">\n<title>{} - facevault evaluation</title>\n<style>\n{STYLE}</style>\n<main>\n{body}</main>\n\
         </html>\n",
        escape(title)
    )
}

pub(super) fn section(out: &mut String, id: &str, title: Option<&str>, content: impl FnOnce(&mut String)) {
    match title {
        Some(title) => push(out, format_args!("<section id={id}>\n<h2>{title}</h2>\n")),
        None => push(out, format_args!("<header>\n")),
    }
    content(out);
    push(out, format_args!("\n</{}>\n", if title.is_some() { "section" } else { "header" }));
}

pub(super) fn table(out: &mut String, head: &[&str], rows: impl FnOnce(&mut String)) {
    push(out, format_args!("<div class=table><table><thead><tr>"));
    head.iter().for_each(|name| push(out, format_args!("<th>{name}")));
    push(out, format_args!("<tbody>"));
    rows(out);
    push(out, format_args!("</table></div>"));
}

pub(super) fn row(out: &mut String, cells: &[String]) {
    push(out, format_args!("<tr>"));
    cells.iter().for_each(|cell| push(out, format_args!("<td>{}", escape(cell))));
}

/// Text as it stands in HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Other control characters have no place in HTML, and a file name may have them.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Shows a number in SVG with a tenth of a unit, which no screen resolves better.
pub(super) struct Px(pub(super) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() / 10.0;
        write!(f, "{}", tenths + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let text = "a<b>&\"'\u{7}\n";
        assert_eq!(escape(text), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\n");
    }

    #[test]
    fn pixels_have_a_digit_at_most() {
        for (value, shown) in [(1.0, "1"), (1.26, "1.3"), (-0.01, "0"), (120.04, "120")] {
            assert_eq!(Px(value).to_string(), shown);
        }
    }
}
