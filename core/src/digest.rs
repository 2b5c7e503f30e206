//! Digests of anything that serde can write: of the whole engine, or of what the world keeps beside it.
//!
//! A digest is as good as the caller's [`Hasher`], which gets `write_u64` only, the same on every machine. Nothing is
//! allocated by [`plain`]. [`Abstract`] is for a search that merges states: it forgets what a run counts and how late it
//! is, and keeps the order of what is due.

mod abstraction;

use core::fmt;
use core::hash::Hasher;

use serde::Serialize;
use serde::ser;

pub use abstraction::Abstract;

/// Feeds `value` to `hasher`, instants as their nanoseconds.
///
/// Of an engine's parts it leaves out, by the names of their fields, what people read, what changes with a reload alone
/// and what follows from the rest. So digests are compared together with inputs and actions: what is left out differs
/// there first.
pub fn plain<T: Serialize + ?Sized, H: Hasher>(value: &T, hasher: &mut H) {
    let mut digest = Digest::new(hasher, Plain);
    digest.feed(value);
    digest.close();
}

/// What a kind of digest does about names and numbers.
pub(crate) trait Mode {
    /// How what is inside a field of `owner` is taken; `None` leaves it out.
    fn field(&mut self, owner: &'static str, name: &'static str) -> Option<Role>;
    /// How the number inside a type of its own is taken.
    fn newtype(&mut self, name: &'static str) -> Role;
    /// Back to how it was taken outside.
    fn leave(&mut self, role: Role);
    /// What is written for a number; `None` is nothing.
    fn number(&mut self, number: u64) -> Option<u64>;
}

/// How numbers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// As they are.
    Verbatim,
    /// As they are, but instants are left out.
    Past,
    /// Not at all.
    Nothing,
    /// As one of the instants that are put in order at the end.
    Deadline,
    /// As the order in which the numbers of this family appear.
    Label(usize),
    /// As they are up to here.
    AtMost(u64),
}

/// Everything as it is.
struct Plain;

impl Mode for Plain {
    #[inline(always)]
    fn field(&mut self, owner: &'static str, name: &'static str) -> Option<Role> {
        match (owner, name) {
            ("Engine", "config" | "slot_of" | "schedule" | "changes" | "generation" | "configured")
            | ("Backend", "name" | "address" | "check" | "enabled" | "frontends" | "jitter" | "history")
            | ("Backend", "chosen_by")
            | ("Backend", "results" | "revision")
            | ("Frontend", "name" | "pools" | "flush_on_down" | "revision" | "set_by")
            | ("Link", "count" | "turned" | "why")
            | ("Warmup", "since")
            | ("Member", "slot" | "address" | "pool" | "configured")
            | ("Want", "vip" | "encap" | "src_ip_sticky" | "table_length")
            | ("Server", "address")
            | ("Vip", "expected") => None,
            _ => Some(Role::Verbatim),
        }
    }

    #[inline(always)]
    fn newtype(&mut self, _: &'static str) -> Role {
        Role::Verbatim
    }

    #[inline(always)]
    fn leave(&mut self, _: Role) {}

    #[inline(always)]
    fn number(&mut self, number: u64) -> Option<u64> {
        Some(number)
    }
}

/// A serializer whose format is a hash.
///
/// Small numbers are packed into words, which are most of the time. That is unambiguous: what comes next always follows
/// from the types and from lengths and variants before.
pub(crate) struct Digest<'h, H, M> {
    hasher: &'h mut H,
    word: u64,
    bits: u32,
    mode: M,
}

impl<'h, H: Hasher, M: Mode> Digest<'h, H, M> {
    pub(crate) fn new(hasher: &'h mut H, mode: M) -> Self {
        Self { hasher, word: 0, bits: 0, mode }
    }

    pub(crate) fn feed<T: Serialize + ?Sized>(&mut self, value: &T) {
        value.serialize(self).expect("derived serializers know the length of every sequence and do not fail");
    }

