//! TBinaryProtocol, the reading half: values borrow from the record.
//!
//! Facts: apache/thrift 0.15, `lib/java/src/org/apache/thrift/{protocol/TBinaryProtocol,protocol/TProtocolUtil,
//! transport/TTransport}.java`; texts as libthrift words them.

/// Type bytes.
pub(super) mod kind {
    pub const STOP: u8 = 0;
    pub const BOOL: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const DOUBLE: u8 = 4;
    pub const I16: u8 = 6;
    pub const I32: u8 = 8;
    pub const I64: u8 = 10;
    pub const STRING: u8 = 11;
    pub const STRUCT: u8 = 12;
    pub const MAP: u8 = 13;
    pub const SET: u8 = 14;
    pub const LIST: u8 = 15;
}

/// Longest text and largest container libthrift reads by default.
const MAX_MESSAGE_SIZE: i64 = 100 * 1024 * 1024;
/// Deepest nesting; libthrift sets no limit and exhausts its stack.
const MAX_DEPTH: u32 = 64;

/// Why a record is not a Thrift struct. `Display` gives libthrift's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThriftError {
    /// The record ends inside a value.
    #[error(
        "Cannot read. Remote side has closed. Tried to read {wanted} bytes, but only got {got} bytes. (This is often \
         indicative of an internal error on the server side. Please check your server logs.)"
    )]
    Ended {
        /// Length of the value.
        wanted: usize,
        /// What was left.
        got: usize,
    },
    /// A type byte without meaning.
    #[error("Unrecognized type {0}")]
    UnknownType(i8),
    /// A type byte without meaning, as the type of a container's elements.
    #[error("unrecognized type code")]
    UnknownElementType,
    /// A negative length.
    #[error("Negative length: {0}")]
    NegativeLength(i32),
    /// A length beyond libthrift's limit.
    #[error("MaxMessageSize reached")]
    TooLong,
    /// Structs or containers nested too deep.
    #[error("Maximum skip depth exceeded")]
    TooDeep,
}

/// A cursor over a record.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(record: &'a [u8]) -> Self {
        Reader { rest: record }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ThriftError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(ThriftError::Ended { wanted: length, got: self.rest.len() })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ThriftError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, ThriftError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn i32(&mut self) -> Result<i32, ThriftError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, ThriftError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Type and id of the next field; `None` at the end of the struct.
    pub fn field(&mut self) -> Result<Option<(u8, i16)>, ThriftError> {
        match self.byte()? {
            kind::STOP => Ok(None),
            field_type => Ok(Some((field_type, i16::from_be_bytes(self.array()?)))),
        }
    }

    /// A string's or binary's bytes.
    pub fn string(&mut self) -> Result<&'a [u8], ThriftError> {
        let length = self.i32()?;
        let bytes = usize::try_from(length).map_err(|_| ThriftError::NegativeLength(length))?;
        if i64::from(length) > MAX_MESSAGE_SIZE {
            return Err(ThriftError::TooLong);
        }
        self.take(bytes)
    }

    /// Element type and number of elements of a list or set.
    pub fn list(&mut self) -> Result<(u8, i32), ThriftError> {
        let element = self.byte()?;
        let count = self.i32()?;
        check_count(count, minimal_size(element)?)?;
        Ok((element, count))
    }

    /// Passes over a value.
    pub fn skip(&mut self, value_type: u8) -> Result<(), ThriftError> {
        self.skip_within(value_type, MAX_DEPTH)
    }

    fn skip_within(&mut self, value_type: u8, depth: u32) -> Result<(), ThriftError> {
        let below = depth.checked_sub(1).ok_or(ThriftError::TooDeep)?;
        match value_type {
            kind::BOOL | kind::BYTE => self.take(1).map(drop),
            kind::I16 => self.take(2).map(drop),
            kind::I32 => self.take(4).map(drop),
            kind::I64 | kind::DOUBLE => self.take(8).map(drop),
            kind::STRING => self.string().map(drop),
            kind::STRUCT => {
                while let Some((field_type, _)) = self.field()? {
                    self.skip_within(field_type, below)?;
                }
                Ok(())
            }
            kind::LIST | kind::SET => {
                let (element, count) = self.list()?;
                for _ in 0..count {
                    self.skip_within(element, below)?;
                }
                Ok(())
            }
            kind::MAP => {
                let (key, value, count) = (self.byte()?, self.byte()?, self.i32()?);
                check_count(count, minimal_size(key)? + minimal_size(value)?)?;
                for _ in 0..count {
                    self.skip_within(key, below)?;
                    self.skip_within(value, below)?;
                }
                Ok(())
            }
            unknown => Err(ThriftError::UnknownType(unknown as i8)),
        }
    }
}

fn check_count(count: i32, element_size: i64) -> Result<(), ThriftError> {
    if i64::from(count) * element_size > MAX_MESSAGE_SIZE {
        return Err(ThriftError::TooLong);
    }
    if count < 0 { Err(ThriftError::NegativeLength(count)) } else { Ok(()) }
}

/// The fewest bytes a value of this type takes.
fn minimal_size(value_type: u8) -> Result<i64, ThriftError> {
    match value_type {
        kind::STOP | 1 | kind::STRUCT => Ok(0),
        kind::BOOL | kind::BYTE => Ok(1),
        kind::I16 => Ok(2),
        kind::I32 | kind::STRING | kind::MAP | kind::SET | kind::LIST => Ok(4),
        kind::I64 | kind::DOUBLE => Ok(8),
        _ => Err(ThriftError::UnknownElementType),
    }
}

/// Length of the struct at the start of `bytes`.
pub(in crate::raw) fn struct_length(bytes: &[u8]) -> Result<usize, ThriftError> {
    let mut reader = Reader::new(bytes);
    reader.skip(kind::STRUCT)?;
    Ok(bytes.len() - reader.rest.len())
}
