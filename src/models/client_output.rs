//! What a package client says when it fails: the lines that tell why, fit to be shown.

use crate::validate::is_invisible;

/// Characters of one line that are shown.
const MAX_LINE: usize = 320;

/// Lines that are shown.
const MAX_LINES: usize = 4;

/// Warnings of pip that say nothing about a failure.
const PIP_NOISE: [&str; 6] = [
    "WARNING: You are using pip",
    "WARNING: Running pip as",
    "WARNING: The directory",
    "WARNING: The script",
    "WARNING: Requirement file",
    "WARNING: Cache entry",
];

/// What npm adds to each failure of a kind.
const NPM_NOISE: [&str; 9] = [
    "A complete log of this run",
    "notarget In most cases",
    "notarget a package version that",
    "network This is a problem related to",
    "network In most cases",
    "network If you are behind a proxy",
    "syscall ",
    "If you are behind a proxy",
    "'proxy' config is set properly",
];

/// Why pip failed, from its log: what it warned of first, then its errors; else its last lines.
pub(super) fn by_pip(log: &str) -> String {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    for line in log.lines().map(str::trim) {
        if line.starts_with("ERROR") || line.starts_with("error: ") || line.starts_with('×') {
            push_new(&mut errors, line.to_owned());
        } else if ["Expected sha256", "Got  "].iter().any(|start| line.starts_with(start)) && !errors.is_empty() {
            // The lines below "do not match the hashes".
            push_new(&mut errors, line.split_whitespace().collect::<Vec<_>>().join(" "));
        } else if (line.starts_with("WARNING") && !PIP_NOISE.iter().any(|noise| line.starts_with(noise)))
            || line.starts_with("Could not fetch URL")
        {
            push_new(&mut warnings, without_attempts(line));
        }
    }
    if errors.iter().any(|line| line.starts_with("ERROR: Exception")) {
        // The exception stands at the end of its traceback.
        errors.extend(last(log, 1, &|_| true));
    }
    if errors.is_empty() {
        return shown(&last(log, 3, &|_| true));
    }
    let errors = &errors[errors.len().saturating_sub(3)..];
    let warnings = &warnings[warnings.len().saturating_sub((MAX_LINES - errors.len()).max(1))..];
    shown(&[warnings, errors].concat())
}

/// Why npm failed, from its log: the lines that it marks as errors, without what it adds to each;
/// else its last lines.
pub(super) fn by_npm(log: &str) -> String {
    let mut errors: Vec<String> = Vec::new();
    for line in log.lines() {
        let Some(rest) = line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!")) else { continue };
        // Indented lines are those of a stack, and where the log is.
        let said = rest.strip_prefix(' ').unwrap_or(rest);
        let repeated = said.strip_prefix("errno ").is_some_and(|code| errors.contains(&format!("code {code}")));
        if said.starts_with([' ', '}']) || NPM_NOISE.iter().any(|noise| said.starts_with(noise)) || repeated {
            continue;
        }
        push_new(&mut errors, said.trim_end().to_owned());
    }
    if errors.is_empty() {
        errors =
            last(log, 3, &|line| !["npm notice", "npm warn", "npm WARN"].iter().any(|mark| line.starts_with(mark)));
    }
    errors.truncate(MAX_LINES);
    shown(&errors)
}

fn push_new(lines: &mut Vec<String>, line: String) {
    if !matches!(line.as_str(), "" | "network" | "notarget" | "404") && !lines.contains(&line) {
        lines.push(line);
    }
}

/// The last `count` lines with text in them for which `counts` is true.
fn last(log: &str, count: usize, counts: &dyn Fn(&str) -> bool) -> Vec<String> {
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty() && counts(line)).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// A warning of pip that it tries again, without the count and the object's address, which differ
/// from one attempt to the next.
fn without_attempts(line: &str) -> String {
    let mut line = line.to_owned();
    if let (Some(start), Some(end)) = (line.find("Retrying (Retry("), line.find("connection broken by")) {
        line.replace_range(start..end.max(start), "");
    }
    while let Some(at) = line.find(" object at 0x") {
        let start = line[..at].rfind('<');
        let end = line[at..].find('>').map(|end| at + end + 1);
        let (Some(start), Some(end)) = (start, end) else { break };
        let end = if line[end..].starts_with(": ") { end + 2 } else { end };
        line.replace_range(start..end, "");
    }
    line
}

fn shown(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| plain(line)).collect();
    let said = lines.join("; ");
    if said.is_empty() { "nothing".to_owned() } else { said.trim_end_matches(['.', ' ']).to_owned() }
}

