//! Reads a request body into a small bounded tree, and words what is not well-formed the way the gateway's parser does.

use quick_xml::XmlVersion;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Error, Reader};

/// Elements inside elements, at most.
const DEPTH: usize = 64;
/// Mismatched end tags told, at most.
const FAULTS: usize = 20;
/// Elements in one request, at most.
const ELEMENTS: usize = 2_000_000;

/// One element of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name as sent.
    pub name: String,
    /// Its attributes in order.
    pub attributes: Vec<(String, String)>,
    /// Its own text, joined over references and CDATA.
    pub text: String,
    /// Its child elements in order.
    pub children: Vec<Element>,
    /// The line its start tag ends on, counted from 1.
    pub line: usize,
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name, as sent.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The text of the first child of this name without surrounding white space; nothing when absent or empty.
    pub fn word_of(&self, name: &str) -> Option<&str> {
        self.text_of(name).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// One thing the parser objects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserFault {
    /// Ends the parse, unlike a schema error.
    pub fatal: bool,
    /// The number libxml2 gives it.
    pub number: u32,
    /// What it says.
    pub message: String,
    /// Where: line, from 1.
    pub line: usize,
    /// Where: column; 0 for schema errors.
    pub column: usize,
}

impl ParserFault {
    /// The gateway's wording.
    pub fn sentence(&self) -> String {
        let severity = if self.fatal { "Fatal Error" } else { "Error" };
        format!("XML Parse schema error: {severity} {}: {}. Line: {}, column: {}.", self.number, self.message, self.line, self.column)
    }
}

/// Where the parser stands, moved forward event by event.
struct Place<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
}

impl Place<'_> {
    fn move_to(&mut self, position: usize) {
        let end = position.min(self.bytes.len());
        while self.at < end {
            if self.bytes[self.at] == b'\n' {
                self.line += 1;
                self.line_start = self.at + 1;
            }
            self.at += 1;
        }
    }

    fn fault(&self, number: u32, message: impl Into<String>) -> ParserFault {
        ParserFault { fatal: true, number, message: message.into(), line: self.line, column: self.at - self.line_start + 1 }
    }
}

/// Parses one document.
///
/// # Errors
/// What the parser objects to, in order; never empty.
pub fn parse(body: &[u8]) -> Result<Element, Vec<ParserFault>> {
    let mut mismatches = Vec::new();
    let read = read(body, &mut mismatches);
    mismatches.truncate(FAULTS);
    match read {
        Ok(root) if mismatches.is_empty() => Ok(root),
        Ok(_) => Err(mismatches),
        Err(faults) => {
            mismatches.extend(faults);
            Err(mismatches)
        }
    }
}

/// Reads on after an end tag that closes another element, as the gateway's parser does; each is a fault.
fn read(body: &[u8], mismatches: &mut Vec<ParserFault>) -> Result<Element, Vec<ParserFault>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut place = Place { bytes: body, at: 0, line: 1, line_start: 0 };
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            place.move_to(error.valid_up_to());
            return Err(vec![place.fault(81, "Input is not proper UTF-8, indicate encoding !")]);
        }
    };
    if text.trim().is_empty() {
        return Err(vec![place.fault(4, "Start tag expected, '<' not found")]);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut elements = 0;
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event();
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                place.move_to(position);
                return Err(unreadable(&error, &open, &place));
            }
        };
        place.move_to(position);
        match event {
            Event::Start(start) => {
                elements += 1;
                begin(&start, &open, root.is_some(), elements, &place).map(|element| open.push(element))?;
            }
            Event::Empty(start) => {
                elements += 1;
                let element = begin(&start, &open, root.is_some(), elements, &place)?;
                attach(element, &mut open, &mut root);
            }
            Event::End(end) => {
                if let Some(element) = open.pop() {
                    let found = end.name();
                    if found.as_ref() != element.name {
                        let message =
                            format!("Opening and ending tag mismatch: {} line {} and {}", element.name, element.line, found.as_ref());
                        mismatches.push(place.fault(76, message));
                    }
                    attach(element, &mut open, &mut root);
                }
            }
            Event::Text(text) => {
                let content = text.xml10_content();
                if content.contains("]]>") {
                    return Err(vec![place.fault(62, "Sequence ']]>' not allowed in content")]);
                }
                add_text(&content, &mut open, root.is_some(), &place)?;
            }
            Event::CData(data) => add_text(&data.xml10_content(), &mut open, root.is_some(), &place)?,
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character,
                    Ok(None) => match named_entity(&reference) {
                        Some(character) => character,
                        None => return Err(vec![place.fault(26, format!("Entity '{}' not defined", &*reference))]),
                    },
                    Err(_) => return Err(vec![place.fault(8, format!("xmlParseCharRef: invalid xmlChar value '{}'", &*reference))]),
                };
                let mut buffer = [0; 4];
                if open.is_empty() {
                    return Err(vec![outside(root.is_some(), &place)]);
                }
                add_text(character.encode_utf8(&mut buffer), &mut open, root.is_some(), &place)?;
            }
            Event::DocType(declaration) => {
                if declaration.contains('[') {
                    return Err(vec![place.fault(1, "A document type definition with an internal subset is not accepted")]);
                }
            }
            Event::Decl(declaration) => {
                if before != 0 {
                    return Err(vec![place.fault(64, "XML or text declaration not at start of entity")]);
                }
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !encoding.eq_ignore_ascii_case("utf-8")
                    && !encoding.eq_ignore_ascii_case("us-ascii")
                    && !body.is_ascii()
                {
                    return Err(vec![place.fault(32, format!("Unsupported encoding {encoding}"))]);
                }
            }
            Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(element) = open.last() {
        return Err(vec![place.fault(77, format!("Premature end of data in tag {} line {}", element.name, element.line))]);
    }
    root.ok_or_else(|| vec![place.fault(4, "Start tag expected, '<' not found")])
}

