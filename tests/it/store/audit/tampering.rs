//! Whatever is done to a trail shows: changed, forged and cut entries.

use facevault::{Actor, AuditEvent, AuditHash, AuditHead, AuditQuery, ErrorKind, PersonUpdate, Result};
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::super::{Vault, Writes, person};
use super::{problems, trail};

/// A vault with twelve entries.
fn twelve() -> Result<Vault> {
    let vault = Vault::in_memory();
    for n in 0..4 {
        let id = vault.store.insert(&vault.client, &person("somebody", &[&[n; 9]]))?.person.id;
        let rename = PersonUpdate { name: Some("another".into()), ..PersonUpdate::default() };
        vault.store.update(&vault.client, &id, &rename)?;
        vault.store.remove_person(&vault.client, &id, None)?;
    }
    assert_eq!(trail(&vault.store).len(), 12);
    Ok(vault)
}

/// What keeps SQLite's own users from changing the trail.
const TRIGGERS: &str =
    "DROP TRIGGER audit_is_appended_to; DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_cut_at_its_start;";

#[test]
fn the_table_itself_refuses_changes() -> Result<()> {
    let vault = twelve()?;
    for statement in [
        "UPDATE audit SET detail = '{}' WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 12",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 3, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 4",
    ] {
        assert!(vault.raw().execute_batch(statement).is_err(), "{statement}");
    }
    assert_eq!(problems(&vault.store, None), Vec::<String>::new());
    Ok(())
}