/// `line` without passwords, shortened, and with nothing in it that a terminal acts on.
fn plain(line: &str) -> String {
    let masked = masked(line);
    let mut plain = String::new();
    for (count, c) in masked.chars().enumerate() {
        if count == MAX_LINE {
            plain.push('…');
            break;
        }
        if is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// `***` for the user and password in front of a host, and for npm's tokens.
fn masked(line: &str) -> String {
    let parted = |c: char| c.is_whitespace() || "'\"`()<>,;[]{}".contains(c);
    let mut masked = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let length = rest.find(parted).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        masked += &masked_word(word);
        let part = after.chars().next().map_or(0, char::len_utf8);
        masked += &after[..part];
        rest = &after[part..];
    }
    masked
}

fn masked_word(word: &str) -> String {
    for secret in ["_authToken=", "_auth=", "_password="] {
        if let Some((before, _)) = word.split_once(secret) {
            return format!("{before}{secret}***");
        }
    }
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at(at + 3),
        None => ("", word),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What follows the colon is no port: it is a password that holds a slash.
    let slashed = authority.split_once(':').is_some_and(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit()));
    let within = if slashed && !authority.contains('@') || scheme.is_empty() { rest } else { authority };
    match within.rsplit_once('@') {
        Some((user, _)) if !scheme.is_empty() || user.contains(':') => format!("{scheme}***{}", &rest[user.len()..]),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_pip_that_say_why_are_quoted() {
        let retrying = |total: u8, address: &str| {
            format!(
                "WARNING: Retrying (Retry(total={total}, connect=None, read=None, redirect=None, status=None)) after \
                 connection broken by 'ProxyError('Cannot connect to proxy.', \
                 NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at {address}>: Failed to \
                 establish a new connection: [Errno 111] Connection refused'))': /simple/a/\n"
            )
        };
        let broken = "WARNING: connection broken by 'ProxyError('Cannot connect to proxy.', NewConnectionError('Failed to \
                      establish a new connection: [Errno 111] Connection refused'))': /simple/a/";
        let proxy = retrying(1, "0x7f00") + &retrying(0, "0x7f01") + "ERROR: No matching distribution found for a==1\n";
        let hashes = "ERROR: THESE PACKAGES DO NOT MATCH.\n    a==1 from x:\n        Expected sha256 ab\n             Got        \
                      cd\n";
        for (log, said) in [
            ("", "nothing".to_owned()),
            ("one\n\ntwo\nthree\nfour\n", "two; three; four".to_owned()),
            ("Looking\nERROR: no version\n\nWARNING: Running pip as the 'root' user\n", "ERROR: no version".to_owned()),
            ("/usr/bin/python3: No module named pip\n", "/usr/bin/python3: No module named pip".to_owned()),
            (&proxy, format!("{broken}; ERROR: No matching distribution found for a==1")),
            (hashes, "ERROR: THESE PACKAGES DO NOT MATCH.; Expected sha256 ab; Got cd".to_owned()),
            (
                "ERROR: Exception:\nTraceback (most recent call last):\n  File \"x\"\nOSError: no space left\n",
                "ERROR: Exception:; OSError: no space left".to_owned(),
            ),
        ] {
            assert_eq!(by_pip(log), said);
        }
    }

    #[test]
    fn the_lines_of_npm_that_say_why_are_quoted() {
        for (log, said) in [
            ("", "nothing"),
            (
                "npm notice new version\nnpm error code ETARGET\nnpm error notarget No matching version found for \
                 a@1.\nnpm error notarget In most cases you or one of your dependencies are requesting\nnpm error A \
                 complete log of this run can be found in: /root/.npm/_logs/x-debug-0.log\n",
                "code ETARGET; notarget No matching version found for a@1",
            ),
            (
                "npm ERR! code ENOTFOUND\nnpm ERR! syscall getaddrinfo\nnpm ERR! errno ENOTFOUND\nnpm ERR! network request to https://a failed\nnpm \
                 ERR! network This is a problem related to network connectivity.\nnpm ERR! network \n\nnpm ERR! A \
                 complete log of this run can be found in:\nnpm ERR!     /root/.npm/_logs/x-debug.log\n",
                "code ENOTFOUND; network request to https://a failed",
            ),
            (
                "npm error code ECONNREFUSED\nnpm error FetchError: request failed\nnpm error     at \
                 ClientRequest.<anonymous> (/x.js:1:2) {\nnpm error   port: 9,\nnpm error }\nnpm error\n",
                "code ECONNREFUSED; FetchError: request failed",
            ),
            ("npm WARN old\n/usr/bin/env: 'node': No such file\n", "/usr/bin/env: 'node': No such file"),
        ] {
            assert_eq!(by_npm(log), said);
        }
    }

    #[test]
    fn passwords_are_masked() {
        for (line, said) in [
            ("at http://user:secret@proxy:3128/simple/a/ it ends", "at http://***@proxy:3128/simple/a/ it ends"),
            ("'https://token@host/a',", "'https://***@host/a',"),
            ("https://user:pa@ss@host/", "https://***@host/"),
            ("https://user:pa/ss@host/", "https://***@host/"),
            ("proxy user:secret@host:80 refuses", "proxy ***@host:80 refuses"),
            ("https://user:secret@host/@scope/name", "https://***@host/@scope/name"),
            ("https://host/@scope/name and @scope/name@1.0", "https://host/@scope/name and @scope/name@1.0"),
            ("https://host:443/@scope/name", "https://host:443/@scope/name"),
            ("//host/:_authToken=abc is wrong", "//host/:_authToken=*** is wrong"),
            ("left-pad@99.0.0", "left-pad@99.0.0"),
        ] {
            assert_eq!(plain(line), said);
        }
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_acts_on() {
        assert_eq!(plain("a\u{1b}[2Jb\u{9b}c\u{202e}d\tü"), "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\u{9}ü");
        let long = plain(&"é".repeat(MAX_LINE + 1));
        assert!(long.ends_with("é…") && long.chars().count() == MAX_LINE + 1);
    }
}
