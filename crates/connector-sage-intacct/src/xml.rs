//! Writes requests and reads answers as XML events: no tree is built, and no document type is ever read.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, escape};
use rightful_core::{Error, ErrorKind, NESTING_CAP, Response, Result};

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

/// Reads an answer up to the data of its first result: enough for a verdict, and next to no work on a page of records, which is not even
/// checked to be text.
///
/// # Errors
/// `Protocol` where it is no answer of the gateway.
pub fn head(response: &Response) -> Result<Envelope> {
    let body: &[u8] = &response.body;
    let tag = b"<data";
    let end = body
        .windows(tag.len())
        .position(|window| window == tag)
        .and_then(|at| Some(at + body[at..].iter().position(|byte| *byte == b'>')? + 1));
    let text = std::str::from_utf8(end.map_or(body, |end| &body[..end])).map_err(|_| unreadable("the answer is not UTF-8 text"))?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Keeps everything it is given.
    #[derive(Debug, Default, PartialEq)]
    struct Kept(Vec<String>);

    impl<'a> Sink<'a> for Kept {
        fn data(&mut self, result: &ResultHead, counts: Counts) -> Result<()> {
            self.0.push(format!("{} {:?}", result.control_id, counts.total));
            Ok(())
        }

        fn field(&mut self, name: &str, text: Cow<'a, str>) -> Result<()> {
            self.0.push(format!("{name}={text}"));
            Ok(())
        }

        fn record(&mut self, element: &str) -> Result<()> {
            self.0.push(element.to_owned());
            Ok(())
        }
    }

    fn answer(data: &str) -> String {
        format!("<response><operation><result><status>success</status><controlid>f</controlid>{data}</result></operation></response>")
    }

    fn kept(data: &str) -> Result<Vec<String>> {
        let mut kept = Kept::default();
        whole(&answer(data), &mut kept)?;
        Ok(kept.0)
    }

    /// IN-17: flat and nested, pretty and compact, paired and closed in themselves: the same fields.
    #[test]
    fn in_17_fields_are_dotted_however_they_are_written() {
        let expected = ["f Some(2)", "A=1 & 'x' <2>", "B.C=x", "B.D.E=", "F=", "customer", "A=2", "CUSTOMER"];
        for data in [
            "<data totalcount=\"2\"><customer><A>1 &amp; &#039;x&#x27; &lt;2&gt;</A><B.C>x</B.C><B.D.E/><F></F></customer><CUSTOMER><A>2</A></CUSTOMER></data>",
            "<data totalcount='2'>\n <customer>\n  <A>1 <![CDATA[&]]> 'x' <![CDATA[<2>]]></A>\n  <B>\n   <C>x</C><D>\n<E/></D>\n  </B>\n <F/></customer>\n<CUSTOMER> <A>2</A></CUSTOMER></data>",
        ] {
            assert_eq!(kept(data).unwrap(), expected, "{data}");
        }
        assert_eq!(kept("<data listtype=\"CUSTOMER\" count=\"0\"/>").unwrap(), ["f None"]);
    }

    /// IN-12: no document type, no entity but XML's own, no depth without end.
    #[test]
    fn in_12_what_could_do_harm_is_refused() {
        for body in [
            format!("<!DOCTYPE response [<!ENTITY a \"b\">]>{}", answer("<data/>")),
            format!("<!DOCTYPE response SYSTEM \"x\">{}", answer("<data/>")),
            answer("<data><C><A>&a;</A></C></data>"),
            answer(&format!("<data>{}x{}</data>", "<a>".repeat(100), "</a>".repeat(100))),
            format!("{0}{0}", answer("<data/>")),
            format!("{}x", answer("<data/>")),
            answer("<data><C><A>1</B></C></data>"),
            answer("<data><C><A>1</A>"),
            "<html/>".to_owned(),
            String::new(),
        ] {
            let error = whole(&body, &mut Kept::default()).expect_err(&body);
            assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
        }
    }

    #[test]
    fn the_head_ends_where_data_begin() {
        for rest in [&b"<broken"[..], b"\xff", b""] {
            let head_of_page = b"<response><operation><result><status>success</status><controlid>f</controlid><data listtype=\"X\">";
            let envelope = head(&Response::new(rightful_core::StatusCode::OK, [&head_of_page[..], rest].concat())).unwrap();
            assert_eq!((envelope.results.len(), envelope.results[0].control_id.as_str()), (1, "f"));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_to_the_letter(text in "\\PC{0,30}") {
            let mut writer = Writer::default();
            writer.leaf("A", &text);
            let fields = kept(&format!("<data><C>{}</C></data>", writer.finish().unwrap())).unwrap();
            prop_assert_eq!(&fields[1], &format!("A={text}"));
        }

        #[test]
        fn characters_that_xml_cannot_carry_are_refused(letter in prop::sample::select(vec!['\0', '\u{1}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'])) {
            let mut writer = Writer::default();
            writer.leaf("A", &format!("x{letter}"));
            prop_assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Rejected);
        }
    }
}
