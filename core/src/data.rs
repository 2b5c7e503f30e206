//! What serde cannot derive by itself: words of fixed vocabularies, and a generator in the midst of its sequence.
//!
//! Inputs and the whole engine can be written as data and read back. A [`Word`] that this version does not know is an
//! error, never a leaked string.

use core::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// A word of a fixed vocabulary.
pub type Word = &'static str;

/// Errors of a host that a probe may meet.
const ERRNOS: &[Word] = &[
    "EACCES",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EAFNOSUPPORT",
    "EAGAIN",
    "EINVAL",
    "EMFILE",
    "ENETDOWN",
    "ENETUNREACH",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "ENOSPC",
    "EPERM",
    "EPROTONOSUPPORT",
];

/// How a configuration can fail to load.
const REJECTIONS: &[Word] = &["read", "semantic", "structural"];

/// Keys of a file that hold the settings of a request.
const HTTP_KEYS: &[Word] = &["http", "params"];

/// The name of an errno.
pub(crate) fn errno<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    from.deserialize_str(OneOf(ERRNOS))
}

/// A kind of `ConfigRejected`.
pub(crate) fn rejection<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    from.deserialize_str(OneOf(REJECTIONS))
}

/// A key of a request's settings.
pub(crate) fn http_key<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    from.deserialize_str(OneOf(HTTP_KEYS))
}

/// Refuses to read a configuration that no rule has seen: what is to be loaded again is written down as its draft.
pub(crate) fn unchecked<'de, D: Deserializer<'de>, T>(_: D) -> Result<T, D::Error> {
    Err(D::Error::custom("a loaded configuration is not read back: keep its draft, and check that"))
}

struct OneOf(&'static [Word]);

impl Visitor<'_> for OneOf {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {:?}", self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        self.0.iter().copied().find(|word| *word == text).ok_or_else(|| E::unknown_variant(text, self.0))
    }
}

/// A generator as its seed and how far it has come.
pub(crate) mod generator {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(rng: &ChaCha8Rng, to: S) -> Result<S::Ok, S::Error> {
        (rng.get_seed(), rng.get_stream(), rng.get_word_pos()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ChaCha8Rng, D::Error> {
        let (seed, stream, position) = <([u8; 32], u64, u128)>::deserialize(from)?;
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(stream);
        rng.set_word_pos(position);
        Ok(rng)
    }
}

#[cfg(test)]
mod tests;
