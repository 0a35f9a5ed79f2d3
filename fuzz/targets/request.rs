//! Requests: JSON bodies, dates, ids, base64.

#![no_main]

use facevault::wire::{decode_base64, encode_base64};
use facevault::{
    CollectionId, CollectionUpdate, DateOfBirth, ImageId, NewCollection, NewPerson, OperatingPoint, PersonId, PersonUpdate,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // A body that is read says the same when it is read again.
    let _ = NewPerson::from_json(bytes);
    let _ = NewCollection::from_json(bytes);
    let _ = CollectionUpdate::from_json(bytes);
    if let Ok(update) = PersonUpdate::from_json(bytes) {
        assert!(PersonUpdate::from_json(bytes).is_ok_and(|again| again == update));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(date) = DateOfBirth::parse(text) {
        assert_eq!(DateOfBirth::parse(&date.to_string()), Ok(date));
    }
    if let Some(decoded) = decode_base64(text) {
        assert_eq!(decode_base64(&encode_base64(&decoded)), Some(decoded));
    }
    let _ = (text.parse::<PersonId>(), text.parse::<ImageId>(), text.parse::<CollectionId>());
    let _ = text.parse::<OperatingPoint>();
});
