//! Settling two states of one person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::{EVERYTHING, Items};
use crate::person::PersonId;

/// The number of the hub's change that last touched an item, where that is not the change that brought the person.
pub(crate) type Stamps = BTreeMap<String, u64>;

/// What one side knows of the hub's state of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// The number of the hub's changes up to which this side has seen the person; 0 where it never has.
    pub(crate) met: u64,
    /// The changes that this side made itself and never heard the outcome of.
    pub(crate) own: Vec<u64>,
}

/// An item that was changed on both sides since they last met. The hub's value is kept.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The person.
    pub person: PersonId,
    /// The item: a field as requests name it, `attribute:KEY`, `collection:ID` or `image:ID`.
    pub item: String,
    /// The hub's value, which is kept: a text, a number (times, in microseconds since 1970), `true` where the person
    /// is in the collection or has the photo, or `null` where there is none.
    pub kept: Value,
    /// This vault's value, which is noted in the hub's history and replaced.
    pub lost: Value,
}

impl fmt::Debug for Conflict {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflict").field("person", &self.person).field("item", &self.item).finish_non_exhaustive()
    }
}

/// An item whose value on this side is not kept.
pub(crate) struct Lost {
    pub(crate) item: String,
    pub(crate) kept: Value,
    pub(crate) lost: Value,
}

/// What the hub holds after [`merge`], and what became of this side's changes.
pub(crate) struct Merged {
    /// Whether the hub's state is another than before.
    pub(crate) changed: bool,
    pub(crate) lost: Vec<Lost>,
}

