//! From a message to its value, by its description: field by field in the order of their numbers, so none can be forgotten.
//!
//! What a reader would get wrong: the message is written as bytes and read again here. A description is of bytes, and
//! reading them into values at once is what keeps an answer of 100,000 members quick.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use maglev_proto::{FILE_DESCRIPTOR_SET, Message, Timestamp};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use super::{Value, seconds_between};

/// What a message of `maglev.v1` shows, by its name.
///
/// # Panics
/// There is no such message: the caller is wrong.
pub fn of<M: Message>(name: &str, message: &M) -> Value {
    let shape = SHAPES.by_name.get(format!("maglev.v1.{name}").as_str());
    let shape = shape.expect("the caller names a message of the protocol");
    let bytes = message.encode_to_vec();
    SHAPES.read(*shape, &bytes).expect("a message of this type was encoded just now")
}

/// All messages of the protocol, each at its place.
static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET);
    Shapes::of(&pool.expect("the description is made with the types, by one compiler"))
});

struct Shapes {
    all: Vec<Shape>,
    by_name: BTreeMap<String, usize>,
}

/// What is known of a message.
enum Shape {
    Time,
    Span,
    /// Ascending by number.
    Fields(Vec<Shown>),
}

/// A field as it is shown.
struct Shown {
    number: u32,
    name: &'static str,
    kind: Means,
    is_list: bool,
    /// What it is if it does not stand there; nothing for one of several choices.
    absent: Option<Value>,
}

/// What a field's bytes mean.
enum Means {
    Bool,
    Number,
    Text,
    /// By number.
    Word(BTreeMap<u64, Value>),
    /// The place of its shape.
    Message(usize),
}

impl Shapes {
    fn of(pool: &DescriptorPool) -> Self {
        let all: Vec<MessageDescriptor> = pool.all_messages().collect();
        let by_name: BTreeMap<String, usize> =
            all.iter().enumerate().map(|(at, it)| (it.full_name().to_owned(), at)).collect();
        let all = all.iter().map(|it| Shape::of(it, &by_name)).collect();
        Self { all, by_name }
    }

    fn read(&self, shape: usize, mut bytes: &[u8]) -> Result<Value, DecodeError> {
        match &self.all[shape] {
            Shape::Time => moment(bytes).map(Value::Time),
            Shape::Span => Ok(Value::Seconds(seconds_between(&Timestamp::default(), &moment(bytes)?))),
            Shape::Fields(fields) => {
                let mut found: Vec<Option<Value>> = vec![None; fields.len()];
                while !bytes.is_empty() {
                    let (number, wire) = decode_key(&mut bytes)?;
                    let Ok(at) = fields.binary_search_by_key(&number, |field| field.number) else {
                        skip_field(wire, number, &mut bytes, DecodeContext::default())?;
                        continue;
                    };
                    self.read_field(&fields[at], wire, &mut bytes, &mut found[at])?;
                }
                let shown = fields.iter().zip(found).filter_map(|(field, found)| {
                    found.or_else(|| field.absent.clone()).map(|value| (field.name, value))
                });
                Ok(Value::Map(shown.collect()))
            }
        }
    }

    fn read_field(
        &self,
        field: &Shown,
        wire: WireType,
        bytes: &mut &[u8],
        found: &mut Option<Value>,
    ) -> Result<(), DecodeError> {
        if !field.is_list {
            *found = Some(self.read_one(&field.kind, bytes)?);
            return Ok(());
        }
        let Value::List(items) = found.get_or_insert_with(|| Value::List(Vec::new())) else { return Ok(()) };
        let is_packed =
            wire == WireType::LengthDelimited && !matches!(field.kind, Means::Text | Means::Message(_));
        if is_packed {
            let mut packed = piece(bytes)?;
            while !packed.is_empty() {
                items.push(self.read_one(&field.kind, &mut packed)?);
            }
        } else {
            items.push(self.read_one(&field.kind, bytes)?);
        }
        Ok(())
    }

