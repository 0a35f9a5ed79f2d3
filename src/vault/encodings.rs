//! All encodings of a client, for a host's own computations.

use std::fmt;

use crate::encoding::ModelId;
use crate::error::Result;
use crate::index::{Entry, Gallery};
use crate::person::{ImageId, PersonId, Status};

use super::Vault;

/// The people that a search of a client compares with, at one moment: cloning is cheap, and what others write does not
/// change it.
#[derive(Clone)]
pub struct Encodings {
    gallery: Gallery,
}

impl Encodings {
    /// Each encoding with its person and photo ([`index::Entry`](crate::index::Entry)), as it was enrolled; those
    /// of a person follow one another. Only the one at hand is copied.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        self.gallery.entries(None)
    }

    /// How many encodings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.gallery.len_encodings()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What made the encodings.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.gallery.model()
    }

    /// Components of an encoding.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.gallery.dimension()
    }

    /// The vault's generation that they show.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.gallery.generation()
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encodings")
            .field("model", &self.model())
            .field("len", &self.len())
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// All encodings of a client's active persons as one matrix. `Debug` shows only its size.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodingMatrix {
    /// Whose encoding each row is, and of which photo.
    pub rows: Vec<(PersonId, ImageId)>,
    /// Components of a row.
    pub dimension: usize,
    /// The components row by row, as they were enrolled: `rows.len() * dimension` of them.
    pub data: Vec<f32>,
    /// What made the encodings.
    pub model: ModelId,
    /// The vault's generation that the matrix shows.
    pub generation: u64,
}

impl EncodingMatrix {
    /// The components of a row; `None` beyond the last.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        let start = index.checked_mul(self.dimension)?;
        self.data.get(start..start.checked_add(self.dimension)?).filter(|_| index < self.rows.len())
    }
}

impl fmt::Debug for EncodingMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodingMatrix")
            .field("rows", &self.rows.len())
            .field("dimension", &self.dimension)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// The encodings of all active persons of this client by the model that is searched, as the vault is now.
    /// They are those of the gallery in memory, which is loaded if nobody has searched yet (1.3 times the
    /// vectors, until the vault is closed or another gallery is searched half an hour later).
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the vault has no model yet and was opened without an
    /// engine, and as for every read.
    pub fn encodings(&self) -> Result<Encodings> {
        Ok(Encodings { gallery: self.gallery(&self.searched_model()?)? })
    }

    /// The same encodings as one matrix, in the order in which they were written. It is filled from the file in
    /// one pass, without a gallery.
    ///
    /// # Errors
    /// As for [`Self::encodings`].
    pub fn encoding_matrix(&self) -> Result<EncodingMatrix> {
        let model = self.searched_model()?;
        let (id, dimension) = (model.id, model.dimension);
        let mut matrix = EncodingMatrix { rows: Vec::new(), dimension, data: Vec::new(), model: id, generation: 0 };
        matrix.generation = self.store().all_encodings(Some(&self.client), &id, &mut |row| {
            if row.status == Status::Active {
                matrix.rows.push((row.person.clone(), row.image.clone()));
                matrix.data.extend(row.vector.components());
            }
            Ok(())
        })?;
        Ok(matrix)
    }
}