/// Brings the changes of one side into the hub's state, which `added` came with, and whose items carry `stamps`.
///
/// `changed` names the items that this side has changed since both met. Of each, this side's value is taken where the
/// hub's is one that this side has seen ([`Meeting`]); otherwise both have changed it, and the hub's stays. An item
/// that the hub never had counts as seen. Items that are taken are stamped with `sequence`. All other items stay as
/// the hub has them. No clock is asked, and the answer depends on nothing but the order in which the hub is reached.
pub(crate) fn merge(
    hub: &mut Items,
    stamps: &mut Stamps,
    added: u64,
    mine: &Items,
    changed: &BTreeSet<String>,
    meeting: &Meeting,
    sequence: u64,
) -> Merged {
    let all = changed.contains(EVERYTHING);
    let named = hub.keys().chain(mine.keys()).chain(changed);
    let looked_at: BTreeSet<String> =
        named.filter(|item| *item != EVERYTHING && (all || changed.contains(*item))).cloned().collect();
    let mut merged = Merged { changed: false, lost: Vec::new() };
    for item in looked_at {
        let (theirs, ours) = (hub.get(&item).cloned(), mine.get(&item).cloned());
        if theirs == ours {
            continue;
        }
        let implied = if theirs.is_some() { added } else { 0 };
        let stamp = stamps.get(&item).copied().unwrap_or(implied);
        if stamp <= meeting.met || meeting.own.contains(&stamp) {
            match ours {
                Some(value) => hub.insert(item.clone(), value),
                None => hub.remove(&item),
            };
            stamps.insert(item, sequence);
            merged.changed = true;
        } else if ours.is_some() || changed.contains(&item) {
            let (kept, lost) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
            merged.lost.push(Lost { item, kept, lost });
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(pairs: &[(&str, &str)]) -> Items {
        pairs.iter().map(|(item, value)| ((*item).to_owned(), Value::from(*value))).collect()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The hub's items after a merge, and the items of this side that were lost.
    fn merged(
        hub: &[(&str, &str)],
        stamps: &[(&str, u64)],
        mine: &[(&str, &str)],
        changed: &[&str],
        meeting: Meeting,
    ) -> (Items, Vec<String>) {
        let mut items_of_hub = items(hub);
        let mut stamps = stamps.iter().map(|(item, stamp)| ((*item).to_owned(), *stamp)).collect();
        let merged = merge(&mut items_of_hub, &mut stamps, 5, &items(mine), &names(changed), &meeting, 100);
        (items_of_hub, merged.lost.into_iter().map(|lost| lost.item).collect())
    }

    #[test]
    fn each_item_is_settled_by_itself() {
        let met = |met| Meeting { met, own: Vec::new() };
        let hub = [("name", "Ada"), ("notes", "hub"), ("gender", "F")];
        let mine = [("name", "Ada L"), ("notes", "mine"), ("attribute:a", "1")];
        let changed = ["name", "notes", "gender", "attribute:a"];
        // The notes were changed on the hub after both met.
        let (after, lost) = merged(&hub, &[("notes", 8)], &mine, &changed, met(6));
        assert_eq!(after, items(&[("name", "Ada L"), ("notes", "hub"), ("attribute:a", "1")]));
        assert_eq!(lost, ["notes"]);
        // It was this side's own change, of which it never heard.
        let own = Meeting { met: 6, own: vec![8] };
        assert!(merged(&hub, &[("notes", 8)], &mine, &changed, own).1.is_empty());
        // What this side did not change stays.
        assert_eq!(merged(&hub, &[], &mine, &["notes"], met(6)).0["name"], "Ada");
    }

    #[test]
    fn two_who_never_met_give_what_the_other_lacks() {
        let hub = [("name", "Ada"), ("gender", "F"), ("image:1", "x")];
        let mine = [("name", "Eve"), ("notes", "mine"), ("image:2", "x")];
        let (after, lost) = merged(&hub, &[], &mine, &[EVERYTHING], Meeting::default());
        assert_eq!(
            after,
            items(&[("name", "Ada"), ("gender", "F"), ("notes", "mine"), ("image:1", "x"), ("image:2", "x")])
        );
        assert_eq!(lost, ["name"]);
        // What the hub removed after both met does not come back, and that is said.
        let (after, lost) =
            merged(&[("name", "Eve")], &[("image:2", 9)], &mine, &["image:2"], Meeting { met: 6, own: Vec::new() });
        assert_eq!((after.len(), lost), (1, vec!["image:2".to_owned()]));
    }

    proptest! {
        /// Whatever the states: nothing of either side goes without being seen before or being named as lost, and
        /// merging again changes nothing.
        #[test]
        fn nothing_is_lost_silently(
            hub in proptest::collection::btree_map("[a-e]", "[xyz]", 0..5),
            mine in proptest::collection::btree_map("[a-e]", "[xyz]", 0..5),
            stamps in proptest::collection::btree_map("[a-e]", 1u64..20, 0..5),
            changed in proptest::collection::btree_set("[a-e*]", 0..4),
            met in 0u64..20,
        ) {
            let changed: BTreeSet<String> = changed;
            let value = |map: BTreeMap<String, String>| -> Items {
                map.into_iter().map(|(item, value)| (item, Value::from(value))).collect()
            };
            let (before, mine) = (value(hub), value(mine));
            let (mut after, mut stamped) = (before.clone(), stamps.clone());
            let meeting = Meeting { met, own: Vec::new() };
            let outcome = merge(&mut after, &mut stamped, 5, &mine, &changed, &meeting, 100);
            prop_assert_eq!(outcome.changed, after != before);
            for item in before.keys().chain(mine.keys()).chain(&changed).filter(|item| *item != EVERYTHING) {
                let (then, now, ours) = (before.get(item), after.get(item), mine.get(item));
                prop_assert!(now == then || now == ours);
                let implied = if then.is_some() { 5 } else { 0 };
                let seen = stamps.get(item).copied().unwrap_or(implied) <= met;
                if now != then {
                    prop_assert!(seen && stamped[item] == 100);
                }
                if changed.contains(item) && now != ours {
                    prop_assert!(!seen && outcome.lost.iter().any(|lost| lost.item == *item));
                }
            }
            let again = merge(&mut after, &mut stamped, 5, &mine, &changed, &Meeting { met: 100, own: Vec::new() }, 101);
            // Whoever has met the outcome has the hub's values, so only what was lost could be told again.
            prop_assert!(again.lost.is_empty());
        }
    }
}
