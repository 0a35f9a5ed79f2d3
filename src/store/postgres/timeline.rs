//! The numbers of a hub's changes, and how a vault learns that the hub is an older copy of what it was.

use postgres::Transaction;

use super::Hub;
use super::error::told;
use crate::error::{Error, ErrorKind, Result};
use crate::share::{Place, Share};

const MARK: &str = "SELECT mark FROM facevault.marks WHERE sequence = $1";

/// What a vault finds when it comes back to a hub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Timeline {
    /// The hub holds the change that the vault saw last.
    Same,
    /// The hub was restored from a backup and lacks it. What it has up to `place` is what it had when the vault saw
    /// it; the vault has to start over from there.
    Restored { epoch: u64, place: Place },
}

impl Hub {
    /// Says whether the hub still holds what a vault with this share has seen.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where the vault follows another hub, and as for every read.
    pub(crate) fn timeline(&mut self, share: &Share) -> Result<Timeline> {
        if share.hub != self.id {
            let message = format!(
                "the vault follows another hub ({}, this one is {}): a vault follows one hub for its life",
                share.hub, self.id
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if share.place.sequence == 0 {
            return Ok(Timeline::Same);
        }
        let row = self.connection.query_opt(MARK, &[&sql(share.place.sequence)]).map_err(told)?;
        if row.map(|row| row.get(0)) == share.place.mark {
            return Ok(Timeline::Same);
        }
        let tenant = self.tenant;
        let mut transaction = self.connection.transaction().map_err(told)?;
        let mut numbers = Numbers::lock(&mut transaction, tenant)?;
        // Somebody may have noticed it before, and the hub may have gone on since then.
        let noticed = numbers
            .transaction
            .query_opt(
                "SELECT restored_at FROM facevault.epochs WHERE number > $1 ORDER BY number LIMIT 1",
                &[&sql(share.epoch)],
            )
            .map_err(told)?
            .map(|row| row.get::<_, i64>(0).unsigned_abs());
        let restored_at = match noticed {
            Some(known) => known,
            None => {
                let known = numbers.last;
                numbers
                    .transaction
                    .execute(
                        "INSERT INTO facevault.epochs (number, restored_at, noticed_at)
                         SELECT COALESCE(MAX(number), 0) + 1, $1, $2 FROM facevault.epochs",
                        &[&sql(known), &crate::clock::now().as_microsecond()],
                    )
                    .map_err(told)?;
                // No number that somebody has seen in the time that was lost is given again.
                numbers.last = known.max(share.place.sequence);
                numbers.next()?;
                known
            }
        };
        let sequence = restored_at.min(share.place.sequence);
        let mark = numbers.mark_of(sequence)?;
        let row = numbers.transaction.query_one("SELECT MAX(number) FROM facevault.epochs", &[]).map_err(told)?;
        let epoch = row.get::<_, Option<i64>>(0).unwrap_or(0).unsigned_abs();
        numbers.save()?;
        transaction.commit().map_err(told)?;
        Ok(Timeline::Restored { epoch, place: Place { sequence, mark } })
    }

    /// How often the hub was found to be restored.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn epoch(&mut self) -> Result<u64> {
        let sql = "SELECT COALESCE(MAX(number), 0) FROM facevault.epochs";
        Ok(self.connection.query_one(sql, &[]).map_err(told)?.get::<_, i64>(0).unsigned_abs())
    }
}

/// The hub's numbers, while nobody else can take one.
pub(super) struct Numbers<'a, 'b> {
    pub(super) transaction: &'a mut Transaction<'b>,
    pub(super) tenant: i64,
    last: u64,
    given: bool,
    /// What stands beside the last number.
    mark: Option<String>,
}

impl<'a, 'b> Numbers<'a, 'b> {
    /// Waits until nobody else changes the hub.
    pub(super) fn lock(transaction: &'a mut Transaction<'b>, tenant: i64) -> Result<Self> {
        let row =
            transaction.query_one("SELECT sequence FROM facevault.hub WHERE key = 1 FOR UPDATE", &[]).map_err(told)?;
        Ok(Self { transaction, tenant, last: row.get::<_, i64>(0).unsigned_abs(), given: false, mark: None })
    }

    /// The number of the next change.
    pub(super) fn next(&mut self) -> Result<u64> {
        self.many(1)
    }

    /// Takes numbers for so many changes, and returns the last.
    pub(super) fn many(&mut self, count: u64) -> Result<u64> {
        let first = self.last + 1;
        self.last += count;
        self.given = true;
        let mark = uuid::Uuid::new_v4().to_string();
        self.transaction
            .execute(
                "INSERT INTO facevault.marks (sequence, mark) SELECT s, $3 FROM generate_series($1::bigint, $2) s",
                &[&sql(first), &sql(self.last), &mark],
            )
            .map_err(told)?;
        self.mark = Some(mark);
        Ok(self.last)
    }

    /// The number of the last change, those of this transaction among them.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What stands beside the last number, if this transaction took it.
    pub(super) fn mark(&self) -> Option<String> {
        self.mark.clone()
    }

    /// The numbers as they are, to go back to.
    pub(super) fn keep(&self) -> Kept {
        Kept { last: self.last, given: self.given, mark: self.mark.clone() }
    }

    /// Forgets the numbers that were taken since, after what took them was rolled back.
    pub(super) fn go_back_to(&mut self, kept: Kept) {
        (self.last, self.given, self.mark) = (kept.last, kept.given, kept.mark);
    }

    /// Writes down which numbers were taken; to be called before the end of the transaction.
    pub(super) fn save(&mut self) -> Result<()> {
        if self.given {
            self.transaction
                .execute("UPDATE facevault.hub SET sequence = $1 WHERE key = 1", &[&sql(self.last)])
                .map_err(told)?;
        }
        Ok(())
    }

    fn mark_of(&mut self, sequence: u64) -> Result<Option<String>> {
        let row = self.transaction.query_opt(MARK, &[&sql(sequence)]).map_err(told)?;
        Ok(row.map(|row| row.get(0)))
    }
}

/// Numbers as they were at a savepoint.
pub(super) struct Kept {
    last: u64,
    given: bool,
    mark: Option<String>,
}

/// A number as PostgreSQL has it.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
