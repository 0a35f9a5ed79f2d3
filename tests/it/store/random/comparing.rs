//! What the store holds, against the model.

use std::collections::BTreeMap;

use facevault::{ClientId, DateOfBirth, FaceEncoding, PersonId, PersonKey, PersonQuery, Status};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::MODEL;
use super::super::model::{Known, Tenant};
use super::{Pair, Row};

impl Pair {
    /// Brings the gallery up to date by what it missed, and holds it against one loaded anew.
    pub(super) fn catch_up(&mut self) -> Result<(), TestCaseError> {
        let store = &self.vault.store;
        let since = self.gallery_generation;
        for client in &self.clients[..2] {
            let missed = store.changes_since(client, since, &MODEL, 1_000).expect("changes");
            let missed = missed.expect("nothing was forgotten");
            for key in &missed.removed {
                self.gallery.remove(key);
            }
            for person in missed.written {
                let encodings = person.encodings.into_iter().collect();
                let row = (client.clone(), person.id, person.status, person.collections, encodings);
                self.gallery.insert(person.key, row);
            }
            self.gallery_generation = missed.generation;
        }
        self.gallery.retain(|_, person| !person.4.is_empty());

        let mut anew: BTreeMap<PersonKey, Row> = BTreeMap::new();
        let take = |row: facevault::store::EncodingRow<'_>| {
            let person = anew.entry(row.key).or_insert_with(|| {
                (row.client.clone(), row.person.clone(), row.status, row.collections.to_vec(), BTreeMap::new())
            });
            let vector: Vec<f32> = row.vector.components().collect();
            person.4.insert(row.image.clone(), FaceEncoding::new(MODEL, vector)?);
            Ok(())
        };
        prop_assert_eq!(store.all_encodings(None, &MODEL, take).expect("encodings"), self.gallery_generation);
        prop_assert!(self.gallery == anew, "a gallery that caught up differs from one loaded anew");

        let expected: Vec<_> = self
            .model
            .tenants
            .values()
            .flat_map(|tenant| tenant.persons.values())
            .flat_map(|person| person.photos.iter().filter_map(|photo| photo.id.clone().zip(photo.encoding())))
            .collect();
        let found: BTreeMap<_, _> = anew.into_values().flat_map(|person| person.4).collect();
        prop_assert!(found == expected.into_iter().collect(), "the encodings are others");
        Ok(())
    }

    /// Everything that can be read, against the model.
    pub(super) fn compare(&self) -> Result<(), TestCaseError> {
        let store = &self.vault.store;
        let mut mine: Vec<_> = self.model.tenants.keys().collect();
        let mut theirs = store.clients().expect("clients");
        mine.sort();
        theirs.sort();
        prop_assert_eq!(theirs.iter().collect::<Vec<_>>(), mine);
        for (client, tenant) in &self.model.tenants {
            let groups = store.collections(client).expect("collections");
            prop_assert_eq!(groups.len(), tenant.collections.len());
            for (group, known) in groups.iter().zip(&tenant.collections) {
                prop_assert_eq!((&group.id, &group.code, &group.name), (&known.id, &known.code, &known.name));
                prop_assert_eq!(&group.description, &known.description);
                prop_assert_eq!(&store.collection(client, &group.code).expect("a collection"), group);
            }
            for (id, person) in &tenant.persons {
                let answer = store.person(client, id).expect("a person");
                tenant.same(person, &answer).map_err(TestCaseError::fail)?;
            }
            self.compare_lists(client, tenant)?;
        }
        let report = store.check().expect("a check");
        prop_assert!(report.is_clean(), "{report:?}");
        Ok(())
    }

    fn compare_lists(&self, client: &ClientId, tenant: &Tenant) -> Result<(), TestCaseError> {
        let born = DateOfBirth::new(2000, 2, 29).expect("a date");
        let mut queries: Vec<PersonQuery> = vec![
            PersonQuery::default(),
            PersonQuery::default().with_status(Status::Inactive),
            PersonQuery::default().with_name_contains("sS".to_owned()),
            PersonQuery::default().with_date_of_birth(born),
            PersonQuery::default().with_attributes(BTreeMap::from([("a".into(), "1".into())])),
            PersonQuery::default()
                .with_status(Status::Active)
                .with_attributes(BTreeMap::from([("a".into(), "1".into()), ("c.d-e_9".into(), "ελ\0".into())])),
        ];
        queries
            .extend(tenant.collections.iter().map(|group| PersonQuery::default().with_collection(group.code.clone())));
        for query in queries {
            let wanted = |person: &Known| {
                let named = query.name_contains.is_none() || person.name.to_uppercase().contains("SS");
                let member = query.collection.as_ref().is_none_or(|code| {
                    let group = tenant.find(code).expect("a collection");
                    tenant.collections_of(person).contains(&group.id)
                });
                let status = query.status.is_none_or(|status| status == person.status);
                let noted = query.attributes.iter().all(|(key, value)| person.attributes.get(key) == Some(value));
                noted
                    && named
                    && member
                    && status
                    && (query.date_of_birth.is_none() || person.date_of_birth == Some(born))
            };
            let expected: Vec<&PersonId> =
                tenant.persons.iter().filter(|(_, person)| wanted(person)).map(|(id, _)| id).collect();
            let mut found = Vec::new();
            let mut last = None;
            for number in 1.. {
                let page = query.clone().with_page(number).with_limit(2);
                let page = self.vault.store.persons(client, &page).expect("a page");
                prop_assert_eq!(page.total, expected.len() as u64);
                for item in &page.items {
                    let place = Some((item.created_at, item.id.clone()));
                    prop_assert!(last < place, "the order is not that of age");
                    last = place;
                    let person = &tenant.persons[&item.id];
                    prop_assert_eq!((&item.name, item.version), (&person.name, person.version));
                    prop_assert_eq!(item.image_count, person.photos.len() as u64);
                    prop_assert_eq!(&item.collections, &tenant.collections_of(person));
                }
                if page.items.is_empty() {
                    break;
                }
                found.extend(page.items.into_iter().map(|item| item.id));
            }
            found.sort();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
        Ok(())
    }
}