    fn read_one(&self, kind: &Means, bytes: &mut &[u8]) -> Result<Value, DecodeError> {
        Ok(match kind {
            Means::Bool => Value::Bool(decode_varint(bytes)? != 0),
            Means::Number => Value::Number(decode_varint(bytes)?),
            Means::Text => Value::Text(String::from_utf8_lossy(piece(bytes)?).into_owned()),
            Means::Word(words) => {
                let number = decode_varint(bytes)?;
                let word = words.get(&number).cloned();
                word.unwrap_or_else(|| Value::Text(format!("unknown-{number}")))
            }
            Means::Message(shape) => self.read(*shape, piece(bytes)?)?,
        })
    }
}

/// Bytes with their length before them.
fn piece<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(decode_varint(bytes)?).unwrap_or(usize::MAX);
    // More than there is cannot be: it was encoded in this process.
    let (piece, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    Ok(piece)
}

/// Seconds and nanoseconds, which times and spans have both.
fn moment(bytes: &[u8]) -> Result<Timestamp, DecodeError> {
    Timestamp::decode(bytes)
}

impl Shape {
    fn of(message: &MessageDescriptor, by_name: &BTreeMap<String, usize>) -> Self {
        match message.full_name() {
            "google.protobuf.Timestamp" => Self::Time,
            "google.protobuf.Duration" => Self::Span,
            _ => {
                let mut fields: Vec<Shown> =
                    message.fields().map(|field| Shown::of(&field, by_name)).collect();
                fields.sort_by_key(|field| field.number);
                Self::Fields(fields)
            }
        }
    }
}

impl Shown {
    fn of(field: &FieldDescriptor, by_name: &BTreeMap<String, usize>) -> Self {
        let kind = Means::of(&field.kind(), by_name);
        let is_choice = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
        let absent = match &kind {
            _ if is_choice => None,
            _ if field.is_list() => Some(Value::List(Vec::new())),
            _ if field.supports_presence() => Some(Value::Null),
            Means::Bool => Some(Value::Bool(false)),
            Means::Number => Some(Value::Number(0)),
            Means::Text => Some(Value::Text(String::new())),
            Means::Word(words) => words.get(&0).cloned(),
            Means::Message(_) => Some(Value::Null),
        };
        // There are some hundred, once in a process.
        let name = Box::leak(field.name().to_owned().into_boxed_str());
        Self { number: field.number(), name, kind, is_list: field.is_list(), absent }
    }
}

impl Means {
    fn of(kind: &Kind, by_name: &BTreeMap<String, usize>) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Uint32 | Kind::Uint64 => Self::Number,
            Kind::String | Kind::Bytes => Self::Text,
            Kind::Enum(described) => {
                let values = described.values();
                let none = described.get_value(0).map(|zero| zero.name().to_owned()).unwrap_or_default();
                let word = |name: &str, number: i32| word(name, number, &none);
                Self::Word(
                    values
                        .map(|it| (it.number().unsigned_abs().into(), word(it.name(), it.number())))
                        .collect(),
                )
            }
            Kind::Message(described) => Self::Message(by_name[described.full_name()]),
            Kind::Float
            | Kind::Double
            | Kind::Int32
            | Kind::Int64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64 => panic!("the protocol has no {kind:?}"),
        }
    }
}

/// `STATE_UP` of `State` is `up`; `STATE_UNSPECIFIED` is null. `none` is the name of 0.
fn word(name: &str, number: i32, none: &str) -> Value {
    if number == 0 && none.ends_with("UNSPECIFIED") {
        return Value::Null;
    }
    let prefix = none.strip_suffix("UNSPECIFIED").unwrap_or_default();
    let word = name.strip_prefix(prefix).unwrap_or(name);
    Value::Text(word.to_ascii_lowercase().replace('_', "-"))
}
