//! Whether a request is the one a cassette expects, and if not, exactly where it differs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cassette::{BodyPattern, RequestPattern};

/// Texts that `{{any:NAME}}` stood for.
pub(crate) type Captures = BTreeMap<String, String>;

/// A request as it is compared.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Compares; the differences, or what the placeholders stood for.
pub(crate) fn compare(pattern: &RequestPattern, asked: &Asked) -> Result<Captures, Vec<String>> {
    let mut captures = Captures::new();
    let mut differences = Vec::new();
    if !pattern.method.eq_ignore_ascii_case(&asked.method) {
        differences.push(format!("method: expected {}, got {}", pattern.method, asked.method));
    }
    let (path, query) = pattern.path.split_once('?').unwrap_or((&pattern.path, ""));
    if !glob(path, &asked.path, None, &mut captures) {
        differences.push(format!("path: expected {path}, got {}", asked.path));
    }
    let expected: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    compare_pairs("query", &expected, &asked.query, &mut captures, &mut differences);
    for (name, value) in &pattern.headers {
        match asked.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            None => differences.push(format!("header `{name}`: expected {value}, got none")),
            Some((_, found)) if !glob(value, found, None, &mut captures) => {
                differences.push(format!("header `{name}`: expected {value}, got {found}"))
            }
            Some(_) => {}
        }
    }
    for name in &pattern.without_headers {
        if asked.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            differences.push(format!("header `{name}`: expected none, got one"));
        }
    }
    compare_body(&pattern.body, &asked.body, &mut captures, &mut differences);
    if differences.is_empty() { Ok(captures) } else { Err(differences) }
}

fn compare_body(pattern: &BodyPattern, body: &[u8], captures: &mut Captures, differences: &mut Vec<String>) {
    let text = String::from_utf8_lossy(body);
    match pattern {
        BodyPattern::Any => {}
        BodyPattern::Empty if body.is_empty() => {}
        BodyPattern::Empty => differences.push(format!("body: expected none, got {}", shortened(&text))),
        BodyPattern::Json(expected) => match serde_json::from_slice::<Value>(body) {
            Ok(found) => compare_json("", expected, &found, captures, differences),
            Err(error) => differences.push(format!("body: expected JSON, got {} ({error})", shortened(&text))),
        },
        BodyPattern::Xml(expected) => compare_lines(&xml_lines(expected), &xml_lines(&text), Some(&['<', '>', '"']), captures, differences),
        BodyPattern::Text(expected) => {
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            compare_lines(&lines(expected), &lines(&text), None, captures, differences);
        }
        BodyPattern::Form(expected) => {
            let expected: Vec<(String, String)> = expected.clone().into_iter().collect();
            let found: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
            compare_pairs("form", &expected, &found, captures, differences);
        }
    }
}

fn compare_pairs(
    place: &str,
    expected: &[(String, String)],
    found: &[(String, String)],
    captures: &mut Captures,
    differences: &mut Vec<String>,
) {
    let mut open: Vec<&(String, String)> = found.iter().collect();
    for (name, value) in expected {
        let same_name: Vec<usize> = (0..open.len()).filter(|index| open[*index].0 == *name).collect();
        match same_name.iter().find(|index| glob(value, &open[**index].1, None, captures)) {
            Some(index) => {
                open.remove(*index);
            }
            None => match same_name.first() {
                Some(index) => differences.push(format!("{place} `{name}`: expected {value}, got {}", open.remove(*index).1)),
                None => differences.push(format!("{place} `{name}`: expected {value}, got none")),
            },
        }
    }
    differences.extend(open.into_iter().map(|(name, value)| format!("{place} `{name}`: expected none, got {value}")));
}

