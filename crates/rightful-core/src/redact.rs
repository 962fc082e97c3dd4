//! Takes out of a text what nobody may keep: secrets we know, however they are spelled, and whatever stands where secrets stand.

use std::borrow::Cow;

use crate::{EXCHANGE_CAP, Secret};

/// What stands in a secret's place.
const MASK: &str = "***";

/// The first [`EXCHANGE_CAP`] bytes of a text, redacted. What is no UTF-8 is shown as such.
pub(crate) fn redacted(body: &[u8], secrets: &[Secret]) -> String {
    let spellings = spellings(secrets);
    // Secrets that begin before the cut are recognised whole.
    let longest = spellings.first().map_or(0, String::len);
    let window = &body[..body.len().min(EXCHANGE_CAP.saturating_add(longest))];
    let text = String::from_utf8_lossy(window);
    let mut text = without_named(&masked(&text, &spellings));
    let cut = text.floor_char_boundary(EXCHANGE_CAP);
    text.truncate(cut);
    if body.len() > EXCHANGE_CAP {
        text.push_str(&format!("\n[cut here: {} bytes in all]", body.len()));
    }
    text
}

/// Every way in which a body may spell a secret, longest first.
fn spellings(secrets: &[Secret]) -> Vec<String> {
    let mut spellings: Vec<String> = Vec::new();
    for secret in secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty()) {
        let xml = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let json = serde_json::to_string(secret).unwrap_or_default();
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        spellings.extend([
            secret.to_owned(),
            xml.replace('"', "&quot;").replace('\'', "&apos;"),
            xml.replace('"', "&quot;").replace('\'', "&#39;"),
            json.trim_matches('"').replace('/', "\\/"),
            json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned(),
            form.replace('+', "%20"),
            xml,
            form,
        ]);
    }
    spellings.retain(|spelling| !spelling.is_empty());
    spellings.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    spellings.dedup();
    spellings
}

/// The text up to the cap, every spelling masked.
fn masked<'a>(text: &'a str, spellings: &[String]) -> Cow<'a, str> {
    if spellings.is_empty() {
        return Cow::Borrowed(&text[..text.floor_char_boundary(EXCHANGE_CAP)]);
    }
    let mut out = String::with_capacity(text.len().min(EXCHANGE_CAP));
    let mut at = 0;
    while at < text.len().min(EXCHANGE_CAP) {
        let rest = &text[at..];
        if let Some(spelling) = spellings.iter().find(|spelling| rest.starts_with(spelling.as_str())) {
            out.push_str(MASK);
            at += spelling.len();
        } else if let Some(letter) = rest.chars().next() {
            out.push(letter);
            at += letter.len_utf8();
        }
    }
    Cow::Owned(out)
}

/// Is this the name of something that is secret wherever it stands?
fn is_secret_name(name: &str) -> bool {
    const WHOLE: [&str; 7] = ["sessionid", "session", "passwd", "pwd", "authorization", "credentials", "cookie"];
    const ENDS: [&str; 5] = ["password", "secret", "token", "apikey", "accesskey"];
    let name = name.rsplit(':').next().unwrap_or_default();
    let plain: String = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    WHOLE.contains(&plain.as_str()) || ENDS.iter().any(|end| plain.ends_with(end))
}

/// Masks values by the names they stand under: XML elements and attributes, JSON members, form fields and parameters of an address. A secret
/// that we do not know, another person's password or a session of somebody else, is caught here or not at all.
fn without_named(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let named = match letter {
            '<' => element(rest),
            '"' => member(rest),
            '=' if is_secret_name(trailing_name(&out)) => Some(parameter(rest)),
            _ => None,
        };
        match named {
            // What is kept of it, and how much of the text it takes.
            Some((kept, length)) => {
                out.push_str(&kept);
                at += length;
            }
            None => {
                out.push(letter);
                at += letter.len_utf8();
            }
        }
    }
    out
}

fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':')
}

