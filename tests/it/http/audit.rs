//! What the audit trail says of requests.

use facevault::{AuditEvent, AuditPolicy, AuditQuery, AuditScope, Receipt};
use serde_json::json;

use super::{Service, erasure, photo};

#[test]
fn requests_are_noted_by_their_token_and_decided_by_their_score() {
    let service = Service::new();
    service.vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All)).expect("set");
    service.enroll("ada", "Ada", 1);
    let key = service.vault.person_key(&"ada".parse().expect("an id")).expect("a key");
    let search = |seed| json!({"images": [photo(seed)], "min_score": 0.9, "search_mode": "FAST"});
    assert_eq!(service.post("/search", &search(1)).data().as_array().map(Vec::len), Some(1));
    assert_eq!(service.post("/search", &search(9)).data().as_array().map(Vec::len), Some(0));
    service
        .post("/verify", &json!({"id": "ada", "images": [photo(9)], "min_score": 0.9, "search_mode": "FAST"}))
        .data();
    service
        .post(
            "/compare",
            &json!({"probe": [photo(1)], "gallery": [photo(1)], "compare_min_score": 0.9, "search_mode": "FAST"}),
        )
        .data();
    let removed = service.delete("/persons/ada");
    assert_eq!(removed.data(), json!({"_id": "ada", "collections": [], "deleted": true, "erasure": erasure()}));

    let token = service.token.split('.').next().map(str::to_owned);
    let entries =
        service.vault.audit(&AuditQuery::default().with_newest_first(true).with_limit(6)).expect("read").entries;
    assert!(entries.iter().all(|entry| entry.actor.token_id().map(|id| id.to_string()) == token), "{entries:?}");
    let said: Vec<_> = entries.iter().rev().map(|entry| (entry.event.kind(), entry.person)).collect();
    assert_eq!(
        said,
        [
            ("person_created", Some(key)),
            ("identified", Some(key)),
            ("identified", None),
            ("verified", Some(key)),
            ("compared", None),
            ("person_removed", Some(key)),
        ]
    );
    let decided = entries.iter().rev().filter_map(|entry| match &entry.event {
        AuditEvent::Identified { threshold, recognized, .. } => Some((threshold.as_str(), *recognized)),
        AuditEvent::Verified { threshold, accepted, .. } | AuditEvent::Compared { threshold, accepted, .. } => {
            Some((threshold.as_str(), u64::from(*accepted)))
        }
        _ => None,
    });
    let above = "score above 0.9";
    assert_eq!(decided.collect::<Vec<_>>(), [(above, 1), (above, 0), (above, 0), (above, 1)]);

    let (entry, opening) = Receipt::parse(removed.header("facevault-receipt")).expect("a receipt");
    let AuditEvent::PersonRemoved(removal) = service.vault.audit_entry(&entry).expect("an entry").event else {
        panic!("no removal");
    };
    assert!(removal.is_of(&opening, service.vault.client(), &"ada".parse().expect("an id")));
}
