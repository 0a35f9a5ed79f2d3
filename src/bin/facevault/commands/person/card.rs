//! A person as people read it.

use std::io;

use facevault::{Person, Status};

use super::fields::shown;
use crate::output::{Text, bytes, time};

/// Prints what is known of a person, a line a field, and a line a photo.
pub(super) fn print(person: &Person, text: &mut Text<'_>) -> io::Result<()> {
    text.heading(&person.name)?;
    let mut line = |name: &str, value: &str| {
        if value.is_empty() { Ok(()) } else { text.line(format!("  {name:<15}{value}")) }
    };
    shown(person).iter().try_for_each(|(name, value)| line(name, value))?;
    let collections: Vec<&str> = person.collections.iter().map(facevault::CollectionId::as_str).collect();
    line("collections", &collections.join(", "))?;
    for (i, notes) in person.notes.as_deref().unwrap_or_default().lines().enumerate() {
        line(if i == 0 { "notes" } else { "" }, notes)?;
    }
    for (i, (key, value)) in person.attributes.iter().enumerate() {
        line(if i == 0 { "attributes" } else { "" }, &format!("{key} = {value}"))?;
    }
    if person.status != Status::Active {
        line("status", person.status.as_str())?;
    }
    line("client", person.client.as_str())?;
    line("created", &time(person.created_at))?;
    line("updated", &time(person.updated_at))?;
    for (i, image) in person.images.iter().enumerate() {
        let encoding = match &image.encoding {
            Some(encoding) => format!("{} components", encoding.dimension()),
            None => "not encoded by the vault's model yet".to_owned(),
        };
        let size = image.bytes.as_ref().map_or("no photo".to_owned(), |photo| bytes(photo.len() as u64));
        line(if i == 0 { "photos" } else { "" }, &format!("{}  {size:>10}  {encoding}", image.id))?;
    }
    if person.images.is_empty() {
        line("photos", "none")?;
    }
    Ok(())
}