/// The name that a text ends with.
fn trailing_name(text: &str) -> &str {
    let start = text.char_indices().rev().take_while(|(_, letter)| is_name_letter(*letter)).last().map_or(text.len(), |(at, _)| at);
    &text[start..]
}

/// `<password>x` up to its end tag, or to the end of the text where that was cut off.
fn element(text: &str) -> Option<(String, usize)> {
    let name_end = text[1..].find(|letter| !is_name_letter(letter)).map_or(text.len(), |at| at + 1);
    let name = &text[1..name_end];
    if !is_secret_name(name) {
        return None;
    }
    let Some(tag_end) = text.find('>').map(|at| at + 1) else { return Some((format!("<{name}"), text.len())) };
    if text[..tag_end].ends_with("/>") {
        return Some((format!("<{name}/>"), tag_end));
    }
    let end = text[tag_end..].find(&format!("</{name}")).map_or(text.len(), |at| tag_end + at);
    Some((format!("<{name}>{MASK}"), end))
}

/// `"password": "x"`, also inside of a JSON text, where its quotes are escaped.
fn member(text: &str) -> Option<(String, usize)> {
    let key_end = 1 + text[1..].find('"')?;
    let key = &text[1..key_end];
    let escaped = key.ends_with('\\');
    if !is_secret_name(key) {
        return None;
    }
    let gap = |from: usize| from + text[from..].len() - text[from..].trim_start().len();
    let colon = gap(key_end + 1);
    if !text[colon..].starts_with(':') {
        return None;
    }
    let start = gap(colon + 1);
    let quote = if escaped { "\\\"" } else { "\"" };
    let value = &text[start..];
    let length = if let Some(inside) = value.strip_prefix(quote) {
        quote.len() + quoted_end(inside, quote)
    } else if value.starts_with(['{', '[']) {
        nested_end(value)
    } else {
        value.find(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '}' | ']')).unwrap_or(value.len())
    };
    Some((format!("{}{quote}{MASK}{quote}", &text[..start]), start + length))
}

/// Where a quoted text ends, its closing quote included.
fn quoted_end(text: &str, quote: &str) -> usize {
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(quote) {
            return at + quote.len();
        }
        let mut letters = text[at..].chars();
        let first = letters.next().map_or(1, char::len_utf8);
        // A backslash takes the next letter with it.
        at += if text[at..].starts_with('\\') { first + letters.next().map_or(0, char::len_utf8) } else { first };
    }
    text.len()
}

