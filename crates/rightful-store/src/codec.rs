//! How records and plain data become bytes and text.

use rightful_core::{Error, ErrorKind, Record, Result};
use rightful_engine::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format of a record's body: its first byte.
const FORMAT: u8 = 1;

/// Writes a record's body into the buffer and answers its digest, which leaves out the time of change.
pub(crate) fn encode(record: &mut Record, buffer: &mut Vec<u8>) -> Result<Digest> {
    let changed_at = record.changed_at.take();
    buffer.clear();
    buffer.push(FORMAT);
    let whole = std::mem::take(buffer);
    let whole = postcard::to_extend(&*record, whole).map_err(unwritable)?;
    let digest = Digest::of(&whole);
    record.changed_at = changed_at;
    // The time stands behind the rest, so that one pass serves both the digest and the body.
    *buffer = postcard::to_extend(&changed_at.map(|at| at.timestamp_micros()), whole).map_err(unwritable)?;
    Ok(digest)
}

/// Reads a record's body.
pub(crate) fn decode(body: &[u8]) -> Result<Record> {
    let (format, rest) = body.split_first().ok_or_else(unreadable)?;
    if *format != FORMAT {
        return Err(unreadable());
    }
    let (mut record, rest): (Record, &[u8]) = postcard::take_from_bytes(rest).map_err(|_| unreadable())?;
    let changed_at: Option<i64> = postcard::from_bytes(rest).map_err(|_| unreadable())?;
    record.changed_at = changed_at.map(crate::database::instant);
    Ok(record)
}

fn unwritable(error: postcard::Error) -> Error {
    Error::new(ErrorKind::Protocol, "a record cannot be stored").hint("report this").source(error)
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Protocol, "a stored record cannot be read")
        .hint("start with a fresh store: what it held is read again from the vendors")
}

/// Plain data as JSON text.
pub(crate) fn text(data: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(data).expect("plain data can be written as JSON")
}

/// Plain data from JSON text that we wrote.
pub(crate) fn data<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Protocol, "stored data cannot be read")
            .hint("was the store written by another version? report this")
            .source(error)
    })
}

/// The word of a unit-like enum value, as serde writes it.
pub(crate) fn word(data: &impl Serialize) -> String {
    match serde_json::to_value(data) {
        Ok(serde_json::Value::String(word)) => word,
        other => panic!("a state is one word, not {other:?}"),
    }
}

/// A unit-like enum value from its word.
pub(crate) fn from_word<T: DeserializeOwned>(word: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|error| {
        Error::new(ErrorKind::Protocol, "stored data cannot be read")
            .hint("was the store written by another version? report this")
            .source(error)
    })
}
