//! The query of a request, read parameter by parameter, with every broken rule noted.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query as Pairs};
use axum::http::Uri;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::error::{Result, Rule, Violation};
use crate::validate::{Violations, shortened};

/// The parameters that nobody has read yet, and the rules broken so far.
#[derive(Debug)]
pub(super) struct Query {
    rest: Vec<(String, String)>,
    violations: Violations,
}

/// The query of a route that takes no parameters: each is refused, as unknown ones are elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let violations = Query::new(&parts.uri).finish();
        if violations.is_empty() { Ok(Self) } else { Err(ApiError::invalid_query(&violations)) }
    }
}

impl Query {
    pub(super) fn new(uri: &Uri) -> Self {
        match Pairs::<Vec<(String, String)>>::try_from_uri(uri) {
            Ok(Pairs(rest)) => Self { rest, violations: Violations::default() },
            Err(_) => {
                let mut query = Self { rest: Vec::new(), violations: Violations::default() };
                query.broken("query", Rule::Other("cannot be read".to_owned()));
                query
            }
        }
    }

    pub(super) fn broken(&mut self, field: &str, rule: Rule) {
        self.violations.add(field, rule);
    }

    /// Whether a parameter is named that nobody has read yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.rest.iter().any(|(key, _)| key == name)
    }

    /// The text of a parameter that is named once at most.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let mut found = self.take(|key| key == name);
        if found.len() > 1 {
            self.broken(name, Rule::Other("must be named once".to_owned()));
        }
        found.pop()
    }

    /// All texts of a parameter that goes by `name`, `name[]` and `name[0]`, in the order of the query.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let is_item = |parameter: &str| match parameter.strip_prefix(name) {
            Some("") => true,
            Some(rest) => rest
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|index| index.len() <= 3 && index.bytes().all(|byte| byte.is_ascii_digit())),
            None => false,
        };
        self.take(is_item)
    }

    /// The texts of the parameters of which `is_wanted` is true.
    fn take(&mut self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let (found, rest) = std::mem::take(&mut self.rest).into_iter().partition(|(key, _)| is_wanted(key));
        self.rest = rest;
        let found: Vec<(String, String)> = found;
        found.into_iter().map(|(_, text)| text).collect()
    }

    /// The texts of parameters `name[KEY]`, by their keys; each key is named once at most.
    pub(super) fn keyed(&mut self, name: &str) -> BTreeMap<String, String> {
        let key_of = |parameter: &str| {
            let key = parameter.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            (!key.is_empty()).then(|| key.to_owned())
        };
        let (found, rest) = std::mem::take(&mut self.rest).into_iter().partition(|(key, _)| key_of(key).is_some());
        self.rest = rest;
        let found: Vec<(String, String)> = found;
        let mut keyed = BTreeMap::new();
        for (parameter, text) in found {
            if key_of(&parameter).and_then(|key| keyed.insert(key, text)).is_some() {
                self.broken(&shortened(&parameter), Rule::Other("must be named once".to_owned()));
            }
        }
        keyed
    }

    /// A whole number from 1 to `max`, else `otherwise`.
    pub(super) fn number(&mut self, name: &str, otherwise: u64, max: u64) -> u64 {
        let Some(text) = self.text(name) else { return otherwise };
        match u64::from_str(&text) {
            Ok(0) => self.broken(name, Rule::AtLeast(1.0)),
            Ok(number) if number > max => self.broken(name, Rule::AtMost(max as f64)),
            Ok(number) => return number,
            Err(_) => self.broken(name, Rule::Type("a whole number")),
        }
        otherwise
    }

    /// A number from `min` to `max`; `None` where it is not named.
    pub(super) fn fraction(&mut self, name: &str, min: f64, max: f64) -> Option<f64> {
        match f64::from_str(&self.text(name)?) {
            Ok(number) if number < min => self.broken(name, Rule::AtLeast(min)),
            Ok(number) if number > max => self.broken(name, Rule::AtMost(max)),
            Ok(number) if number.is_finite() => return Some(number),
            _ => self.broken(name, Rule::Type("a number")),
        }
        None
    }

    /// A text read by `parse`.
    pub(super) fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Option<T> {
        match parse(&self.text(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                for violation in error.violations() {
                    self.broken(name, violation.rule.clone());
                }
                None
            }
        }
    }

    /// Every broken rule; a parameter that nobody read is not allowed.
    pub(super) fn finish(mut self) -> Vec<Violation> {
        for (name, _) in &self.rest {
            self.violations.add(shortened(name), Rule::NotAllowed);
        }
        self.violations.finish("query")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::new(&format!("/persons?{text}").parse().expect("an address"))
    }

    #[test]
    fn numbers_texts_and_lists_are_read() {
        let mut query = query("page=2&name=J%C3%BCrgen+M&populates[]=a&populates%5B0%5D=b&populates=c&populates[10]=d");
        assert_eq!((query.number("page", 1, 9), query.number("limit", 10, 100)), (2, 10));
        assert_eq!(query.text("name").as_deref(), Some("Jürgen M"));
        assert_eq!(query.list("populates"), ["a", "b", "c", "d"]);
        assert_eq!(query.finish(), []);
        for other in
            ["populates[x]=a", "populates[=a", "populates]=a", "populates[][]=a", "populatesx=a", "populates[0000]=a"]
        {
            let mut query = self::query(other);
            assert_eq!((query.list("populates").len(), query.finish().len()), (0, 1), "{other}");
        }
    }

    #[test]
    fn keyed_texts_are_read() {
        let mut query = query("a[x]=1&a%5By.z%5D=two&a[x]=3&a[]=4&a=5&b[x]=6");
        let keyed = query.keyed("a");
        assert_eq!(
            keyed.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect::<Vec<_>>(),
            [("x", "3"), ("y.z", "two")]
        );
        let rules: Vec<String> = query.finish().iter().map(ToString::to_string).collect();
        assert_eq!(
            rules,
            [
                "\"a[x]\" must be named once",
                "\"a[]\" is not allowed",
                "\"a\" is not allowed",
                "\"b[x]\" is not allowed"
            ]
        );
    }

    #[test]
    fn every_broken_rule_is_noted() {
        let mut query = query("page=0&limit=101&x=1&name=a&name=b&size=");
        query.number("page", 1, 9);
        query.number("limit", 10, 100);
        query.number("size", 1, 9);
        query.text("name");
        let rules: Vec<String> = query.finish().iter().map(ToString::to_string).collect();
        assert_eq!(
            rules,
            [
                "\"page\" must be greater than or equal to 1",
                "\"limit\" must be less than or equal to 100",
                "\"size\" must be a whole number",
                "\"name\" must be named once",
                "\"x\" is not allowed"
            ]
        );
    }
}
