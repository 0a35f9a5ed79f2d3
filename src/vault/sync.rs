//! Following a hub: what was changed here goes there, what was changed there comes here, everybody whole.
//!
//! The order of the steps, each of which may be the last one before a power failure: removals are told, collections and
//! persons are sent and taken as the hub has them after that, then everything behind the vault's place is taken. Every
//! transaction on one side is one on the other, and what one side has and the other has not heard of yet is sent again:
//! the hub knows it by the name of the attempt.

use crate::audit::{Receipt, RemovalReason};
use crate::error::{Error, ErrorKind, Result};
use crate::patch::Patch;
use crate::person::{CollectionId, PersonId};
use crate::progress::{Progress, Step};
use crate::setters::setters;
use crate::share::{Conflict, Place, Share};
use crate::store::{Changes, GalleryEffect, Hub, ModelInfo, Taken, Timeline};

use super::model::engine_model;
use super::{ReencodeOptions, Vault};

/// Persons that are sent at once.
const SENT_AT_ONCE: usize = 50;
/// Removals that are told at once.
const REMOVED_AT_ONCE: usize = 500;
/// So often persons who were changed meanwhile are sent again; what is left then waits for the next time.
const MOST_ROUNDS: usize = 5;

/// How a vault follows a hub.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SyncOptions {
    /// Whose members come to this vault: `Set` names collections of the hub by their ids, `Clear` is everybody, `Keep`
    /// is as it was the last time, everybody at first. People who were added in this vault stay in it in any case.
    pub collections: Patch<Vec<CollectionId>>,
    /// Whether photos come along; as it was the last time where it is `None`, with photos at first.
    pub photos: Option<bool>,
    /// What the vault calls itself in the hub.
    pub name: String,
}

setters!(SyncOptions {
    collections: with_collections(Patch<Vec<CollectionId>>),
    photos: with_photos(impl Into<Option<bool>>),
    name: with_name(String),
});

/// What became of following a hub.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Synced {
    /// Persons whom the hub has another state of because of this vault.
    pub sent: u64,
    /// Removals that this vault told the hub.
    pub removals_sent: u64,
    /// Persons who came to this vault.
    pub added: u64,
    /// Persons who were changed in this vault.
    pub changed: u64,
    /// Persons who were removed from this vault because they were removed elsewhere.
    pub removed: Vec<RemovedElsewhere>,
    /// Persons who left the vault's share, and so this vault; the hub still has them.
    pub left: u64,
    /// Items that were changed here and elsewhere since the vault and the hub last met: the hub's values were kept.
    pub conflicts: Vec<Conflict>,
    /// Whether the hub was found to be restored from a backup, so that everything was compared with it.
    pub restored: bool,
    /// Photos that were encoded here, since the hub had no encoding by the vault's model.
    pub encoded: u64,
    /// Photos in this vault without an encoding by its model.
    pub unencoded: u64,
    /// Persons who were changed while this ran and have still to be sent.
    pub unsent: u64,
    /// The number of the hub's last change that the vault has.
    pub place: u64,
}

/// Somebody who was removed elsewhere, and therefore here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RemovedElsewhere {
    /// The person.
    pub person: PersonId,
    /// The receipt of the removal from this vault, if it keeps an audit trail.
    pub receipt: Option<Receipt>,
}

impl Vault {
    /// Has this vault and a hub tell each other what was changed since they last met. A vault follows one hub for its
    /// life, for one of its clients.
    ///
    /// Everybody moves whole, in one transaction on each side; it can be broken off or killed at any moment and goes on
    /// where it was when it is called again. `progress` counts the persons who were sent, then those who came. What was
    /// changed on both sides is settled item by item: the hub's value is kept, and [`Synced::conflicts`] and the hub's
    /// history have the other. Removals win over changes. Encodings by the vault's model travel with their photos; where
    /// the hub has none, the vault's engine makes them if there is one.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) and [`Busy`](ErrorKind::Busy) where the hub cannot be reached or is lost on the way: trying
    /// again later is right. [`Conflict`](ErrorKind::Conflict) where the vault follows another hub,
    /// [`ModelMismatch`](ErrorKind::ModelMismatch) where the hub's encodings by the vault's model are of another mode,
    /// [`Cancelled`](ErrorKind::Cancelled) where it was broken off, and as for every write.
    pub fn sync(&self, hub: &mut Hub, options: &SyncOptions, progress: &mut dyn Progress) -> Result<Synced> {
        let mut run = Run::begin(self, hub, options, progress)?;
        for round in 0..MOST_ROUNDS {
            run.tell_removals()?;
            run.send_collections()?;
            run.send_persons()?;
            run.take_changes()?;
            if round == 0 {
                run.encode()?;
            }
            if self.file()?.unsent_count(&self.client)? == 0 {
                break;
            }
        }
        run.finish(options)
    }
}

