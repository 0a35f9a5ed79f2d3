//! Comma-separated values (RFC 4180), each record with the line it starts on.
//!
//! Fields may be quoted, and a quoted field may hold commas, line breaks and doubled quotes. White
//! space around fields is not part of them. Lines end in LF or CRLF; empty ones are passed over.

/// A record and the line it starts on, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) fields: Vec<String>,
}

/// What is wrong, and the line it is on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: u64,
    pub(super) what: &'static str,
}

/// The records of a text.
pub(super) fn read(text: &str) -> Result<Vec<Record>, Broken> {
    let mut records = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let mut record = Record { line, fields: Vec::new() };
        loop {
            let (field, after) = field(rest, line)?;
            line += rest[..rest.len() - after.len()].matches('\n').count() as u64;
            record.fields.push(field);
            let Some(next) = after.strip_prefix(',') else {
                // At the end of the record, which is that of its line.
                line += u64::from(after.starts_with('\n'));
                rest = after.strip_prefix('\n').unwrap_or(after);
                break;
            };
            rest = next;
        }
        if record.fields != [""] {
            records.push(record);
        }
    }
    Ok(records)
}

/// The field at the start of a text, and the text from the comma or line feed behind it.
fn field(text: &str, line: u64) -> Result<(String, &str), Broken> {
    let start = text.trim_start_matches([' ', '\t', '\r']);
    let Some(mut quoted) = start.strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let (field, rest) = text.split_at(end);
        if field.contains('"') {
            return Err(Broken { line, what: "a quote stands inside a field that does not start with one" });
        }
        return Ok((field.trim().to_owned(), rest));
    };
    let mut field = String::new();
    loop {
        let Some(end) = quoted.find('"') else {
            return Err(Broken { line, what: "a quote is opened and never closed" });
        };
        field.push_str(&quoted[..end]);
        let after = &quoted[end + 1..];
        let Some(more) = after.strip_prefix('"') else {
            let rest = after.trim_start_matches([' ', '\t', '\r']);
            if !rest.is_empty() && !rest.starts_with([',', '\n']) {
                return Err(Broken { line, what: "a comma or the end of the line is due behind a closing quote" });
            }
            return Ok((field.trim().to_owned(), rest));
        };
        field.push('"');
        quoted = more;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Vec<(u64, Vec<String>)> {
        read(text).expect(text).into_iter().map(|record| (record.line, record.fields)).collect()
    }

    #[test]
    fn records_know_their_line() {
        let text = "\u{feff}a, b ,c\r\n\r\n\"x, \"\"y\"\"\",\"two\nlines\" ,\n  \nlast";
        let expected = [(1, vec!["a", "b", "c"]), (3, vec!["x, \"y\"", "two\nlines", ""]), (6, vec!["last"])];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(line, fields)| (line, fields.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(fields(text), expected);
        assert_eq!(fields(""), []);
        assert_eq!(fields(",\n"), [(1, vec![String::new(), String::new()])]);
    }

    #[test]
    fn broken_quotes_are_told_with_their_line() {
        for (text, line, what) in [
            ("a\nb\"c\n", 2, "a quote stands inside"),
            ("a\n\n\"b\nc", 3, "a quote is opened"),
            ("\"a\nb\" c,d\n", 1, "a comma or the end"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.line == line && error.what.starts_with(what), "{text:?}: {error:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(
            records in proptest::collection::vec(proptest::collection::vec("[a-c,\"\n\r é]{0,6}", 1..4), 0..5),
        ) {
            let trimmed: Vec<Vec<String>> =
                records.iter().map(|fields| fields.iter().map(|field| field.trim().to_owned()).collect()).collect();
            let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let text: String = trimmed
                .iter()
                .map(|fields| fields.iter().map(quote).collect::<Vec<_>>().join(",") + "\r\n")
                .collect();
            let found: Vec<Vec<String>> = read(&text).expect("quoted").into_iter().map(|record| record.fields).collect();
            // A record of one empty field is an empty line.
            let expected: Vec<Vec<String>> = trimmed.into_iter().filter(|fields| fields != &[""]).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a,\"\n\r ]{0,40}") {
            let _ = read(&text);
        }
    }
}
