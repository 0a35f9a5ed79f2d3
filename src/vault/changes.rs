//! What happened to persons, for whoever keeps a copy of them elsewhere.

use crate::error::Result;
use crate::store::ChangesSince;

use super::Vault;

impl Vault {
    /// What happened to this client's persons since revision `since`: who was added, changed (a name, a photo, a
    /// collection, anything) or removed, each once, in the order of the last changes. A copy that starts from
    /// nothing asks for the changes since 0, and then since the revision of each answer.
    ///
    /// A removed person is named by the [`PersonKey`](crate::PersonKey) that came with the person's other
    /// changes, since the vault keeps nothing else of whoever is gone. An id that was removed and given again
    /// has another key. After a backup was put back, start anew: its revisions may count other changes.
    ///
    /// ```
    /// use facevault::{ChangesSince, NewPerson, PersonChange, PersonUpdate, Vault, VaultOptions};
    ///
    /// let vault = Vault::in_memory(VaultOptions::default())?;
    /// let ada = vault.create_person(&NewPerson::named("Ada"))?;
    /// let ChangesSince::Known(all) = vault.changes(0)? else { unreachable!("0 is always known") };
    /// assert!(matches!(&all.changes[..], [PersonChange::Added { person, .. }] if *person == ada.id));
    ///
    /// vault.update_person(&ada.id, &PersonUpdate { name: Some("Ada Lovelace".into()), ..PersonUpdate::default() })?;
    /// match vault.changes(all.revision)? {
    ///     ChangesSince::Known(since) => assert!(matches!(&since.changes[..], [PersonChange::Changed { .. }])),
    ///     _ => { /* forget the copy, and ask for the changes since 0 */ }
    /// }
    /// # Ok::<(), facevault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for every read.
    pub fn changes(&self, since: u64) -> Result<ChangesSince> {
        self.store().person_changes(&self.client, since)
    }
}
