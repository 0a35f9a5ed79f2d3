//! The verbs on the audit trail, which belongs to the whole vault: it has the entries of every client.

use crate::audit::{AuditEntry, AuditEvent, AuditHead, AuditPage, AuditPolicy, AuditQuery, AuditReport};
use crate::comparison::Threshold;
use crate::error::{Duplicate, DuplicateReason, Error, Result};
use crate::person::{PersonId, PersonKey};

use super::Vault;

impl Vault {
    /// What the vault's audit trail notes, and for how long.
    ///
    /// # Errors
    /// As for every read.
    pub fn audit_policy(&self) -> Result<AuditPolicy> {
        self.store().audit_policy()
    }

    /// Changes what the audit trail notes, and notes the change. Entries that are there stay, until they are
    /// older than they are to be kept.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for days out of range, and as for every write.
    pub fn set_audit_policy(&self, policy: &AuditPolicy) -> Result<()> {
        self.store().set_audit_policy(policy)
    }

    /// Some entries of the audit trail, of all clients unless the query names one.
    ///
    /// ```
    /// use facevault::{AuditEvent, AuditQuery, NewPerson, Vault, VaultOptions};
    ///
    /// let vault = Vault::in_memory(VaultOptions::default())?;
    /// let ada = vault.create_person(&NewPerson::named("Ada Lovelace"))?;
    /// let page = vault.audit(&AuditQuery::default())?;
    /// assert_eq!(page.entries[0].person, Some(vault.person_key(&ada.id)?));
    /// assert!(matches!(page.entries[0].event, AuditEvent::PersonCreated { .. }));
    /// # Ok::<(), facevault::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a limit out of range or an unknown kind,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where an entry is not what was written.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        self.store().audit(query)
    }

    /// The entry of the audit trail that has this number and hash, such as that of a receipt.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the trail holds no such entry,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where the entry is not what was written.
    pub fn audit_entry(&self, entry: &AuditHead) -> Result<AuditEntry> {
        self.store().audit_entry(entry)
    }

    /// Follows the audit trail's chain from its start to its end: what was changed, cut, inserted or put in
    /// another order since it was written is in the report.
    ///
    /// Whoever can write the file can also write the whole chain anew. That shows only against a `head` that was
    /// kept elsewhere: [`AuditPage::head`] and [`AuditReport::head`] give it.
    ///
    /// # Errors
    /// As for every read, but never for what is wrong in the trail.
    pub fn audit_verify(&self, head: Option<&AuditHead>) -> Result<AuditReport> {
        self.store().verify_audit(head)
    }

    /// Cuts the entries that are older than the policy keeps them, and returns how many. The trail notes the
    /// cut. It also happens by itself, now and then.
    ///
    /// # Errors
    /// As for every write.
    pub fn audit_cut(&self) -> Result<u64> {
        self.store().cut_audit()
    }

    /// Writes the entries of searches that wait. It also happens with the next change, after two seconds, and when
    /// the last handle of the vault is dropped.
    ///
    /// # Errors
    /// As for every write; the entries go on waiting then.
    pub fn audit_flush(&self) -> Result<()> {
        self.store().flush_audit()
    }

    /// Notes a comparison of photos with photos, whoever they show, if the vault notes searches.
    ///
    /// # Errors
    /// As for [`Self::identify`], if the vault notes searches: without its entry a comparison should have no answer.
    pub fn note_comparison(&self, threshold: String, accepted: bool) -> Result<()> {
        self.store().note_search(&self.client, None, AuditEvent::Compared { threshold, accepted })
    }

    /// Notes a search of `people_searched` people, `recognized` of whom were recognised: the most similar one first.
    pub(crate) fn note_identification(
        &self,
        threshold: String,
        people_searched: u64,
        recognized: &[&PersonId],
    ) -> Result<()> {
        let (first, recognized) = (recognized.first().copied(), recognized.len() as u64);
        let event = AuditEvent::Identified { threshold, people_searched, recognized };
        self.store().note_search(&self.client, first, event)
    }

    /// Notes that a new person was taken for somebody in the vault by the face: whoever asked learned who that is.
    pub(super) fn note_duplicate(&self, error: &Error) {
        let Some(Duplicate { person, reason: DuplicateReason::Face { decision, .. } }) = error.duplicate() else {
            return;
        };
        let Threshold { people_searched, .. } = decision.threshold;
        let noted = self.note_identification(decision.threshold.to_string(), people_searched, &[person]);
        if let Err(error) = noted {
            tracing::warn!(%error, "a search for a duplicate is not in the audit trail");
        }
    }

    /// Notes that somebody asked whether this is that person.
    pub(crate) fn note_verification(&self, id: &PersonId, threshold: String, accepted: bool) -> Result<()> {
        self.store().note_search(&self.client, Some(id), AuditEvent::Verified { threshold, accepted })
    }

    /// Notes that so many people are about to be exported, if the vault notes searches. The entry is on the disk then:
    /// what is exported is worth more than a search.
    #[cfg(feature = "transfer")]
    pub(crate) fn note_export(&self, people: u64, photos: bool, encodings: bool) -> Result<()> {
        self.store().note_search(&self.client, None, AuditEvent::Exported { people, photos, encodings })?;
        self.store().flush_audit()
    }

    /// The number by which the audit trail names a person of this client.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown person or another client's.
    pub fn person_key(&self, id: &PersonId) -> Result<PersonKey> {
        self.store().person_key(&self.client, id)
    }
}