fn named_entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn outside(after_root: bool, place: &Place<'_>) -> ParserFault {
    if after_root {
        place.fault(5, "Extra content at the end of the document")
    } else {
        place.fault(4, "Start tag expected, '<' not found")
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_' || first == ':')
        && characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | ':' | '-' | '.' | '\u{b7}'))
}

fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

fn begin(
    start: &BytesStart<'_>,
    open: &[Element],
    after_root: bool,
    elements: usize,
    place: &Place<'_>,
) -> Result<Element, Vec<ParserFault>> {
    let name = start.name();
    if !is_name(name.as_ref()) {
        return Err(vec![place.fault(68, "StartTag: invalid element name")]);
    }
    if open.is_empty() && after_root {
        return Err(vec![outside(true, place)]);
    }
    if open.len() >= DEPTH {
        return Err(vec![place.fault(1, format!("Excessive depth in document: {DEPTH}"))]);
    }
    if elements > ELEMENTS {
        return Err(vec![place.fault(1, format!("Excessive number of elements in document: {ELEMENTS}"))]);
    }
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| vec![bad_attribute(&error, start, place)])?;
        let key = attribute.key.as_ref();
        if !is_name(key) {
            return Err(vec![place.fault(68, "error parsing attribute name")]);
        }
        if attribute.value.contains('<') {
            return Err(vec![place.fault(38, "Unescaped '<' not allowed in attributes values")]);
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| vec![place.fault(68, "xmlParseEntityRef: no name")])?;
        if let Some(bad) = value.chars().find(|character| !is_character(*character)) {
            return Err(vec![place.fault(9, format!("invalid character in attribute value {}", u32::from(bad)))]);
        }
        attributes.push((key.to_owned(), value.into_owned()));
    }
    Ok(Element { name: name.as_ref().to_owned(), attributes, line: place.line, ..Element::default() })
}

fn bad_attribute(error: &AttrError, start: &BytesStart<'_>, place: &Place<'_>) -> ParserFault {
    match error {
        AttrError::Duplicated(at, _) => {
            let rest = start.get(*at..).unwrap_or_default();
            let name: String = rest.chars().take_while(|character| !character.is_whitespace() && *character != '=').collect();
            place.fault(42, format!("Attribute {name} redefined"))
        }
        AttrError::UnquotedValue(_) => place.fault(39, "AttValue: \" or ' expected"),
        AttrError::ExpectedEq(_) => place.fault(41, "Specification mandates value for attribute"),
        _ => place.fault(73, format!("Couldn't find end of Start Tag {} line {}", start.name().as_ref(), place.line)),
    }
}

