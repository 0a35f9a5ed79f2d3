//! What is wrong with a HEIF file, before the format that the refusal names is known.

use heifer::heifer_hevc_dec::Error as StreamError;
use heifer::heifer_isobmff::Error as BoxError;

use super::super::{cut_short, damaged, undecodable};
use super::Kind;
use crate::error::Refusal;

#[derive(Debug)]
pub(super) enum Fault {
    /// The file may be whole, but it uses a part of the format that is not supported.
    NotRead,
    Damaged,
    CutShort,
    /// What does not depend on the format: sizes, and codecs that this build has no decoder for.
    Refused(Refusal),
}

impl Fault {
    /// The refusal of a file of this kind.
    pub(super) fn refusal(self, kind: Kind) -> Refusal {
        let name = kind.name();
        match self {
            Self::NotRead => {
                undecodable(format!("this kind of {name} file is not read; save the photo as JPEG or PNG"))
            }
            Self::Damaged => damaged(name),
            Self::CutShort => cut_short(name),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<BoxError> for Fault {
    fn from(error: BoxError) -> Self {
        match error {
            BoxError::UnexpectedEof => Self::CutShort,
            BoxError::Unimplemented(_) => Self::NotRead,
            _ => Self::Damaged,
        }
    }
}

impl From<StreamError> for Fault {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Unimplemented(_) => Self::NotRead,
            _ => Self::Damaged,
        }
    }
}
