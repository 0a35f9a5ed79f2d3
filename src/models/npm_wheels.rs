//! The Python packages that carry npm, one for each platform, for machines that have no npm.

use serde::Deserialize;

use super::artifact::here;
use super::source::Source;

/// The built-in list. The member of each package is Node.js itself.
#[derive(Deserialize)]
struct List {
    wheels: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    target: String,
    source: Source,
}

fn wheels() -> Vec<Listed> {
    let list: List =
        toml::from_str(include_str!("../../models/npm.toml")).expect("the built-in list is read by a test");
    list.wheels
}

/// The package that carries npm for this platform.
pub(super) fn wheel() -> Option<Source> {
    wheels().into_iter().find(|wheel| wheel.target == here()).map(|wheel| wheel.source)
}

/// How large the package is that carries npm for this platform, where there is one.
pub(super) fn size() -> Option<u64> {
    wheel()?.archive()?.size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_its_own_package() {
        let wheels = wheels();
        let mut targets: Vec<_> = wheels.iter().map(|wheel| wheel.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), wheels.len());
        for Listed { source, .. } in &wheels {
            assert!(matches!(source, Source::Pip { wheel: Some(_), .. }), "{source}");
            assert!(source.archive().is_some_and(|archive| archive.size.is_some()), "{source}");
        }
    }
}