fn attach(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add_text(text: &str, open: &mut [Element], after_root: bool, place: &Place<'_>) -> Result<(), Vec<ParserFault>> {
    if let Some(bad) = text.chars().find(|character| !is_character(*character)) {
        return Err(vec![place.fault(9, format!("PCDATA invalid Char value {}", u32::from(bad)))]);
    }
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(vec![outside(after_root, place)]),
    }
    Ok(())
}

fn unreadable(error: &Error, open: &[Element], place: &Place<'_>) -> Vec<ParserFault> {
    use quick_xml::errors::IllFormedError;
    let fault = match error {
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => outside(!place.bytes.is_empty(), place),
        Error::IllFormed(IllFormedError::UnclosedReference) => place.fault(68, "xmlParseEntityRef: no name"),
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => place.fault(80, "Double hyphen within comment"),
        Error::Syntax(_) => place.fault(
            73,
            format!("Couldn't find end of Start Tag {} line {}", open.last().map_or("", |element| element.name.as_str()), place.line),
        ),
        other => place.fault(1, format!("internal error: {other}")),
    };
    let mut faults = vec![fault];
    if let Some(element) = open.first()
        && faults[0].number == 73
    {
        faults.push(place.fault(77, format!("Premature end of data in tag {} line {}", element.name, element.line)));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_fault(body: &str) -> (u32, String) {
        let faults = parse(body.as_bytes()).unwrap_err();
        (faults[0].number, faults[0].sentence())
    }

    #[test]
    fn text_references_and_cdata_are_joined() {
        let tree = parse("<a b='x&amp;y'>1 &lt; &#50;<![CDATA[ & 3]]><c/></a>".as_bytes()).unwrap();
        assert_eq!((tree.text.as_str(), tree.attribute("b"), tree.children.len()), ("1 < 2 & 3", Some("x&y"), 1));
    }

    #[test]
    fn a_stray_space_before_the_end_of_the_declaration_and_a_system_doctype_are_accepted() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" ?>\n<!DOCTYPE request SYSTEM \"intacct_request.v2.1.dtd\">\n<request>\n</request>\n";
        assert_eq!(parse(body.as_bytes()).unwrap().line, 3);
        let body = "\u{feff}<?xml version='1.0' encoding='utf-8' ?><request/>";
        assert_eq!(parse(body.as_bytes()).unwrap().name, "request");
    }

    #[test]
    fn what_is_not_well_formed_is_named_with_its_place() {
        let (number, sentence) = first_fault("<request>\n<control>\n</kontrol></request>");
        assert_eq!(number, 76);
        assert_eq!(
            sentence,
            "XML Parse schema error: Fatal Error 76: Opening and ending tag mismatch: control line 2 and kontrol. Line: 3, column: 11."
        );
        let both = parse(b"<request>\n<a>\n<b>x</a></c>\n</request>").unwrap_err();
        let told: Vec<&str> = both.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(told, ["Opening and ending tag mismatch: b line 3 and a", "Opening and ending tag mismatch: a line 2 and c"]);
        let table = [
            ("", 4),
            ("   ", 4),
            ("{\"request\":1}", 4),
            ("<request>", 77),
            ("<request/><request/>", 5),
            ("<request/>text", 5),
            ("<request>&nbsp;</request>", 26),
            ("<request>a & b</request>", 68),
            ("<request a='1' a='2'/>", 42),
            ("<request a=1/>", 39),
            ("<request a='<'/>", 38),
            ("<request>\u{1}</request>", 9),
            ("<request>&#1;</request>", 9),
            ("<1request/>", 68),
            ("<request>]]></request>", 62),
            ("<!DOCTYPE request [<!ENTITY a \"b\">]><request>&a;</request>", 1),
            (" <?xml version='1.0'?><request/>", 64),
        ];
        for (body, number) in table {
            assert_eq!(first_fault(body).0, number, "{body:?}: {:?}", parse(body.as_bytes()));
        }
        assert_eq!(parse(b"<request>\xff</request>").unwrap_err()[0].number, 81);
    }

    #[test]
    fn depth_is_bounded() {
        let body = "<a>".repeat(65) + &"</a>".repeat(65);
        assert_eq!(first_fault(&body).0, 1);
        let body = "<a>".repeat(64) + &"</a>".repeat(64);
        assert!(parse(body.as_bytes()).is_ok());
    }
}
