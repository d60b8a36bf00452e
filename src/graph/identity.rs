//! Stable 128-bit identities, the same across runs and machines.

use std::fmt;
use std::str::FromStr;

/// A stable identity of 128 bits: BLAKE3, truncated; written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub u128);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let wrong = || format!("an identity is 32 hexadecimal digits, and this is `{text}`");
        if digits { u128::from_str_radix(text, 16).map(Self).map_err(|_| wrong()) } else { Err(wrong()) }
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Collects what an identity is made of; every part is delimited, so that no two lists of parts run together.
#[derive(Default)]
pub struct Digest(Vec<u8>);

impl Digest {
    /// Without parts.
    pub fn new() -> Self {
        Self(Vec::with_capacity(128))
    }

    /// The same with a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let mut with = self.number(u128::try_from(text.len()).unwrap_or(u128::MAX));
        with.0.extend_from_slice(text.as_bytes());
        with
    }

    /// The same with a number.
    #[must_use]
    pub fn number(mut self, number: impl Into<u128>) -> Self {
        self.0.extend_from_slice(&number.into().to_le_bytes());
        self
    }

    /// The same with a list of numbers.
    #[must_use]
    pub fn numbers(self, numbers: impl IntoIterator<Item = u128>) -> Self {
        let count = self.0.len();
        // The list's length stands before it, and is known only behind it.
        let mut with = numbers.into_iter().fold(self.number(0u128), Self::number);
        let length = u128::try_from((with.0.len() - count) / 16 - 1).unwrap_or(u128::MAX);
        if let Some(place) = with.0.get_mut(count..count + 16) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        with
    }

    /// The identity. What is hashed is short, so all at once is several times faster than part by part.
    pub fn finish(self) -> Hash {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(blake3::hash(&self.0).as_bytes()).for_each(|(byte, hashed)| *byte = *hashed);
        Hash(u128::from_le_bytes(bytes))
    }
}
