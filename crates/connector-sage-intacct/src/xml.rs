//! Writes requests and reads answers as XML events: no tree is built, and no document type is ever read.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, escape};
use rightful_core::{Error, ErrorKind, NESTING_CAP, Result};

use crate::wire::{Counts, Envelope, ResultHead};

/// A request being written. Texts are escaped; a character that XML cannot carry fails the whole, since it would sink every function of it.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    illegal: Option<char>,
}

impl Writer {
    /// `<name>`
    pub fn open(&mut self, name: &str) -> &mut Self {
        self.raw("<").raw(name).raw(">")
    }

    /// `</name>`
    pub fn close(&mut self, name: &str) -> &mut Self {
        self.raw("</").raw(name).raw(">")
    }

    /// `<name>text</name>`
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name).value(text).close(name)
    }

    /// Escaped text, in an element or in a quoted attribute.
    pub fn value(&mut self, text: &str) -> &mut Self {
        self.illegal = self.illegal.or_else(|| text.chars().find(|letter| !is_legal(*letter)));
        self.text.push_str(&escape::escape(text));
        self
    }

    /// What is XML already.
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// What was written.
    ///
    /// # Errors
    /// `Rejected` where a text has a character that XML 1.0 cannot carry.
    pub fn finish(self) -> Result<String> {
        match self.illegal {
            None => Ok(self.text),
            Some(letter) => {
                Err(Error::new(ErrorKind::Rejected, format!("the character {} cannot be sent to Sage Intacct", letter.escape_unicode()))
                    .hint("remove it: XML has no way to write it"))
            }
        }
    }
}

/// Can XML 1.0 carry the character?
pub fn is_legal(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// What takes the records of an answer, as they are met.
pub trait Sink<'a> {
    /// The data of a result begin.
    ///
    /// # Errors
    /// Where the result is not expected.
    fn data(&mut self, result: &ResultHead, counts: Counts) -> Result<()>;

    /// A field of the present record: its name, dotted where it was nested, and its text.
    ///
    /// # Errors
    /// Where the text cannot be one of this field.
    fn field(&mut self, name: &str, text: Cow<'a, str>) -> Result<()>;

    /// The present record ends.
    ///
    /// # Errors
    /// Where it lacks what it needs.
    fn record(&mut self, element: &str) -> Result<()>;
}

/// Reads an answer up to the data of its first result: enough for a verdict, and next to no work on a page of records.
///
/// # Errors
/// `Protocol` where it is no answer of the gateway.
pub fn head(text: &str) -> Result<Envelope> {
    let mut walk = Walk::new(text);
    walk.envelope(None::<&mut Nothing>)?;
    Ok(walk.found)
}

/// Reads a whole answer; records go to the sink.
///
/// # Errors
/// `Protocol` where it is no answer of the gateway; else as the sink says.
pub fn whole<'a>(text: &'a str, sink: &mut impl Sink<'a>) -> Result<Envelope> {
    let mut walk = Walk::new(text);
    walk.envelope(Some(sink))?;
    Ok(walk.found)
}

/// Never called: the head has no records.
struct Nothing;

impl<'a> Sink<'a> for Nothing {
    fn data(&mut self, _: &ResultHead, _: Counts) -> Result<()> {
        Ok(())
    }

    fn field(&mut self, _: &str, _: Cow<'a, str>) -> Result<()> {
        Ok(())
    }

    fn record(&mut self, _: &str) -> Result<()> {
        Ok(())
    }
}

struct Walk<'a> {
    reader: Reader<&'a [u8]>,
    /// Names of the open elements, each after a slash.
    path: String,
    depth: usize,
    has_root: bool,
    found: Envelope,
}

/// What comes next, with references and CDATA already text.
enum Piece<'a> {
    Start(BytesStart<'a>),
    Text(Cow<'a, str>),
    End,
    Eof,
}

fn unreadable(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, what).hint("run it again; if it stays, report it")
}

fn too_early() -> Error {
    unreadable("the answer ends too early")
}

fn add<'a>(held: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if held.is_empty() {
        *held = more;
    } else {
        held.to_mut().push_str(&more);
    }
}

