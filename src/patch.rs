//! A partial update of one field.

/// What an update does to one field: leave it, empty it, or give it a value.
///
/// In JSON an absent field is [`Patch::Keep`], `null` is [`Patch::Clear`] and a value is
/// [`Patch::Set`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field stays as it is.
    #[default]
    Keep,
    /// The field becomes empty.
    Clear,
    /// The field takes this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field stays as it is.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Applies the patch to a field that may be empty.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// The value, where there is one.
    #[must_use]
    pub fn set(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// The same patch of a converted value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(convert(value)),
        }
    }

    /// The same patch, borrowing its value.
    pub fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(value),
        }
    }
}

impl Patch<String> {
    /// Applies the patch to a text that may be absent: an empty text counts as none.
    pub(crate) fn apply_text(&self, field: &mut Option<String>) {
        self.clone().apply(field);
        field.take_if(|text| text.is_empty());
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applies_as_named() {
        for (patch, before, after) in [
            (Patch::Keep, None, None),
            (Patch::Keep, Some(1), Some(1)),
            (Patch::Clear, Some(1), None),
            (Patch::Set(2), None, Some(2)),
            (Patch::Set(2), Some(1), Some(2)),
        ] {
            let mut field = before;
            patch.apply(&mut field);
            assert_eq!(field, after);
        }
    }

    #[test]
    fn an_empty_text_counts_as_none() {
        for (patch, after) in [(Patch::Keep, Some("old")), (Patch::Set(String::new()), None), (Patch::Clear, None)] {
            let mut field = Some("old".to_owned());
            patch.apply_text(&mut field);
            assert_eq!(field.as_deref(), after);
        }
    }
}
