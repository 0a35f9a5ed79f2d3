//! How options are changed.
//!
//! Option structs are `#[non_exhaustive]`, so that a new option breaks no host: they start from
//! `default()` or `new(..)`, and each field has a method `with_FIELD` that gives the options back.

/// Writes those methods; in a list `field: with_field(type)`, the type is what the method takes.
macro_rules! setters {
    ($options:ident { $($field:ident: $set:ident($type:ty)),* $(,)? }) => {
        impl $options {
            $(
                #[doc = concat!("These options with another [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $set(mut self, $field: $type) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

pub(crate) use setters;