fn referred(reference: &BytesRef<'_>) -> Result<Cow<'static, str>> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Ok(Cow::Owned(letter.to_string()));
    }
    // Only the five named entities: without a document type there are no others.
    match escape::resolve_predefined_entity(reference) {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => Err(unreadable("the answer refers to an entity that XML does not have")),
    }
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, path: String::new(), depth: 0, has_root: false, found: Envelope::default() }
    }

    fn piece(&mut self) -> Result<Piece<'a>> {
        loop {
            let event = match self.reader.read_event() {
                Ok(event) => event,
                // The parser's own message may quote what it stumbled over: only the place is kept.
                Err(_) => return Err(unreadable(format!("the answer is not well-formed XML (byte {})", self.reader.error_position()))),
            };
            return Ok(match event {
                Event::Start(start) | Event::Empty(start) => Piece::Start(start),
                Event::End(_) => Piece::End,
                Event::Text(text) => Piece::Text(text.xml10_content()),
                Event::CData(data) => Piece::Text(data.xml10_content()),
                Event::GeneralRef(reference) => Piece::Text(referred(&reference)?),
                Event::DocType(_) => return Err(unreadable("the answer brings a document type, which is never read")),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => continue,
                Event::Eof => Piece::Eof,
            });
        }
    }

    /// Everything around the records. Without a sink it ends where the first data begin.
    fn envelope(&mut self, mut sink: Option<&mut impl Sink<'a>>) -> Result<()> {
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        loop {
            match self.piece()? {
                Piece::Start(start) => {
                    text = Cow::Borrowed("");
                    self.enter(start.name().as_ref())?;
                    if self.path == "/response/operation/result/data" {
                        let counts = Counts::of(&start);
                        let Some(sink) = sink.as_deref_mut() else { return Ok(()) };
                        let result = self.found.results.last().ok_or_else(too_early)?;
                        sink.data(result, counts)?;
                        self.records(sink)?;
                        self.leave();
                    }
                }
                Piece::Text(more) if self.depth == 0 => {
                    if !more.trim().is_empty() {
                        return Err(unreadable("the body is not one answer of the gateway"));
                    }
                }
                Piece::Text(more) => add(&mut text, more),
                Piece::End => {
                    self.found.note(&self.path, std::mem::take(&mut text).into_owned());
                    self.leave();
                }
                Piece::Eof if self.depth > 0 || !self.has_root => return Err(too_early()),
                Piece::Eof => return Ok(()),
            }
        }
    }

    fn enter(&mut self, name: &str) -> Result<()> {
        if self.depth == 0 {
            if self.has_root || name != "response" {
                return Err(unreadable("the body is not one answer of the gateway"));
            }
            self.has_root = true;
        }
        self.depth += 1;
        if self.depth > NESTING_CAP {
            return Err(unreadable("the answer is nested too deeply"));
        }
        self.path.push('/');
        self.path.push_str(name);
        self.found.open(&self.path);
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.path.truncate(self.path.rfind('/').unwrap_or(0));
    }

    /// The records inside a result's data, to its end. Their fields come flat and dotted, or nested in groups: the sink sees them dotted.
    fn records(&mut self, sink: &mut impl Sink<'a>) -> Result<()> {
        let mut element = String::new();
        let mut name = String::new();
        // Where each open name inside the record begins.
        let mut begins: Vec<usize> = Vec::new();
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        let (mut inside, mut is_leaf) = (false, false);
        loop {
            match self.piece()? {
                Piece::Start(start) if !inside => {
                    element.clear();
                    element.push_str(start.name().as_ref());
                    inside = true;
                }
                Piece::Start(start) => {
                    if begins.len() + self.depth + 1 > NESTING_CAP {
                        return Err(unreadable("the answer is nested too deeply"));
                    }
                    begins.push(name.len());
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(start.name().as_ref());
                    text = Cow::Borrowed("");
                    is_leaf = true;
                }
                // White space between elements, or text beside elements: no field's.
                Piece::Text(_) if !is_leaf => {}
                Piece::Text(more) => add(&mut text, more),
                Piece::End => match begins.pop() {
                    Some(begin) => {
                        if is_leaf {
                            sink.field(&name, std::mem::take(&mut text))?;
                            is_leaf = false;
                        }
                        name.truncate(begin);
                    }
                    None if inside => {
                        sink.record(&element)?;
                        inside = false;
                    }
                    None => return Ok(()),
                },
                Piece::Eof => return Err(too_early()),
            }
        }
    }
}