/// Where a nested JSON value ends.
fn nested_end(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(letter) = text[at..].chars().next() {
        at += letter.len_utf8();
        match letter {
            '"' => at += quoted_end(&text[at..], "\""),
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// `="x"` of an attribute, `=x` of a form or an address.
fn parameter(text: &str) -> (String, usize) {
    let value = &text[1..];
    match value.chars().next().filter(|letter| matches!(letter, '"' | '\'')) {
        Some(quote) => {
            let end = value[1..].find(quote).map_or(text.len(), |at| at + 3);
            (format!("={quote}{MASK}{quote}"), end)
        }
        None => {
            let end = value.find(|letter: char| letter.is_whitespace() || matches!(letter, '&' | ';' | ',' | '<' | '>' | '"'));
            (format!("={MASK}"), end.map_or(text.len(), |at| at + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    #[test]
    fn a_known_secret_is_masked_however_it_is_spelled() {
        let known = secrets(&["s<e'c\"r/t&1 ü", ""]);
        for (body, expected) in [
            ("<a>s&lt;e&apos;c&quot;r/t&amp;1 ü</a>", "<a>***</a>"),
            ("<a>s&lt;e&#39;c&quot;r/t&amp;1 ü</a>", "<a>***</a>"),
            ("<a>s&lt;e'c\"r/t&amp;1 ü</a>", "<a>***</a>"),
            (r#"{"x":"s<e'c\"r/t&1 ü"}"#, r#"{"x":"***"}"#),
            (r#"{"x":"s<e'c\"r\/t&1 ü"}"#, r#"{"x":"***"}"#),
            ("x=s%3Ce%27c%22r%2Ft%261+%C3%BC&y=1", "x=***&y=1"),
            ("x=s%3Ce%27c%22r%2Ft%261%20%C3%BC", "x=***"),
            ("in words: s<e'c\"r/t&1 ü, twice: s<e'c\"r/t&1 ü", "in words: ***, twice: ***"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(redacted(body.as_bytes(), &known), expected, "{body}");
        }
    }

    #[test]
    fn what_stands_under_a_secret_name_is_masked_whosever_it_is() {
        for (body, expected) in [
            ("<a><sessionid>abc..</sessionid><b>1</b></a>", "<a><sessionid>***</sessionid><b>1</b></a>"),
            ("<Password kind=\"x\">abc</Password>", "<Password>***</Password>"),
            ("<password/><sessionid/>", "<password/><sessionid/>"),
            ("<ns:userPassword>a<b/>c</ns:userPassword>.", "<ns:userPassword>***</ns:userPassword>."),
            ("<sessionid>cut off in the midd", "<sessionid>***"),
            ("<sessionid", "<sessionid"),
            ("<sessiontimestamp>2026</sessiontimestamp>", "<sessiontimestamp>2026</sessiontimestamp>"),
            (r#"{"password": "a\"b", "n":1}"#, r#"{"password": "***", "n":1}"#),
            (r#"{"x_api_key":12,"n":1}"#, r#"{"x_api_key":"***","n":1}"#),
            (r#"{"access_token":{"a":["}",2]},"n":[1]}"#, r#"{"access_token":"***","n":[1]}"#),
            (r#"{"token":"never ends"#, r#"{"token":"***""#),
            (r#"{"text":"{\"secret\":\"a b\",\"n\":1}"}"#, r#"{"text":"{\"secret\":\"***\",\"n\":1}"}"#),
            (r#"{"name":"password","value":"Token"}"#, r#"{"name":"password","value":"Token"}"#),
            ("https://h/x?api_key=abc&page=2", "https://h/x?api_key=***&page=2"),
            ("grant=1&client_secret=abc", "grant=1&client_secret=***"),
            ("<a token='x y' b=\"1\"/>", "<a token='***' b=\"1\"/>"),
            (r#"[{"id":4401,"assigned_users":[7,12]}]"#, r#"[{"id":4401,"assigned_users":[7,12]}]"#),
        ] {
            assert_eq!(redacted(body.as_bytes(), &[]), expected, "{body}");
        }
    }

    #[test]
    fn a_body_is_cut_between_letters_and_says_so() {
        let long = "ü".repeat(EXCHANGE_CAP);
        let kept = redacted(format!("x{long}").as_bytes(), &[]);
        assert!(kept.starts_with("xü") && kept.ends_with(&format!("ü\n[cut here: {} bytes in all]", EXCHANGE_CAP * 2 + 1)));
        assert!(kept.len() < EXCHANGE_CAP + 60);
        assert_eq!(redacted(&[b'a', 0xff, b'b'], &[]), "a\u{fffd}b");
    }

    #[test]
    fn a_secret_across_the_cut_leaves_nothing_behind() {
        let known = secrets(&["0123456789abcdef"]);
        for shift in 0..20 {
            let body = format!("{}0123456789abcdef{}", ".".repeat(EXCHANGE_CAP - shift), "-".repeat(100));
            let kept = redacted(body.as_bytes(), &known);
            assert!(!kept.contains("012"), "{}", &kept[EXCHANGE_CAP - 30..]);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_and_no_known_secret_gets_through(
            before in "[ -~ü<>\"\\\\=&]{0,40}", secret in "[a-zA-Z0-9&<>'\"/ ü]{6,20}", after in "[ -~ü<>\"\\\\=&]{0,40}",
        ) {
            let kept = redacted(format!("{before}{secret}{after}").as_bytes(), &secrets(&[&secret]));
            prop_assert!(!kept.contains(&secret), "{}", kept);
        }
    }
}