#[test]
fn every_way_of_tampering_is_noticed() -> Result<()> {
    for (statements, word) in [
        ("UPDATE audit SET detail = '{}' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET kind = 'person_updated' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET client = NULL WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET actor = 'host:other' WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET person = person + 1 WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 6", "not what was written"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 12", "not what was written"),
        ("UPDATE audit SET actor = 'nobody at all' WHERE sequence = 6", "not what was written"),
        ("DELETE FROM audit WHERE sequence = 6", "is missing"),
        ("DELETE FROM audit WHERE sequence BETWEEN 6 AND 8", "up to 8 are missing"),
        // Whoever closes the gap breaks the chain.
        (
            "DELETE FROM audit WHERE sequence = 6;
             UPDATE audit SET sequence = sequence - 1 WHERE sequence BETWEEN 7 AND 12;",
            "not what was written",
        ),
        ("DELETE FROM audit WHERE sequence > 9", "newest entries"),
        ("DELETE FROM audit WHERE sequence = 12", "newest entries"),
        ("DELETE FROM audit", "newest entries"),
        (
            "DELETE FROM audit WHERE sequence > 9;
             UPDATE audit_state SET last = 9, head = (SELECT hash FROM audit WHERE sequence = 9);",
            "is damaged",
        ),
        ("DELETE FROM audit WHERE sequence < 4", "up to 3 are missing"),
        (
            "UPDATE audit_state SET base = 3, anchor = (SELECT hash FROM audit WHERE sequence = 3);
             DELETE FROM audit WHERE sequence < 4;",
            "is damaged",
        ),
        (
            "UPDATE audit SET sequence = 100 WHERE sequence = 6; UPDATE audit SET sequence = 6 WHERE sequence = 7;
             UPDATE audit SET sequence = 7 WHERE sequence = 100;",
            "not what was written",
        ),
        (
            "INSERT INTO audit SELECT 13, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 12",
            "not what was written",
        ),
        (
            "UPDATE audit SET sequence = sequence + 101 WHERE sequence > 5;
             UPDATE audit SET sequence = sequence - 100 WHERE sequence > 100;
             INSERT INTO audit SELECT 6, at, kind, client, actor, person, detail, hash FROM audit WHERE sequence = 5;",
            "not what was written",
        ),
        ("UPDATE audit_state SET scope = 'off'", "is damaged"),
        ("UPDATE audit_state SET keep_days = 1", "is damaged"),
    ] {
        let vault = twelve()?;
        vault.raw().execute_batch(&format!("{TRIGGERS} {statements};")).expect(statements);
        let found = problems(&vault.store, None);
        assert!(found.iter().any(|problem| problem.contains(word)), "{statements}: {found:?}");
        let checked = vault.store.check()?.problems;
        assert!(checked.iter().any(|problem| problem.what.contains(word)), "{statements}: {checked:?}");
    }
    // The trail of another vault begins with another id; the row that holds the id has a checksum of its own.
    let vault = twelve()?;
    vault.raw().execute_batch("UPDATE meta SET vault = '00000000-0000-0000-0000-000000000000'").expect("updates");
    assert_eq!(vault.store.verify_audit(None).expect_err("damaged").kind(), ErrorKind::Corrupt);
    let checked = vault.store.check()?.problems;
    assert!(checked.iter().any(|problem| problem.what.contains("meta")), "{checked:?}");
    Ok(())
}

/// Writes the whole chain anew, as somebody who knows how it is made can: `change` is applied to each entry,
/// `last` is the number of the last one that stays, and entries up to `base` go.
fn forge(vault: &Vault, base: i64, last: i64, change: impl Fn(i64, &mut i64)) {
    let raw = vault.raw();
    raw.execute_batch(TRIGGERS).expect("dropped");
    let id: String = raw.query_row("SELECT vault FROM meta", [], |row| row.get(0)).expect("an id");
    let mut hash: [u8; 32] = Sha256::digest(format!("facevault: audit trail\0{id}")).into();
    let mut anchor = hash;
    for sequence in 1..=last {
        let (mut at, kind, client, actor, person, detail) = raw
            .query_row(
                "SELECT at, kind, client, actor, person, detail FROM audit WHERE sequence = ?1",
                [sequence],
                |row| {
                    let text = |index: usize| row.get::<_, Option<String>>(index);
                    Ok((row.get(0)?, text(1)?, text(2)?, text(3)?, row.get::<_, Option<i64>>(4)?, text(5)?))
                },
            )
            .expect("an entry");
        change(sequence, &mut at);
        let part = |text: Option<String>| text.unwrap_or_default();
        let person = person.map(|key| key.to_string()).unwrap_or_default();
        let (kind, client, actor, detail) = (part(kind), part(client), part(actor), part(detail));
        let text = format!("{sequence}\n{at}\n{kind}\n{client}\n{actor}\n{person}\n{detail}");
        hash = Sha256::digest([&hash[..], text.as_bytes()].concat()).into();
        raw.execute("UPDATE audit SET at = ?2, hash = ?3 WHERE sequence = ?1", params![sequence, at, hash])
            .expect("forged");
        if sequence == base {
            anchor = hash;
        }
    }
    raw.execute("DELETE FROM audit WHERE sequence > ?1 OR sequence <= ?2", [last, base]).expect("cut");
    let head = |sequence: i64, hash: [u8; 32]| AuditHead::new(sequence.unsigned_abs(), AuditHash::from_bytes(hash));
    let text =
        format!("changes\n{:?}\nfalse\n{:?}\n{}\n{}", Some(365), None::<i64>, head(base, anchor), head(last, hash));
    raw.execute(
        "UPDATE audit_state SET base = ?1, anchor = ?2, last = ?3, head = ?4, crc32 = ?5",
        params![base, anchor, last, hash, crc32fast::hash(text.as_bytes())],
    )
    .expect("forged");
}

#[test]
fn a_trail_that_was_written_anew_shows_against_a_head_that_was_kept() -> Result<()> {
    let kept = |vault: &Vault| vault.store.verify_audit(None).map(|report| report.head);
    // A changed time, and the newest entries cut: the chain is whole, but the head that was kept is not in it.
    let (one, two) = (twelve()?, twelve()?);
    for (vault, last) in [(&one, 12), (&two, 9)] {
        let head = kept(vault)?;
        assert_eq!(problems(&vault.store, Some(&head)), Vec::<String>::new());
        forge(vault, 0, last, |sequence, at| *at += i64::from(sequence == 7 && last == 12));
        assert_eq!(problems(&vault.store, None), Vec::<String>::new());
        let found = problems(&vault.store, Some(&head));
        assert!(found.len() == 1 && found[0].contains("does not hold"), "{found:?}");
    }
    // The oldest entries cut by hand: the trail would have said so.
    let three = twelve()?;
    forge(&three, 3, 12, |_, _| {});
    let found = problems(&three.store, None);
    assert!(found.len() == 1 && found[0].contains("oldest entries were cut"), "{found:?}");
    Ok(())
}

/// Takes the entries up to `last` back by `days`.
fn age(vault: &Vault, last: i64, days: i64) {
    forge(vault, 0, 12, |sequence, at| *at -= if sequence <= last { days * 86_400_000_000 } else { 0 });
    vault
        .raw()
        .execute_batch(
            "CREATE TRIGGER audit_is_cut_at_its_start BEFORE DELETE ON audit
             WHEN OLD.sequence > (SELECT base FROM audit_state) BEGIN SELECT RAISE(ABORT, 'no'); END;",
        )
        .expect("the trigger");
}

#[test]
fn old_entries_are_cut_and_the_trail_says_so() -> Result<()> {
    let vault = twelve()?;
    let head = vault.store.verify_audit(None)?.head;
    assert_eq!(vault.store.cut_audit()?, 0);
    age(&vault, 5, 400);
    let aged = vault.store.verify_audit(None)?.head;
    assert_eq!(vault.store.acting_as(&Actor::named("timer")?).cut_audit()?, 5);
    assert_eq!(vault.store.cut_audit()?, 0);
    let entries = trail(&vault.store);
    assert_eq!((entries[0].sequence, entries.len()), (6, 8));
    let last = entries.last().expect("an entry");
    let AuditEvent::TrailCut { entries: cut, until, .. } = last.event else { panic!("{last:?}") };
    assert_eq!((cut, until, last.actor.name()), (5, 5, Some("timer")));
    assert_eq!(problems(&vault.store, Some(&aged)), Vec::<String>::new());
    let early = AuditHead::new(2, head.hash);
    assert!(problems(&vault.store, Some(&early))[0].contains("cut because of its age"));
    // What is cut next shows against what the trail says.
    vault
        .raw()
        .execute_batch("DROP TRIGGER audit_is_cut_at_its_start; DELETE FROM audit WHERE sequence = 6;")
        .expect("cut");
    assert!(problems(&vault.store, None)[0].contains("is missing"));
    Ok(())
}

#[test]
fn a_clock_that_was_set_back_cuts_nothing() -> Result<()> {
    let vault = twelve()?;
    // The newest entry is of tomorrow: the clock cannot be trusted.
    forge(&vault, 0, 12, |sequence, at| *at += if sequence == 12 { 86_400_000_000 } else { -500 * 86_400_000_000 });
    assert_eq!(vault.store.cut_audit()?, 0);
    Ok(())
}

#[test]
fn old_entries_are_cut_by_themselves() -> Result<()> {
    let vault = twelve()?;
    age(&vault, 12, 400);
    for _ in 12..256 {
        vault.store.insert(&vault.client, &person("somebody", &[]))?;
    }
    let report = vault.store.verify_audit(None)?;
    assert_eq!((report.cut_until, report.head.sequence, report.entries), (12, 257, 245));
    assert!(report.is_clean(), "{report:?}");
    Ok(())
}

#[test]
fn what_cannot_be_read_is_of_another_kind() -> Result<()> {
    let vault = twelve()?;
    vault
        .raw()
        .execute_batch(&format!("{TRIGGERS} UPDATE audit SET detail = '{{}}' WHERE sequence = 6;"))
        .expect("changed");
    let read = vault.store.audit(&AuditQuery::default()).map_err(|error| error.kind());
    assert_eq!(read.map(drop), Err(ErrorKind::Corrupt));
    assert_eq!(vault.store.audit(&AuditQuery::default().with_after(6))?.entries.len(), 6);
    Ok(())
}
