//! The verbs that remove people because of time.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::audit::{Receipt, RemovalReason};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{PersonId, RetentionPolicy};
use crate::progress::{Progress, Step};
use crate::setters::setters;
use crate::store::Erasure;

use super::Vault;

/// Which people a purge removes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PurgeOptions {
    /// Who is to be removed. By default nobody.
    pub policy: RetentionPolicy,
    /// Remove nobody, only say who would be removed.
    pub dry_run: bool,
    /// Believe a clock that stands more than five years after the vault's last change.
    pub trust_clock: bool,
}

setters!(PurgeOptions {
    policy: with_policy(RetentionPolicy),
    dry_run: with_dry_run(bool),
    trust_clock: with_trust_clock(bool),
});

/// A person who was removed because of time, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgedPerson {
    /// The person.
    pub person: PersonId,
    /// Why.
    pub reason: RemovalReason,
    /// The receipt, if the vault keeps an audit trail and the person was removed.
    pub receipt: Option<Receipt>,
}

/// What a purge did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Purged {
    /// Who was removed, or with [`PurgeOptions::dry_run`] would be.
    pub persons: Vec<PurgedPerson>,
    /// Whether the bytes of some of them are still in the write-ahead log.
    pub is_erasure_pending: bool,
    /// Whether `progress` stopped it: others are still to be removed.
    pub was_stopped: bool,
    /// The error that ended it after somebody had been removed: others are still to be removed.
    pub failure: Option<Error>,
}

impl Vault {
    /// Who is removed because of time.
    ///
    /// # Errors
    /// As for every read.
    pub fn retention(&self) -> Result<RetentionPolicy> {
        self.store().retention()
    }

    /// Changes who is removed because of time, and notes the change in the audit trail. Nobody is removed yet:
    /// [`Self::carry_out_retention`] does it, and `facevault serve` once an hour.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for days out of range, and as for every write.
    pub fn set_retention(&self, policy: &RetentionPolicy) -> Result<()> {
        self.store().set_retention(policy)
    }

    /// When a person was recognised or verified last, as far as the audit trail notes searches.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for an unknown person or another client's.
    pub fn last_seen(&self, id: &PersonId) -> Result<Option<Timestamp>> {
        self.store().last_seen(&self.client, id)
    }

    /// Removes the persons of this client whose time has come, each as [`Self::remove_person`] does it, with a
    /// receipt each. Whoever was changed meanwhile stays for the next time. `progress` counts persons and may stop
    /// it between two of them; what was removed is in the answer then too.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the clock stands before the vault's last change, or more than five years after
    /// it: then nobody is removed; [`Unsupported`](ErrorKind::Unsupported) where the policy asks who was not seen
    /// and the audit trail does not note searches; [`Invalid`](ErrorKind::Invalid) for days out of range; and as
    /// for every write. Nobody was removed then: a later error is in [`Purged::failure`], beside the receipts of
    /// those who were removed before.
    pub fn purge(&self, options: &PurgeOptions, progress: &mut dyn Progress) -> Result<Purged> {
        self.purge_at(clock::now(), options, progress)
    }

    fn purge_at(&self, now: Timestamp, options: &PurgeOptions, progress: &mut dyn Progress) -> Result<Purged> {
        // Whoever was seen a moment ago was seen.
        self.store().flush_audit()?;
        let due = self.store().due(&self.client, &options.policy, now, options.trust_clock)?;
        let mut purged = Purged { persons: Vec::new(), is_erasure_pending: false, was_stopped: false, failure: None };
        let total = due.len();
        for (done, due) in due.into_iter().enumerate() {
            if progress.report(Step::items("removing persons", done, total)) == ControlFlow::Break(()) {
                purged.was_stopped = true;
                break;
            }
            let mut receipt = None;
            if !options.dry_run {
                let removed =
                    self.store().remove_person_because(&self.client, &due.person, Some(due.version), due.reason);
                match removed {
                    Ok(removed) => {
                        self.publish_removed(&removed);
                        purged.is_erasure_pending |= removed.erasure == Erasure::Pending;
                        receipt = removed.receipt;
                    }
                    // Changed or removed by somebody else meanwhile.
                    Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => continue,
                    Err(error) if purged.persons.is_empty() => return Err(error),
                    Err(error) => {
                        purged.failure = Some(error);
                        break;
                    }
                }
            }
            purged.persons.push(PurgedPerson { person: due.person, reason: due.reason, receipt });
        }
        Ok(purged)
    }