    /// Hands over the last word.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        self.hasher.write_u64(self.word);
        self.word = 0;
        self.bits = 0;
    }

    #[inline(always)]
    fn pack(&mut self, number: u64, bits: u32) {
        if self.bits + bits > u64::BITS {
            self.close();
        }
        debug_assert!(bits == u64::BITS || number >> bits == 0, "{number} has more than {bits} bits");
        self.word |= number << self.bits;
        self.bits += bits;
    }

    #[inline(always)]
    fn number(&mut self, number: u64, bits: u32) {
        if let Some(number) = self.mode.number(number) {
            self.pack(number, bits);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.pack(bytes.len() as u64, u64::BITS);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.pack(u64::from_le_bytes(word), u64::BITS);
        }
    }

    #[inline(always)]
    fn sequence(&mut self, length: Option<usize>) -> Result<&mut Self, Error> {
        self.pack(length.ok_or(Error)? as u64, 32);
        Ok(self)
    }
}

/// A sequence did not know its length, or a value refused to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this cannot be digested")
    }
}

impl core::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! numbers {
    ($($name:ident $type:ty, $bits:expr;)*) => {
        $(#[inline(always)]
        fn $name(self, value: $type) -> Result<(), Error> {
            self.number(value as u64, $bits);
            Ok(())
        })*
    };
}

impl<'d, 'h, H: Hasher, M: Mode> ser::Serializer for &'d mut Digest<'h, H, M> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Fields<'d, 'h, H, M>;
    type SerializeStructVariant = Fields<'d, 'h, H, M>;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        serialize_bool bool, 8;
        serialize_u8 u8, 8;
        serialize_u16 u16, 16;
        serialize_u32 u32, 32;
        serialize_u64 u64, 64;
        serialize_char char, 32;
    }

    #[inline(always)]
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_u8(value.cast_unsigned())
    }

    #[inline(always)]
    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_u16(value.cast_unsigned())
    }

    #[inline(always)]
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_u32(value.cast_unsigned())
    }

    #[inline(always)]
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.serialize_u64(value.cast_unsigned())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.pack(value as u64, u64::BITS);
        self.pack((value >> u64::BITS) as u64, u64::BITS);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.serialize_u128(value.cast_unsigned())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_u32(value.to_bits())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.serialize_u64(value.to_bits())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.bytes(value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<(), Error> {
        self.pack(0, 8);
        Ok(())
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.pack(1, 8);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Error> {
        self.pack(variant.into(), 8);
        Ok(())
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let outside = self.mode.newtype(name);
        value.serialize(&mut *self)?;
        self.mode.leave(outside);
        Ok(())
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.pack(variant.into(), 8);
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Error> {
        self.sequence(length)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        self.pack(variant.into(), 8);
        Ok(self)
    }

    #[inline(always)]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Error> {
        self.sequence(length)
    }

    #[inline(always)]
    fn serialize_struct(self, owner: &'static str, _: usize) -> Result<Fields<'d, 'h, H, M>, Error> {
        Ok(Fields { digest: self, owner })
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        owner: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields<'d, 'h, H, M>, Error> {
        self.pack(variant.into(), 8);
        Ok(Fields { digest: self, owner })
    }
}

/// The elements of everything that has elements follow one another.
macro_rules! elements {
    ($($trait:ident $method:ident;)*) => {
        $(impl<H: Hasher, M: Mode> ser::$trait for &mut Digest<'_, H, M> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

/// Named fields may be left out, or taken in another way.
pub(crate) struct Fields<'d, 'h, H, M> {
    digest: &'d mut Digest<'h, H, M>,
    owner: &'static str,
}

macro_rules! fields {
    ($($trait:ident)*) => {
        $(impl<H: Hasher, M: Mode> ser::$trait for Fields<'_, '_, H, M> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                let Some(outside) = self.digest.mode.field(self.owner, name) else { return Ok(()) };
                value.serialize(&mut *self.digest)?;
                self.digest.mode.leave(outside);
                Ok(())
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl<H: Hasher, M: Mode> ser::SerializeMap for &mut Digest<'_, H, M> {
    type Ok = ();
    type Error = Error;

    #[inline(always)]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut **self)
    }

    #[inline(always)]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
