//! Hubs of earlier versions become those of this one.

use facevault::{AuditQuery, Hub, PersonQuery, Vault, VaultOptions};

use super::server::Server;

const VERSION_1: &str = include_str!("../../../src/store/postgres/migrations/v1.sql");

/// What a hub of version 1 held: a person in a collection, with an encoding that was given without a photo, and somebody
/// who was removed.
const HELD: &str = r#"
    INSERT INTO facevault.hub (key, id, version, created_at, sequence)
        VALUES (1, '6b1f2a54-5f0e-4f0c-9a3c-0a4f5b7c9d11', 1, 1700000000000000, 3);
    INSERT INTO facevault.marks (sequence, mark) SELECT n, 'mark ' || n FROM generate_series(1, 3) n;
    INSERT INTO facevault.models (id, name, dimension, metric, mode)
        VALUES (decode(repeat('ab', 16), 'hex'), 'model', 4, 'cosine', NULL);
    INSERT INTO facevault.collections (client, id, code, created_at, added, changed, items, stamps)
        VALUES (1, 'staff', '0190d3c2-7b2a-7c31-9a54-7d7c1a6a1b01', 1700000000000001, 1, 1, '{"name": "Staff"}', '{}');
    INSERT INTO facevault.persons (client, uid, id, created_at, added, changed, items, stamps)
        VALUES (1, '7a1c7a52-0f6e-4d3c-8c0e-1b2a3c4d5e6f', 'ada', 1700000000000002, 2, 2,
                '{"name": "STRAUSS", "status": "active", "date_of_birth": "1815-12-10", "attribute:badge": "4711",
                  "collection:staff": true, "image:one": true}', '{}');
    INSERT INTO facevault.images (client, person, position, id, sha256, has_photo)
        VALUES (1, 1, 0, 'one', decode(repeat('01', 32), 'hex'), false);
    INSERT INTO facevault.encodings (image, model, client, person, vector) VALUES (1, 1, 1, 1, '[1,0,0,0]');
    INSERT INTO facevault.tombstones (uid, client, kind, sequence)
        VALUES ('7a1c7a52-0f6e-4d3c-8c0e-1b2a3c4d5e70', 1, 'person', 3);
"#;

#[test]
fn a_hub_of_version_1_is_taken_to_the_present_one() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.run(&database, &format!("CREATE EXTENSION vector; {VERSION_1} {HELD}"));
    let address = server.address(&database);
    let error = Vault::open_hub(&address, VaultOptions::default()).expect_err("an older version");
    assert!(error.to_string().contains("facevault hub init"), "{error}");

    let (hub, is_new) = Hub::init(&address).expect("migrated");
    assert!(!is_new && hub.id() == "6b1f2a54-5f0e-4f0c-9a3c-0a4f5b7c9d11");
    let vault = Vault::open_hub(&address, VaultOptions::default()).expect("a hub");
    let report = vault.check().expect("checked");
    assert!(report.is_clean(), "{report:?}");
    let query = PersonQuery::default().with_name_contains("strauß".to_owned()).with_collection("staff".to_owned());
    let page = vault.persons(&query).expect("a page");
    let [ada] = &page.items[..] else { panic!("{} persons are found", page.items.len()) };
    assert_eq!((ada.id.as_str(), ada.version, ada.image_count), ("ada", 1, 1));
    assert_eq!((ada.updated_at, &ada.attributes["badge"][..]), (ada.created_at, "4711"));
    assert_eq!(vault.person(&ada.id).expect("ada").images[0].encoding.as_ref().map(|found| found.dimension()), Some(4));
    assert!(vault.audit(&AuditQuery::default()).expect("a trail").entries.is_empty());
    assert!(vault.audit_verify(None).expect("verified").is_clean());
    server.remove(&database);
}