fn compare_json(place: &str, expected: &Value, found: &Value, captures: &mut Captures, differences: &mut Vec<String>) {
    let at = if place.is_empty() { "body" } else { place };
    match (expected, found) {
        (Value::String(pattern), found) if pattern == "{{any}}" || is_whole_capture(pattern) => {
            if let Some(name) = pattern.strip_prefix("{{any:").and_then(|rest| rest.strip_suffix("}}")) {
                captures.insert(name.to_owned(), as_json_text(found));
            }
        }
        (Value::String(pattern), Value::String(text)) if pattern.contains("{{any") => {
            if !glob(pattern, text, None, captures) {
                differences.push(format!("{at}: expected {expected}, got {found}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            for (index, item) in expected.iter().enumerate() {
                let place = format!("{at}[{index}]");
                match found.get(index) {
                    Some(other) => compare_json(&place, item, other, captures, differences),
                    None => differences.push(format!("{place}: expected {item}, got none")),
                }
            }
            for (index, other) in found.iter().enumerate().skip(expected.len()) {
                differences.push(format!("{at}[{index}]: expected none, got {other}"));
            }
        }
        (Value::Object(expected), Value::Object(found)) => {
            for (key, item) in expected {
                let place = format!("{at}.{key}");
                match found.get(key) {
                    Some(other) => compare_json(&place, item, other, captures, differences),
                    None => differences.push(format!("{place}: expected {item}, got none")),
                }
            }
            for (key, other) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                differences.push(format!("{at}.{key}: expected none, got {other}"));
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(format!("{at}: expected {expected}, got {found}")),
    }
}

/// What stands between the quotes when a captured value is put into a JSON answer.
fn as_json_text(value: &Value) -> String {
    let text = value.to_string();
    if value.is_string() { text[1..text.len() - 1].to_owned() } else { text }
}

fn is_whole_capture(pattern: &str) -> bool {
    pattern.strip_prefix("{{any:").and_then(|rest| rest.strip_suffix("}}")).is_some_and(|name| !name.contains("}}"))
}

fn compare_lines(expected: &[String], found: &[String], stops: Option<&[char]>, captures: &mut Captures, differences: &mut Vec<String>) {
    for (index, line) in expected.iter().enumerate() {
        match found.get(index) {
            Some(other) if glob(line, other, stops, captures) => {}
            // What follows is shifted mostly: the first difference is the one to mend.
            Some(other) => {
                differences.push(format!("body, part {}: expected {}, got {}", index + 1, shortened(line), shortened(other)));
                return;
            }
            None => {
                differences.push(format!("body, part {}: expected {}, got the end", index + 1, shortened(line)));
                return;
            }
        }
    }
    if let Some(other) = found.get(expected.len()) {
        differences.push(format!("body, part {}: expected the end, got {}", expected.len() + 1, shortened(other)));
    }
}

/// XML cut into tags and texts, without the declaration, comments and the white space between tags; `<a></a>` reads as `<a/>`.
fn xml_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, tail) = if rest.starts_with("<!--") {
            rest.split_at(rest.find("-->").map_or(rest.len(), |at| at + 3))
        } else if rest.starts_with("<![CDATA[") {
            rest.split_at(rest.find("]]>").map_or(rest.len(), |at| at + 3))
        } else if rest.starts_with('<') {
            rest.split_at(rest.find('>').map_or(rest.len(), |at| at + 1))
        } else {
            rest.split_at(rest.find('<').unwrap_or(rest.len()))
        };
        rest = tail;
        if part.starts_with("<!--") || part.starts_with("<?") || part.trim().is_empty() {
            continue;
        }
        let part = if part.starts_with('<') { tag(part) } else { part.trim().to_owned() };
        if let Some(name) = part.strip_prefix("</").and_then(|name| name.strip_suffix('>'))
            && let Some(last) = lines.last_mut()
            && is_opening_of(last, name)
        {
            *last = format!("{}/>", &last[..last.len() - 1]);
        } else {
            lines.push(part);
        }
    }
    lines
}

fn is_opening_of(line: &str, name: &str) -> bool {
    line.strip_prefix('<').is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest == ">" || rest.starts_with(' ')))
        && !line.ends_with("/>")
}

/// A tag with single spaces between its parts.
fn tag(part: &str) -> String {
    part.split_whitespace().collect::<Vec<_>>().join(" ").replace(" />", "/>").replace(" >", ">")
}

/// Does the text fit the pattern, in which `{{any}}` and `{{any:NAME}}` stand for any text without `stops`? Captures are kept only where it does.
fn glob(pattern: &str, text: &str, stops: Option<&[char]>, captures: &mut Captures) -> bool {
    let Some((literal, name, after)) = next_placeholder(pattern) else { return pattern == text };
    let Some(rest) = text.strip_prefix(literal) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    for end in ends {
        if let Some(stops) = stops
            && rest[..end].contains(stops)
        {
            return false;
        }
        let mut tried = captures.clone();
        if let Some(name) = name {
            match tried.get(name) {
                Some(known) if *known != rest[..end] => continue,
                _ => tried.insert(name.to_owned(), rest[..end].to_owned()),
            };
        }
        if glob(after, &rest[end..], stops, &mut tried) {
            *captures = tried;
            return true;
        }
    }
    false
}

fn next_placeholder(pattern: &str) -> Option<(&str, Option<&str>, &str)> {
    let at = pattern.find("{{any")?;
    let (inside, after) = pattern[at + 5..].split_once("}}")?;
    let name = inside.strip_prefix(':');
    (inside.is_empty() || name.is_some()).then_some((&pattern[..at], name, after))
}

