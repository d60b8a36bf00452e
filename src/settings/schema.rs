//! The description of a record that everything generic reads: the checker, the reference, completion.

/// The unit a number may carry; a bare number is taken in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None.
    Plain,
    /// A share: `15%` is 0.15, and so is `0.15`.
    Share,
    /// Optimiser steps.
    Steps,
    /// Passes over the data.
    Epochs,
    /// Generations of a search.
    Generations,
    /// Seconds; `ms`, `min` and `h` are converted.
    Seconds,
}

/// The type of a field.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A whole number, at least this.
    Int(Unit, i64),
    /// A real number within these bounds.
    Real(Unit, f64, f64),
    /// Text.
    Text,
    /// A path of data, made absolute from the file that names it.
    DataPath,
    /// `true` or `false`.
    Bool,
    /// A list of such values.
    List(&'static Kind),
    /// A record: `{ … }`, or a declared one of that kind, changed or not.
    Record(fn() -> &'static Schema),
    /// One of several: a bare name, or a name with fields (`ucb { alpha = 1.0 }`, `phase(90%, length = 128)`).
    OneOf(fn() -> &'static [Variant]),
    /// May be left out; its absence means something.
    Optional(&'static Kind),
    /// A space, kept by the checker beside the record.
    Space,
    /// An architecture, likewise.
    Architecture,
}

/// A field of a record.
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its default as JSON; `None` where it must be given.
    pub default: Option<&'static str>,
}

/// A record: its kind in the language, and its fields.
#[derive(Clone, Copy)]
pub struct Schema {
    /// The kind that declares it (`train`), or a name of its own where it is only ever a field.
    pub kind: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// Its fields, in the order they are written.
    pub fields: &'static [Field],
}

/// One of several values a field may take.
#[derive(Clone, Copy)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// Its fields, if it has any.
    pub fields: &'static [Field],
}

/// Declares a record: struct, schema and serialised form at once.
macro_rules! record {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident: $kind:literal {
        $($(#[doc = $fdoc:literal])+ $field:ident: $ty:ty = $fkind:expr $(, $default:literal)?;)*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $($(#[doc = $fdoc])+ pub $field: $ty,)*
        }
        impl $name {
            /// The description of this record.
            pub fn schema() -> &'static $crate::settings::Schema {
                #[allow(unused_imports, reason = "a record need not use every kind")]
                use $crate::settings::schema::{Kind::*, Unit::*};
                const SCHEMA: $crate::settings::Schema = $crate::settings::Schema {
                    kind: $kind,
                    doc: concat!($($doc, "\n",)+),
                    fields: &[$($crate::settings::Field {
                        name: stringify!($field),
                        doc: concat!($($fdoc, "\n",)+),
                        kind: $fkind,
                        default: record!(@default $($default)?),
                    },)*],
                };
                &SCHEMA
            }
        }
    };
    (@default $default:literal) => { Some($default) };
    (@default) => { None };
}

/// Declares a choice: enum, variants and serialised form (a bare name, or `{name: {fields}}`).
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $vis:vis enum $name:ident {
        $($(#[doc = $vdoc:literal])+ $variant:ident = $text:literal $({
            $($(#[doc = $fdoc:literal])+ $field:ident: $ty:ty = $fkind:expr $(, $default:literal)?;)*
        })?;)*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis enum $name {
            $($(#[doc = $vdoc])+ #[serde(rename = $text)] $variant $({ $($(#[doc = $fdoc])+ $field: $ty,)* })?,)*
        }
        impl $name {
            /// The values this choice has.
            pub fn variants() -> &'static [$crate::settings::Variant] {
                #[allow(unused_imports, reason = "a choice need not use every kind")]
                use $crate::settings::schema::{Kind::*, Unit::*};
                const VARIANTS: &[$crate::settings::Variant] = &[$($crate::settings::Variant {
                    name: $text,
                    doc: concat!($($vdoc, "\n",)+),
                    fields: &[$($($crate::settings::Field {
                        name: stringify!($field),
                        doc: concat!($($fdoc, "\n",)+),
                        kind: $fkind,
                        default: record!(@default $($default)?),
                    },)*)?],
                },)*];
                VARIANTS
            }

            /// The name of this value in the language.
            #[allow(dead_code, reason = "a choice need not be named")]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $text,)*
                }
            }
        }
    };
}

pub(super) use {choice, record};