    /// Does what the vault's policies ask for because of time: removes the persons of every client whose time has
    /// come, and cuts the entries of the audit trail that are old enough. Returns how many persons were removed.
    ///
    /// # Errors
    /// As for [`Self::purge`] and [`Self::audit_cut`]. What fails for one client or one part of the policy does not
    /// keep the rest from being done; the first error is returned.
    pub fn carry_out_retention(&self, progress: &mut dyn Progress) -> Result<u64> {
        let RetentionPolicy { expired, unseen_days } = self.retention()?;
        let parts = [
            RetentionPolicy::default().with_expired(expired),
            RetentionPolicy::default().with_unseen_days(unseen_days),
        ];
        let (mut removed, mut failure) = (0, None);
        for client in self.clients()? {
            for part in parts.iter().filter(|part| !part.is_empty()) {
                let options = PurgeOptions::default().with_policy(*part);
                match self.for_client(&client).and_then(|vault| vault.purge(&options, progress)) {
                    Ok(purged) => {
                        removed += purged.persons.len() as u64;
                        failure = failure.or(purged.failure);
                        if purged.was_stopped {
                            return failure.map_or(Ok(removed), Err);
                        }
                    }
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        let cut = self.audit_cut();
        failure.map_or(Ok(()), Err).and(cut).map(|_| removed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audit::{AuditEvent, AuditPolicy, AuditQuery, AuditScope};
    use crate::patch::Patch;
    use crate::person::{ClientId, NewPerson, PersonUpdate, Status};
    use crate::vault::VaultOptions;

    const DAY: Duration = Duration::from_secs(86_400);

    fn expired() -> PurgeOptions {
        PurgeOptions::default().with_policy(RetentionPolicy::default().with_expired(true))
    }

    fn vault() -> Vault {
        Vault::in_memory(VaultOptions::default()).expect("a vault")
    }

    fn add(vault: &Vault, name: &str, expires_at: Option<Timestamp>) -> PersonId {
        let id = Some(PersonId::new(name).expect("an id"));
        vault.create_person(&NewPerson { id, expires_at, ..NewPerson::named(name) }).expect("added").id
    }

    fn gone(purged: &Purged) -> Vec<&str> {
        purged.persons.iter().map(|one| one.person.as_str()).collect()
    }

    #[test]
    fn those_whose_time_has_come_are_removed_with_a_receipt_each() -> Result<()> {
        let vault = vault();
        let now = Timestamp::now();
        let (early, late) = (now + DAY, now + 3 * DAY);
        let ids = [add(&vault, "early", Some(early)), add(&vault, "late", Some(late)), add(&vault, "ever", None)];
        assert_eq!(vault.person(&ids[1])?.expires_at.map(|time| time.as_microsecond()), Some(late.as_microsecond()));
        let keep = PersonUpdate { expires_at: Patch::Clear, ..PersonUpdate::default() };
        assert_eq!(vault.update_person(&ids[2], &keep)?.expires_at, None);

        let then = now + 2 * DAY;
        let dry = vault.purge_at(then, &expired().with_dry_run(true), &mut ())?;
        assert_eq!((gone(&dry), dry.persons[0].receipt), (vec!["early"], None));
        assert!(vault.purge_at(now, &expired(), &mut ())?.persons.is_empty());
        let purged = vault.purge_at(then, &expired(), &mut ())?;
        assert_eq!(gone(&purged), ["early"]);
        let entry = vault.audit_entry(&purged.persons[0].receipt.expect("a receipt").entry)?;
        assert!(matches!(&entry.event, AuditEvent::PersonRemoved(removal) if removal.reason == RemovalReason::Expired));
        assert!(vault.purge_at(then, &expired(), &mut ())?.persons.is_empty());
        assert_eq!(vault.persons(&Default::default())?.total, 2);
        Ok(())
    }

    #[test]
    fn nobody_is_removed_by_a_clock_that_is_wrong() -> Result<()> {
        let vault = vault();
        let now = Timestamp::now();
        add(&vault, "ada", Some(now - 400 * DAY));
        let refused = |now: Timestamp, options: &PurgeOptions| {
            vault.purge_at(now, options, &mut ()).map_err(|error| error.kind()).map(drop)
        };
        assert_eq!(refused(now - DAY, &expired()), Err(ErrorKind::Io));
        assert_eq!(refused(now - DAY, &expired().with_trust_clock(true)), Err(ErrorKind::Io));
        assert_eq!(refused(now + 2_000 * DAY, &expired()), Err(ErrorKind::Io));
        assert_eq!(vault.persons(&Default::default())?.total, 1);
        assert_eq!(gone(&vault.purge_at(now + 2_000 * DAY, &expired().with_trust_clock(true), &mut ())?), ["ada"]);
        Ok(())
    }

    #[test]
    fn those_who_were_not_seen_are_removed_once_searches_are_noted_for_long_enough() -> Result<()> {
        let vault = vault();
        let unseen = PurgeOptions::default().with_policy(RetentionPolicy::default().with_unseen_days(30));
        let at = |time: Timestamp| vault.purge_at(time + 30 * DAY, &unseen, &mut ());
        add(&vault, "ada", None);
        assert_eq!(at(Timestamp::now()).map_err(|error| error.kind()).map(drop), Err(ErrorKind::Unsupported));
        let before = Timestamp::now();
        std::thread::sleep(Duration::from_millis(2));
        vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All))?;
        assert!(at(before)?.persons.is_empty(), "searches were not noted then");

        let (bob, eve) = (add(&vault, "bob", None), add(&vault, "eve", None));
        let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
        vault.update_person(&eve, &inactive)?;
        std::thread::sleep(Duration::from_millis(2));
        let between = Timestamp::now();
        std::thread::sleep(Duration::from_millis(2));
        let late = add(&vault, "late", None);
        vault.note_verification(&bob, "any".into(), true)?;
        vault.note_verification(&late, "any".into(), false)?;
        assert_eq!((vault.last_seen(&late)?, vault.last_seen(&bob)?), (None, None), "the entries wait");
        assert_eq!(gone(&at(between)?), ["ada"]);
        assert!(vault.last_seen(&bob)?.is_some_and(|time| time > between));
        let rest = at(Timestamp::now())?;
        assert_eq!(gone(&rest), ["bob", "late"]);
        assert_eq!(rest.persons[0].reason, RemovalReason::Unseen);
        Ok(())
    }

    #[test]
    fn a_purge_that_is_stopped_says_who_was_removed() -> Result<()> {
        let vault = vault();
        let now = Timestamp::now();
        (0..5).for_each(|n| drop(add(&vault, &format!("p{n}"), Some(now))));
        let mut left = 2;
        let purged = vault.purge_at(now + DAY, &expired(), &mut |_: Step<'_>| {
            left -= 1;
            if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        assert_eq!((gone(&purged), purged.was_stopped), (vec!["p0", "p1"], true));
        assert_eq!(vault.persons(&Default::default())?.total, 3);
        Ok(())
    }

    #[test]
    fn the_vaults_policy_is_carried_out_for_every_client() -> Result<()> {
        let vault = vault();
        let other = vault.add_client(&ClientId::new("other")?)?;
        let past = Timestamp::now() - DAY;
        add(&vault, "ada", Some(past));
        add(&other, "bob", Some(past));
        assert_eq!(vault.carry_out_retention(&mut ())?, 0);
        let policy = RetentionPolicy::default().with_expired(true);
        vault.set_retention(&policy)?;
        vault.set_retention(&policy)?;
        assert_eq!(vault.retention()?, policy);
        assert_eq!(vault.carry_out_retention(&mut ())?, 2);
        // Nobody knows who was seen, but that does not keep the others.
        vault.set_retention(&policy.with_unseen_days(30))?;
        add(&vault, "eve", Some(past));
        add(&other, "joe", Some(past));
        let refused = vault.carry_out_retention(&mut ()).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::Unsupported));
        assert_eq!((vault.persons(&Default::default())?.total, other.persons(&Default::default())?.total), (0, 0));
        vault.set_retention(&policy)?;
        let kinds = vault.audit(&AuditQuery::default().with_kinds(vec!["retention_changed".into()]))?;
        assert_eq!(kinds.entries.len(), 3);
        for days in [0, 36_526] {
            let wrong = vault.set_retention(&policy.with_unseen_days(days)).map_err(|error| error.kind());
            assert_eq!(wrong, Err(ErrorKind::Invalid));
        }
        assert!(vault.check()?.is_clean());
        Ok(())
    }
}
