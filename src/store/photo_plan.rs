//! What an update does to a person's photos, decided without touching any.

use std::collections::{HashMap, VecDeque};

use super::prepared::{NewImage, PreparedImages};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{ImageId, ImagesUpdate, PersonId};

/// A photo that the vault holds, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredImage {
    pub(super) key: i64,
    pub(super) id: ImageId,
    /// Orders the photos of a person.
    pub(super) position: i64,
    pub(super) sha256: [u8; 32],
    /// Whether there is a photo; otherwise the encoding was given without one.
    pub(super) has_photo: bool,
    /// Whether these fields are those that were written.
    pub(super) is_whole: bool,
}

/// What has to be done, in this order: photos go, then each photo of the request is kept or comes.
#[derive(Default)]
pub(super) struct PhotoPlan<'a> {
    pub(super) remove: Vec<&'a StoredImage>,
    pub(super) steps: Vec<Step<'a>>,
}

/// What becomes of one photo of a request.
pub(super) enum Step<'a> {
    /// The person has it already. It takes the encoding that came with the request if it has none, and
    /// another position where the order changes.
    Keep { stored: &'a StoredImage, position: Option<i64>, image: NewImage<'a> },
    /// It is new.
    Insert { position: i64, image: NewImage<'a> },
}

impl<'a> PhotoPlan<'a> {
    /// Decides what `update` does to the photos `old`, which stand in their order. `is_whole` says
    /// whether a stored photo and its encoding are undamaged; it is asked only of photos that the
    /// request brings again.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for a photo to be removed that the person does not have,
    /// [`Invalid`](ErrorKind::Invalid) for more photos than the person may have, whatever `is_whole`
    /// returns.
    pub(super) fn new<E: From<Error>>(
        person: &PersonId,
        old: &'a [StoredImage],
        update: &'a ImagesUpdate,
        prepared: &'a PreparedImages,
        is_whole: impl FnMut(&StoredImage) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let new = prepared.of(update.photos(), update.encodings())?;
        let max = prepared.max_images;
        let count = |min| Error::invalid("images", Rule::Count { min, max });
        match update {
            ImagesUpdate::Keep => Ok(Self::default()),
            ImagesUpdate::Clear => Ok(Self { remove: old.iter().collect(), steps: Vec::new() }),
            ImagesUpdate::Replace(_) | ImagesUpdate::ReplaceWithEncodings(_) => {
                if new.is_empty() || new.len() > max {
                    return Err(count(1).into());
                }
                Self::replace(old, new, is_whole)
            }
            ImagesUpdate::Edit { .. } | ImagesUpdate::AddEncodings(_) => {
                let remove = update.removed();
                let strangers: Vec<_> = remove.iter().filter(|id| old.iter().all(|image| image.id != **id)).collect();
                if !strangers.is_empty() {
                    return Err(unknown(person, &strangers).into());
                }
                let gone: Vec<_> = old.iter().filter(|image| remove.contains(&image.id)).collect();
                if old.len() - gone.len() + new.len() > max {
                    return Err(count(0).into());
                }
                let steps = (next_position(old)..).zip(new).map(|(position, image)| Step::Insert { position, image });
                Ok(Self { remove: gone, steps: steps.collect() })
            }
        }
    }

    /// The photos of a person who has none yet.
    pub(super) fn all_new(new: Vec<NewImage<'a>>) -> Self {
        let steps = (0..).zip(new).map(|(position, image)| Step::Insert { position, image });
        Self { remove: Vec::new(), steps: steps.collect() }
    }

    /// Makes `new` the person's photos. Positions only grow, so that no two photos ever share one, and
    /// stay where the order does. A photo that is damaged goes: the same bytes then come anew.
    fn replace<E>(
        old: &'a [StoredImage],
        new: Vec<NewImage<'a>>,
        mut is_whole: impl FnMut(&StoredImage) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let mut spare: HashMap<&[u8; 32], VecDeque<&StoredImage>> = HashMap::new();
        for image in old {
            let is_wanted = new.iter().any(|wanted| *wanted.prepared.sha256() == image.sha256);
            if is_wanted && is_whole(image)? {
                spare.entry(&image.sha256).or_default().push_back(image);
            }
        }
        let kept: Vec<_> =
            new.iter().map(|image| spare.get_mut(image.prepared.sha256()).and_then(VecDeque::pop_front)).collect();
        let remove = old.iter().filter(|image| kept.iter().flatten().all(|kept| kept.key != image.key)).collect();
        let same_order = kept.iter().flatten().is_sorted_by_key(|image| image.position);
        let only_appended = kept.iter().skip_while(|image| image.is_some()).all(Option::is_none);
        let stays_in_place = same_order && only_appended;
        let mut next = next_position(old)..;
        let steps = new.into_iter().zip(kept).map(|(image, kept)| match kept {
            Some(stored) if stays_in_place => Step::Keep { stored, position: None, image },
            Some(stored) => Step::Keep { stored, position: next.next(), image },
            None => Step::Insert { position: next.next().unwrap_or(i64::MAX), image },
        });
        let steps = steps.collect();
        Ok(Self { remove, steps })
    }
}

