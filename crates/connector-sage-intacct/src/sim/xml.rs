//! Writes answers: escaped as the gateway escapes, compact or indented, empty elements paired or closed in themselves.

/// A growing piece of an answer.
#[derive(Clone, Debug, Default)]
pub struct Xml {
    text: String,
    self_closed: bool,
}

impl Xml {
    /// Nothing yet; `self_closed` writes `<a/>` instead of `<a></a>`.
    pub fn new(self_closed: bool) -> Self {
        Self { text: String::new(), self_closed }
    }

    /// `<name>`
    pub fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }

    /// `<name a="b">`
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.text.push('>');
    }

    /// `<name a="b"/>`, whatever the style.
    pub fn closed_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.text.push_str("/>");
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape_into(value, &mut self.text);
            self.text.push('"');
        }
    }

    /// `</name>`
    pub fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// `<name>value</name>`
    pub fn leaf(&mut self, name: &str, value: &str) {
        if value.is_empty() && self.self_closed {
            self.closed_with(name, &[]);
            return;
        }
        self.open(name);
        escape_into(value, &mut self.text);
        self.close(name);
    }

    /// Escaped text.
    pub fn value(&mut self, value: &str) {
        escape_into(value, &mut self.text);
    }

    /// A piece that is XML already.
    pub fn raw(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Escapes the five characters, and drops what XML 1.0 cannot carry.
fn escape_into(value: &str, out: &mut String) {
    let mut clean = 0;
    for (at, byte) in value.bytes().enumerate() {
        let replacement = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#039;",
            b'\t' | b'\n' => continue,
            b'\r' => "&#13;",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&value[clean..at]);
        out.push_str(replacement);
        clean = at + 1;
    }
    out.push_str(&value[clean..]);
}

/// The same document with a line and two spaces of indentation per level, as the gateway answers when white space is wanted.
pub fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 3 / 2);
    let mut depth = 0usize;
    let mut after_text = false;
    let mut after_open = false;
    let mut rest = compact;
    while let Some(start) = rest.find('<') {
        let (text, tail) = rest.split_at(start);
        out.push_str(text);
        after_text |= !text.is_empty();
        let end = tail.find('>').map_or(tail.len(), |end| end + 1);
        let (tag, tail) = tail.split_at(end);
        rest = tail;
        let closing = tag.starts_with("</");
        if closing {
            depth = depth.saturating_sub(1);
        }
        if !(closing && (after_open || after_text)) && !out.is_empty() {
            out.push('\n');
            for _ in 0..depth {
                out.push_str("  ");
            }
        }
        out.push_str(tag);
        after_text = false;
        after_open = !closing && !tag.ends_with("/>") && !tag.starts_with("<?");
        if after_open {
            depth += 1;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_the_gateway_does() {
        let mut xml = Xml::new(false);
        xml.leaf("NAME", "O'Dell & <Söhne> \"x\"\u{1}");
        xml.leaf("EMPTY", "");
        assert_eq!(xml.into_text(), "<NAME>O&#039;Dell &amp; &lt;Söhne&gt; &quot;x&quot;</NAME><EMPTY></EMPTY>");
        let mut xml = Xml::new(true);
        xml.leaf("EMPTY", "");
        assert_eq!(xml.into_text(), "<EMPTY/>");
    }

    #[test]
    fn indentation_adds_white_space_between_elements_only() {
        let compact = "<?xml version=\"1.0\"?><a><b>x y</b><c></c><d/><e><f>1</f></e></a>";
        let expected = "<?xml version=\"1.0\"?>\n<a>\n  <b>x y</b>\n  <c></c>\n  <d/>\n  <e>\n    <f>1</f>\n  </e>\n</a>";
        assert_eq!(indented(compact), expected);
    }
}
