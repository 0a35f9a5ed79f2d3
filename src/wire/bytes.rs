//! The bytes of each kind of answer: names of fields, their order, the form of numbers.

use std::collections::HashMap;

use serde::Serialize;

use super::*;
use crate::comparison::{OperatingPoint, Similarity};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Duplicate, DuplicateReason, Error, ErrorKind, ImageReport, Refusal, RefusalCode, Rule, Violation};
use crate::person::{
    ClientId, Collection, CollectionId, DateOfBirth, Gender, ImageId, Person, PersonId, PersonImage, PersonSummary,
    Status, TokenId,
};
use crate::token::Token;
use crate::vault::{DuplicatePair, Duplicates};

#[track_caller]
fn assert_bytes(answer: impl Serialize, expected: &str) {
    assert_eq!(serde_json::to_string(&answer).expect("JSON"), expected);
}

fn person() -> Person {
    let encoding = FaceEncoding::new(ModelId::from_bytes([1; 16]), vec![1.0]).expect("finite");
    let image = |encoding| PersonImage { id: ImageId::generate(), bytes: Some(vec![1, 2, 3].into()), encoding };
    Person {
        id: PersonId::new("person_1").expect("an id"),
        client: ClientId::new("client_1").expect("an id"),
        name: "Ada".into(),
        gender: Some(Gender::Female),
        date_of_birth: Some(DateOfBirth::new(1990, 1, 15).expect("a date")),
        nationality: None,
        images: vec![image(Some(encoding)), image(None)],
        collections: vec![CollectionId::new("collection_1").expect("an id")],
        notes: Some("first".into()),
        attributes: Default::default(),
        status: Status::Inactive,
        expires_at: None,
        version: 2,
        created_at: "2024-01-15T10:30:00Z".parse().expect("a time"),
        updated_at: "2024-01-16T14:20:00.5Z".parse().expect("a time"),
    }
}

const TIMES: &str = r#""createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-16T14:20:00.500Z"}"#;

#[test]
fn a_person_and_its_summary() {
    let person = person();
    let expected = concat!(
        r#"{"_id":"person_1","name":"Ada","gender":"F","date_of_birth":{"year":1990,"month":1,"day":15},"#,
        r#""nationality":null,"images":["AQID","AQID"],"collections":["collection_1"],"notes":"first","#,
        r#""client":"client_1","status":"inactive","faceEncodings":["AACAPw==",null],"#,
    );
    assert_bytes(&person, &format!("{expected}{TIMES}"));
    let summary = PersonSummary {
        id: person.id,
        name: person.name,
        gender: None,
        date_of_birth: None,
        nationality: Some("GB".into()),
        image_count: 2,
        collections: person.collections,
        notes: person.notes,
        attributes: Default::default(),
        status: person.status,
        expires_at: None,
        version: person.version,
        created_at: person.created_at,
        updated_at: person.updated_at,
    };
    let expected = concat!(
        r#"{"_id":"person_1","name":"Ada","gender":null,"date_of_birth":null,"nationality":"GB","image_count":2,"#,
        r#""collections":["collection_1"],"status":"inactive","version":2,"#,
    );
    assert_bytes(&summary, &format!("{expected}{TIMES}"));
}

#[test]
fn a_collection_and_a_token() {
    let Person { created_at, updated_at, client, .. } = person();
    let collection = Collection {
        id: CollectionId::new("collection_1").expect("an id"),
        code: "x".into(),
        name: "Staff".into(),
        description: None,
        created_at,
        updated_at,
    };
    let expected = r#"{"_id":"collection_1","code":"x","name":"Staff","description":null,"#;
    assert_bytes(&collection, &format!("{expected}{TIMES}"));
    let id = TokenId::new("token_1").expect("an id");
    let token = Token { id, client, created_at, expires_at: Some(updated_at), revoked_at: None };
    let expected = concat!(
        r#"{"_id":"token_1","client":"client_1","status":"expired","createdAt":"2024-01-15T10:30:00.000Z","#,
        r#""expiresAt":"2024-01-16T14:20:00.500Z","revokedAt":null}"#,
    );
    assert_bytes(&token, expected);
}