/// The error for photos that a person does not have.
pub(super) fn unknown(person: &PersonId, images: &[&ImageId]) -> Error {
    let names: Vec<_> = images.iter().map(|id| id.as_str()).collect();
    Error::new(ErrorKind::NotFound, format!("person {person} has no photo {}", names.join(", ")))
}

fn next_position(images: &[StoredImage]) -> i64 {
    images.last().map_or(0, |image| image.position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::ImageBytes;
    use crate::store::PreparedImage;

    fn bytes(name: &str) -> ImageBytes {
        name.as_bytes().to_vec().into()
    }

    /// Photos at positions 0, 2, 4, ... with keys from 1.
    fn stored(names: &str) -> Vec<StoredImage> {
        let image = |(index, name): (i64, char)| StoredImage {
            key: index + 1,
            id: ImageId::new(format!("{name}{index}")).expect("an id"),
            position: 2 * index,
            sha256: *PreparedImage::new(name.to_string().as_bytes()).sha256(),
            has_photo: true,
            is_whole: true,
        };
        (0..).zip(names.chars()).map(image).collect()
    }

    fn prepared(update: &ImagesUpdate, max_images: usize) -> PreparedImages {
        let images = update.photos().iter().map(|bytes| PreparedImage::new(bytes)).collect();
        PreparedImages { images, model: None, max_images, order: Vec::new() }
    }

    /// The keys that go, and of each photo of the request its old key or `+`, and its new position.
    fn plan(old: &str, update: ImagesUpdate, max: usize, damaged: i64) -> Result<(Vec<i64>, Vec<String>)> {
        let (old, prepared) = (stored(old), prepared(&update, max));
        let person = PersonId::new("p").expect("an id");
        let plan = PhotoPlan::new::<Error>(&person, &old, &update, &prepared, |image| Ok(image.key != damaged))?;
        let steps = plan.steps.iter().map(|step| match step {
            Step::Keep { stored, position: None, .. } => stored.key.to_string(),
            Step::Keep { stored, position: Some(position), .. } => format!("{}@{position}", stored.key),
            Step::Insert { position, .. } => format!("+@{position}"),
        });
        Ok((plan.remove.iter().map(|image| image.key).collect(), steps.collect()))
    }

    fn replace(names: &str) -> ImagesUpdate {
        ImagesUpdate::Replace(names.chars().map(|name| bytes(&name.to_string())).collect())
    }

    #[test]
    fn what_is_kept_keeps_its_place_where_the_order_stays() -> Result<()> {
        for (old, new, damaged, gone, steps) in [
            ("ab", "ab", 0, vec![], vec!["1", "2"]),
            ("ab", "abc", 0, vec![], vec!["1", "2", "+@3"]),
            ("abc", "ac", 0, vec![2], vec!["1", "3"]),
            ("ab", "ba", 0, vec![], vec!["2@3", "1@4"]),
            ("ab", "ca", 0, vec![2], vec!["+@3", "1@4"]),
            ("aa", "a", 0, vec![2], vec!["1"]),
            ("a", "aa", 0, vec![], vec!["1", "+@1"]),
            ("ab", "ab", 1, vec![1], vec!["+@3", "2@4"]),
            ("", "a", 0, vec![], vec!["+@0"]),
        ] {
            let expected = (gone, steps.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(plan(old, replace(new), 4, damaged)?, expected, "{old} {new}");
        }
        assert_eq!(plan("ab", ImagesUpdate::Clear, 4, 0)?, (vec![1, 2], vec![]));
        assert_eq!(plan("ab", ImagesUpdate::Keep, 4, 0)?, (vec![], vec![]));
        Ok(())
    }

    #[test]
    fn edits_name_photos_of_the_person_and_stay_within_the_limit() -> Result<()> {
        let edit = |remove: &[&str], add: &str| ImagesUpdate::Edit {
            remove: remove.iter().map(|id| ImageId::new(id).expect("an id")).collect(),
            add: replace(add).photos().to_vec(),
        };
        assert_eq!(plan("ab", edit(&["a0"], "c"), 2, 0)?, (vec![1], vec!["+@3".to_owned()]));
        let error = plan("ab", edit(&["x"], ""), 4, 0).expect_err("no such photo");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, "person p has no photo x".into()));
        let error = plan("ab", edit(&[], "c"), 2, 0).expect_err("three photos");
        assert_eq!(error.to_string(), "\"images\" must have 0 to 2 items");
        let error = plan("", replace("abc"), 2, 0).expect_err("three photos");
        assert_eq!(error.to_string(), "\"images\" must have 1 to 2 items");
        Ok(())
    }

    #[test]
    fn photos_that_were_not_prepared_are_refused() {
        let (update, old) = (replace("ab"), stored("a"));
        let short = prepared(&replace("a"), 4);
        let person = PersonId::new("p").expect("an id");
        let plan = PhotoPlan::new::<Error>(&person, &old, &update, &short, |_| Ok(true));
        let error = plan.err().expect("one is missing");
        assert_eq!(error.to_string(), "\"images\" must be prepared one by one: 2 photos, 1 prepared");
    }
}
