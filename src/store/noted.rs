//! What the audit trail says of a change of a person, whatever the person is kept in.

use crate::audit::AuditEvent;
use crate::person::{PersonSummary, PersonUpdate};

/// What an update did to a person's photos.
#[derive(Default)]
pub(super) struct ImagesEffect {
    /// Whether a photo or an encoding is another than before.
    pub(super) changed: bool,
    /// Whether a photo went.
    pub(super) removed: bool,
    pub(super) came: u64,
    pub(super) went: u64,
}

/// A person before and after an update.
pub(super) struct PersonChanged<'a> {
    pub(super) before: &'a PersonSummary,
    pub(super) after: &'a PersonSummary,
    pub(super) update: &'a PersonUpdate,
    /// Whether the person came to a collection or left one.
    pub(super) moved: bool,
    pub(super) images: &'a ImagesEffect,
}

impl PersonChanged<'_> {
    /// The entry of the trail.
    pub(super) fn event(&self) -> AuditEvent {
        let mut fields = self.after.differs_in(self.before);
        let others = [
            ("attributes", !self.update.attributes.is_keep()),
            ("collections", self.moved),
            ("images", self.images.changed),
        ];
        fields.extend(others.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name));
        fields.sort_unstable();
        AuditEvent::PersonUpdated {
            fields: fields.into_iter().map(str::to_owned).collect(),
            photos_added: self.images.came,
            photos_removed: self.images.went,
        }
    }

    /// Whether something that was there is there no longer.
    pub(super) fn replaces(&self) -> bool {
        self.images.removed || self.moved || !self.update.attributes.is_keep() || replaces(self.before, self.after)
    }
}

/// Whether a field had a value that it has no longer.
fn replaces(before: &PersonSummary, after: &PersonSummary) -> bool {
    fn went<T: PartialEq>(before: &Option<T>, after: &Option<T>) -> bool {
        before.is_some() && before != after
    }
    before.name != after.name
        || went(&before.gender, &after.gender)
        || went(&before.date_of_birth, &after.date_of_birth)
        || went(&before.nationality, &after.nationality)
        || went(&before.notes, &after.notes)
        || went(&before.expires_at, &after.expires_at)
}