fn shortened(text: &str) -> String {
    const MOST: usize = 2_000;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}... ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(method: &str, path: &str, query: &str, body: &str) -> Asked {
        Asked {
            method: method.into(),
            path: path.into(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: vec![("X-Key".into(), "abc".into())],
            body: body.into(),
        }
    }

    fn pattern(path: &str, body: BodyPattern) -> RequestPattern {
        let mut pattern: RequestPattern = serde_json::from_value(json!({ "method": "GET", "path": path })).unwrap();
        pattern.body = body;
        pattern
    }

    fn body_differences(pattern: &BodyPattern, body: &str) -> Vec<String> {
        let mut differences = Vec::new();
        compare_body(pattern, body.as_bytes(), &mut Captures::new(), &mut differences);
        differences
    }

    #[test]
    fn a_placeholder_stands_for_any_text_and_keeps_it() {
        for (pattern, text, expected) in [
            ("abc", "abc", Some(vec![])),
            ("abc", "abd", None),
            ("a{{any}}c", "a-b-c", Some(vec![])),
            ("{{any:x}}/{{any:y}}", "one/two/three", Some(vec![("x", "one"), ("y", "two/three")])),
            ("{{any:x}}-{{any:x}}", "a-a", Some(vec![("x", "a")])),
            ("{{any:x}}-{{any:x}}", "a-b", None),
            ("{{other}}", "{{other}}", Some(vec![])),
        ] {
            let mut captures = Captures::new();
            let found = glob(pattern, text, None, &mut captures);
            assert_eq!(found, expected.is_some(), "{pattern} against {text}");
            if let Some(expected) = expected {
                let expected: Captures = expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                assert_eq!(captures, expected, "{pattern} against {text}");
            }
        }
    }

    #[test]
    fn each_difference_is_named() {
        let mut expected = pattern("/v1/users?page=2&size=10", BodyPattern::Empty);
        expected.headers = BTreeMap::from([("x-key".to_owned(), "abd".to_owned()), ("x-client".to_owned(), "acme".to_owned())]);
        expected.without_headers = vec!["X-KEY".to_owned()];
        let differences = compare(&expected, &asked("POST", "/v2/users", "page=1&more=x", "hello")).unwrap_err();
        assert_eq!(
            differences,
            [
                "method: expected GET, got POST",
                "path: expected /v1/users, got /v2/users",
                "query `page`: expected 2, got 1",
                "query `size`: expected 10, got none",
                "query `more`: expected none, got x",
                "header `x-client`: expected acme, got none",
                "header `x-key`: expected abd, got abc",
                "header `X-KEY`: expected none, got one",
                "body: expected none, got hello",
            ]
        );
        assert!(compare(&pattern("/v1/users?b=2&a={{any}}", BodyPattern::Any), &asked("get", "/v1/users", "a=1&b=2", "x")).is_ok());
    }

    #[test]
    fn json_is_compared_as_json() {
        let pattern = BodyPattern::Json(json!([{ "id": 7, "users": [1, 2], "stamp": "{{any}}", "text": "at {{any}} o'clock" }]));
        assert_eq!(body_differences(&pattern, r#"[ {"text":"at 9 o'clock","users":[1,2],"id":7,"stamp":null} ]"#), Vec::<String>::new());
        // The order of an object's members is not told: it hangs on how JSON is compiled in.
        let mut differences = body_differences(&pattern, r#"[{"id":"7","users":[1,3,4],"text":"at nine","new":true},1]"#);
        differences.sort();
        assert_eq!(
            differences,
            [
                r#"body[0].id: expected 7, got "7""#,
                "body[0].new: expected none, got true",
                r#"body[0].stamp: expected "{{any}}", got none"#,
                r#"body[0].text: expected "at {{any}} o'clock", got "at nine""#,
                "body[0].users[1]: expected 2, got 3",
                "body[0].users[2]: expected none, got 4",
                "body[1]: expected none, got 1",
            ]
        );
        assert_eq!(body_differences(&pattern, "oops").len(), 1);
    }

    #[test]
    fn xml_is_compared_without_the_white_space_between_tags() {
        let pattern = BodyPattern::Xml("<?xml version=\"1.0\"?>\n<request>\n  <control  id=\"{{any:c}}\" />\n  <!-- note -->\n  <name>A  &amp; B</name><empty></empty>\n</request>".into());
        assert_eq!(
            body_differences(&pattern, "<request><control id=\"7f\"></control><name>A  &amp; B</name><empty/></request>"),
            Vec::<String>::new()
        );
        assert_eq!(
            body_differences(&pattern, "<request><control id=\"7f\"/><name>A &amp; B</name><empty/></request>"),
            ["body, part 4: expected A  &amp; B, got A &amp; B"]
        );
        assert_eq!(body_differences(&pattern, "<request><control id=\"a\"/></request>"), ["body, part 3: expected <name>, got </request>"]);
        // A placeholder never swallows a tag or the next attribute.
        assert_eq!(body_differences(&BodyPattern::Xml("<a>{{any}}</a>".into()), "<a>x<b/></a>").len(), 1);
        assert_eq!(body_differences(&BodyPattern::Xml("<a x=\"{{any}}\"/>".into()), "<a x=\"1\" y=\"2\"/>").len(), 1);
    }

    #[test]
    fn a_form_is_compared_as_pairs() {
        let pattern =
            BodyPattern::Form(BTreeMap::from([("grant_type".into(), "client_credentials".into()), ("scope".into(), "{{any}}".into())]));
        assert_eq!(body_differences(&pattern, "scope=a+b&grant_type=client_credentials"), Vec::<String>::new());
        assert_eq!(
            body_differences(&pattern, "grant_type=password&scope="),
            ["form `grant_type`: expected client_credentials, got password"]
        );
    }
}