struct Run<'a> {
    vault: &'a Vault,
    hub: &'a mut Hub,
    progress: &'a mut dyn Progress,
    share: Share,
    /// The model whose encodings are taken.
    model: Option<ModelInfo>,
    /// Attempts whose outcome was heard, which the hub need not remember.
    confirmed: Vec<String>,
    done: Synced,
}

impl<'a> Run<'a> {
    fn begin(
        vault: &'a Vault,
        hub: &'a mut Hub,
        options: &SyncOptions,
        progress: &'a mut dyn Progress,
    ) -> Result<Self> {
        let store = vault.file()?;
        let known = store.share(&vault.client)?;
        let is_new = known.is_none();
        let mut share = match known {
            Some(share) => share,
            None => Share {
                hub: hub.id().to_owned(),
                kiosk: uuid::Uuid::new_v4().to_string(),
                epoch: hub.epoch()?,
                place: Place::default(),
                collections: None,
                photos: true,
            },
        };
        let before = share.clone();
        match &options.collections {
            Patch::Keep => {}
            Patch::Clear => share.collections = None,
            Patch::Set(ids) => {
                share.collections = Some(ids.clone());
            }
        }
        share.photos = options.photos.unwrap_or(share.photos);
        let timeline = hub.timeline(&share)?;
        let is_other = share != before;
        if is_other {
            // Another share is looked for from the beginning; who is here already is not sent again.
            share.place = Place::default();
        }
        let mut restored = false;
        match timeline {
            Timeline::Restored { epoch, place } => {
                let restored_at = place.sequence;
                (share.epoch, restored) = (epoch, true);
                share.place = if is_other { Place::default() } else { place };
                store.restart_share(&vault.client, &share, restored_at)?;
            }
            Timeline::Same if is_new || is_other => store.set_share(&vault.client, &share)?,
            Timeline::Same => {}
        }
        let model = Self::choose_model(vault, hub)?;
        let done = Synced {
            sent: 0,
            removals_sent: 0,
            added: 0,
            changed: 0,
            removed: Vec::new(),
            left: 0,
            conflicts: Vec::new(),
            restored,
            encoded: 0,
            unencoded: 0,
            unsent: 0,
            place: share.place.sequence,
        };
        Ok(Self { vault, hub, progress, share, model, confirmed: Vec::new(), done })
    }

    /// The model whose encodings are taken: the vault's, else the engine's, else the first one of the hub; as the hub
    /// knows it, if it does.
    fn choose_model(vault: &Vault, hub: &mut Hub) -> Result<Option<ModelInfo>> {
        let known = hub.models()?;
        let own = match vault.store().active_model()? {
            Some(active) => Some(active),
            None => vault.engine().map(engine_model),
        };
        match own {
            Some(own) => match known.into_iter().find(|model| model.id == own.id) {
                Some(theirs) => match (own.mode, theirs.mode) {
                    (Some(here), Some(there)) if here != there => {
                        let message = format!(
                            "the hub's encodings by {} are of the {there} mode, this vault's of the {here} mode: they \
                             are not mixed",
                            own.name
                        );
                        Err(Error::new(ErrorKind::ModelMismatch, message))
                    }
                    _ => Ok(Some(theirs)),
                },
                None => Ok(Some(own)),
            },
            None => Ok(known.into_iter().next()),
        }
    }

    fn tell_removals(&mut self) -> Result<()> {
        let gone = self.vault.file()?.gone()?;
        for part in gone.chunks(REMOVED_AT_ONCE) {
            self.hub.remove_all(part)?;
            self.vault.file()?.gone_is_known(part)?;
            self.done.removals_sent += part.len() as u64;
            self.go_on("telling removals", self.done.removals_sent, gone.len() as u64)?;
        }
        Ok(())
    }

    fn send_collections(&mut self) -> Result<()> {
        let store = self.vault.file()?;
        let sent = store.begin_sending_collections(&self.vault.client)?;
        if sent.is_empty() {
            return Ok(());
        }
        let exchanged = self.hub.exchange_collections(&self.share, &sent)?;
        for code in &exchanged.removed {
            self.remove_collection(code)?;
        }
        store.take(&self.vault.client, &exchanged.batch, None, None)?;
        self.confirmed.extend(sent.into_iter().map(|sent| sent.attempt));
        Ok(())
    }

