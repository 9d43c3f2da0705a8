//! The view's messages as prost's, field by field under the same names.

use bytes::Bytes;
use proto::maintpb;

use super::super::tables::messages;
use super::super::{DiffTree, Message, Part};
use super::entropy::{Entropy, Generate};

/// Something of the view.
pub(super) trait ToProst {
    /// What prost has for it.
    type Prost;

    /// The same in prost's types.
    fn to_prost(&self) -> Self::Prost;
}

macro_rules! scalars {
    ($($type:ty)*) => {$(
        impl ToProst for $type {
            type Prost = $type;

            fn to_prost(&self) -> $type {
                *self
            }
        }
    )*};
}

scalars!(bool i32 i64 u32 u64);

impl ToProst for &str {
    type Prost = String;

    fn to_prost(&self) -> String {
        (*self).to_owned()
    }
}

impl ToProst for &[u8] {
    type Prost = Bytes;

    fn to_prost(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl<T: ToProst> ToProst for Option<T> {
    type Prost = Option<T::Prost>;

    fn to_prost(&self) -> Self::Prost {
        self.as_ref().map(T::to_prost)
    }
}

impl<T: ToProst> ToProst for Vec<T> {
    type Prost = Vec<T::Prost>;

    fn to_prost(&self) -> Self::Prost {
        self.iter().map(T::to_prost).collect()
    }
}

impl<'a, M: Message<'a> + ToProst + PartialEq + std::fmt::Debug> ToProst for Part<'a, M> {
    type Prost = M::Prost;

    fn to_prost(&self) -> M::Prost {
        assert_eq!(M::decode(self.bytes).as_ref(), Ok(&self.value));
        self.value.to_prost()
    }
}

impl ToProst for DiffTree<'_> {
    type Prost = Option<maintpb::GitDiffTree>;

    fn to_prost(&self) -> Self::Prost {
        let file = self.files().map(|file| file.to_prost()).collect();
        (!self.occurrences().is_empty()).then_some(maintpb::GitDiffTree { file })
    }
}

macro_rules! convert {
    ($($message:ident $(<$lifetime:lifetime>)? of $prost:path {
        $($number:literal => $field:ident: $type:ty,)*
    })*) => {$(
        impl<'a> ToProst for super::super::$message $(<$lifetime>)? {
            type Prost = $prost;

            fn to_prost(&self) -> $prost {
                $prost { $($field: self.$field.to_prost()),* }
            }
        }

        impl Generate for $prost {
            fn generate(entropy: &mut Entropy) -> Self {
                $prost { $($field: Generate::generate(entropy)),* }
            }
        }
    )*};
}

messages!(convert);

impl Generate for maintpb::GitDiffTree {
    fn generate(entropy: &mut Entropy) -> Self {
        let file = Generate::generate(entropy);
        Self { file }
    }
}

impl Generate for maintpb::Mutation {
    fn generate(entropy: &mut Entropy) -> Self {
        Self {
            github_issue: Generate::generate(entropy),
            git: Generate::generate(entropy),
            github: Generate::generate(entropy),
            gerrit: Generate::generate(entropy),
            meta: Generate::generate(entropy),
        }
    }
}