#[test]
fn errors() {
    let rule = |field: &str, rule| Violation { field: field.into(), rule };
    let invalid = Error::violated(vec![rule("name", Rule::NotNull), rule("x", Rule::NotAllowed)]);
    let expected = concat!(
        r#"{"details":[{"field":"name","rule":"must not be null"},{"field":"x","rule":"is not allowed"}],"#,
        r#""error":"invalid","message":"\"name\" must not be null (and 1 more)"}"#,
    );
    assert_bytes(ErrorAnswer(&invalid), expected);

    let small = Refusal::measured(RefusalCode::FaceTooSmall, 20.0, 40.5, "too small");
    let refusals = [None, Some(small), Some(Refusal::new(RefusalCode::NoFaceDetected, "no face"))];
    let reports = refusals.into_iter().enumerate().map(|(index, refusal)| ImageReport { index, refusal });
    let expected = concat!(
        r#"{"error":"refused","images":[{"index":0,"status":"ok"},"#,
        r#"{"code":"face_too_small","index":1,"limit":40.5,"measured":20.0,"message":"too small","status":"refused"},"#,
        r#"{"code":"no_face_detected","index":2,"limit":null,"measured":null,"message":"no face","status":"refused"}],"#,
        r#""message":"image 1: face_too_small: too small (and 1 more)"}"#,
    );
    assert_bytes(ErrorAnswer(&Error::refused(reports.collect())), expected);
    assert_bytes(ErrorAnswer(&Error::new(ErrorKind::Busy, "busy")), r#"{"error":"busy","message":"busy"}"#);
}

#[test]
fn duplicates() {
    let ids = ["person_1", "person_2"].map(|id| PersonId::new(id).expect("an id"));
    let images = ["image_1", "image_2"].map(|id| ImageId::new(id).expect("an id"));
    let threshold = OperatingPoint::similarity(0.5).and_then(|point| point.threshold(None, 7)).expect("a similarity");
    let similarity = Similarity::new(0.75).expect("finite");
    let known = |reason| Error::already_known(Duplicate { person: ids[0].clone(), reason });
    let shown = r#"{"asked":{"similarity":0.5},"basis":"given","fmr":null,"people_searched":7,"similarity":0.5}"#;
    let face = known(DuplicateReason::Face { image: images[0].clone(), decision: threshold.decide(similarity, None) });
    let expected = format!(
        concat!(
            r#"{{"duplicate":{{"fmr":null,"image":"image_1","person":"person_1","reason":"face","similarity":0.75,"#,
            r#""threshold":{}}},"error":"already_exists","message":{:?}}}"#,
        ),
        shown,
        face.to_string()
    );
    assert_bytes(ErrorAnswer(&face), &expected);
    let expected = concat!(
        r#"{"duplicate":{"person":"person_1","reason":"name_and_birth"},"error":"already_exists","#,
        r#""message":"person_1 has the same name and date of birth"}"#,
    );
    assert_bytes(ErrorAnswer(&known(DuplicateReason::NameAndBirth)), expected);

    let pair = DuplicatePair { people: ids.clone(), images, similarity, fmr: None };
    let duplicates = Duplicates {
        pairs: vec![pair],
        is_cut: false,
        threshold,
        people_searched: 7,
        people_without_encoding: 1,
        generation: 3,
    };
    let expected = concat!(
        r#"{"pairs":[{"fmr":null,"people":[{"image":"image_1","name":"Ada","person":"person_1"},"#,
        r#"{"image":"image_2","name":null,"person":"person_2"}],"similarity":0.75}],"is_cut":false,"#,
        r#""threshold":{"similarity":0.5,"asked":{"similarity":0.5},"people_searched":7,"fmr":null,"basis":"given"},"#,
        r#""people_searched":7,"people_without_encoding":1,"generation":3}"#,
    );
    let names = HashMap::from([(ids[0].clone(), "Ada".to_owned())]);
    assert_bytes(DuplicatesAnswer { duplicates: &duplicates, names: &names }, expected);
}