    fn send_persons(&mut self) -> Result<()> {
        let store = self.vault.file()?;
        let total = store.unsent_count(&self.vault.client)?;
        let (mut after, mut count) = (0, 0);
        loop {
            let (sent, last) = store.begin_sending(&self.vault.client, after, SENT_AT_ONCE)?;
            if sent.is_empty() {
                return Ok(());
            }
            after = last;
            let models = store.models()?;
            let wanted = self.model.as_ref().map(|model| model.id);
            let exchanged = self.hub.exchange(&self.share, &sent, &models, wanted.as_ref(), &self.confirmed)?;
            self.confirmed.clear();
            self.done.sent += exchanged.written;
            self.done.conflicts.extend(exchanged.conflicts);
            for uid in &exchanged.removed {
                self.remove_person(uid, RemovalReason::RemovedElsewhere)?;
            }
            let taken = store.take(&self.vault.client, &exchanged.batch, self.model.as_ref(), None)?;
            self.took(&taken);
            count += sent.len() as u64;
            let heard = sent.into_iter().filter(|sent| !taken.skipped.contains(&sent.person.uid));
            self.confirmed.extend(heard.map(|sent| sent.attempt));
            self.go_on("sending people", count, total.max(count))?;
        }
    }

    fn take_changes(&mut self) -> Result<()> {
        let store = self.vault.file()?;
        let mut count = 0;
        loop {
            let wanted = self.model.as_ref().map(|model| model.id);
            let changes: Changes =
                self.hub.changes(&self.share, wanted.as_ref(), |images| store.known_images(images))?;
            for (uid, is_person) in &changes.removed {
                match is_person {
                    true => self.remove_person(uid, RemovalReason::RemovedElsewhere)?,
                    false => self.remove_collection(uid)?,
                }
            }
            for uid in &changes.outside {
                self.remove_person(uid, RemovalReason::LeftShare)?;
            }
            let taken = store.take(&self.vault.client, &changes.batch, self.model.as_ref(), Some(&changes.place))?;
            self.took(&taken);
            self.done.place = changes.place.sequence;
            self.share.place = changes.place;
            count += changes.batch.persons.len() as u64;
            if changes.is_last {
                return Ok(());
            }
            self.go_on("taking people", count, count + changes.left)?;
        }
    }

    /// Encodes photos for which the hub had no encoding by the vault's model, if there is an engine of that model.
    fn encode(&mut self) -> Result<()> {
        let Some(active) = self.vault.store().active_model()? else { return Ok(()) };
        let is_ours = self.vault.engine().is_some_and(|engine| engine_model(engine).id == active.id);
        if is_ours && self.vault.store().count_images_without(&active.id)? > 0 {
            self.done.encoded = self.vault.reencode(&ReencodeOptions::default(), self.progress)?.encoded;
        }
        Ok(())
    }

    fn finish(mut self, options: &SyncOptions) -> Result<Synced> {
        let store = self.vault.file()?;
        self.done.unsent = store.unsent_count(&self.vault.client)?;
        if let Some(active) = store.active_model()? {
            self.done.unencoded = store.count_images_without(&active.id)?;
        }
        self.hub.confirm(&self.confirmed)?;
        self.hub.leave(&self.share, &options.name, self.done.unsent)?;
        Ok(self.done)
    }

    fn took(&mut self, taken: &Taken) {
        self.done.added += taken.added;
        self.done.changed += taken.changed;
        self.publish(taken.gallery);
    }

    fn remove_person(&mut self, uid: &str, reason: RemovalReason) -> Result<()> {
        let store = self.vault.file()?;
        let Some(here) = store.person_of_uid(uid)? else { return Ok(()) };
        // Whoever was changed here meanwhile is sent first, and looked at again after that.
        if reason == RemovalReason::LeftShare && (here.is_own || here.has_unsent) {
            return Ok(());
        }
        let person = here.id;
        let removed = store.remove_shared(&self.vault.client, &person, uid, reason)?;
        self.vault.publish_removed(&removed);
        match reason {
            RemovalReason::LeftShare => self.done.left += 1,
            _ => self.done.removed.push(RemovedElsewhere { person, receipt: removed.receipt }),
        }
        Ok(())
    }

    fn remove_collection(&mut self, code: &str) -> Result<()> {
        if let Some(effect) = self.vault.file()?.remove_shared_collection(&self.vault.client, code)? {
            self.publish(effect);
        }
        Ok(())
    }

    fn publish(&self, effect: GalleryEffect) {
        self.vault.publish(effect, |_| None);
    }

    fn go_on(&mut self, what: &str, done: u64, total: u64) -> Result<()> {
        let step = Step::items(what, done as usize, total as usize);
        match self.progress.report(step).is_break() {
            true => Err(Error::new(ErrorKind::Cancelled, "following the hub was broken off; it can be continued")),
            false => Ok(()),
        }
    }
}
