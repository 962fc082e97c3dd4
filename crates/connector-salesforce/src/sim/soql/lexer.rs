//! Cuts a query into words, texts, numbers, times and signs.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Parsed, Refused};

/// The longest quoted text in a condition.
const LONGEST_TEXT: usize = 4_000;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lexeme {
    /// A name, with dots where it is a path.
    Word(String),
    Text {
        plain: Option<String>,
        pattern: String,
    },
    Number(f64),
    Date(NaiveDate),
    DateTime(DateTime<Utc>),
    /// `=`, `!=`, `<=`, `(`, `,` and so on.
    Sign(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) lexeme: Lexeme,
    pub(super) place: Range<usize>,
    /// As written, for messages.
    pub(super) shown: String,
}

/// Two characters before one.
const SIGNS: &[&str] = &["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ":"];

pub(super) fn lex(text: &str) -> Parsed<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let (lexeme, length) = if letter == '\'' {
            quoted(rest, at)?
        } else if letter.is_ascii_alphabetic() {
            let length = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'))).unwrap_or(rest.len());
            let word = &rest[..length];
            if word.ends_with('.') || word.contains("..") {
                return Err(Refused::malformed(format!("unexpected token: '{word}'"), at));
            }
            (Lexeme::Word(word.to_owned()), length)
        } else if letter.is_ascii_digit() || (matches!(letter, '-' | '+') && rest[1..].starts_with(|next: char| next.is_ascii_digit())) {
            number_or_time(rest, at)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Lexeme::Sign(if *sign == "<>" { "!=" } else { sign }), sign.len())
        } else {
            return Err(Refused::malformed(format!("unexpected token: '{letter}'"), at));
        };
        tokens.push(Token { lexeme, place: at..at + length, shown: rest[..length].chars().take(60).collect() });
        at += length;
    }
    Ok(tokens)
}

/// A quoted text, under the escapes of
/// <https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-quotedstringescapes.html>.
fn quoted(rest: &str, at: usize) -> Parsed<(Lexeme, usize)> {
    let (mut plain, mut pattern) = (Some(String::new()), String::new());
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        let meant = match letter {
            '\'' => {
                if pattern.chars().count() > LONGEST_TEXT {
                    return Err(Refused::malformed("string literals in conditions cannot be longer than 4000 characters", at));
                }
                return Ok((Lexeme::Text { plain, pattern }, place + 1));
            }
            '\\' => {
                let (_, escaped) = letters.next().ok_or_else(|| unterminated(at))?;
                match escaped {
                    'n' | 'N' => '\n',
                    'r' | 'R' => '\r',
                    't' | 'T' => '\t',
                    'b' | 'B' => '\u{8}',
                    'f' | 'F' => '\u{c}',
                    '"' | '\'' | '\\' => escaped,
                    '_' | '%' => {
                        plain = None;
                        pattern.extend(['\\', escaped]);
                        continue;
                    }
                    'u' => {
                        let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = (digits.len() == 4).then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
                        code.and_then(char::from_u32).ok_or_else(|| invalid_escape(&format!("u{digits}"), at + place))?
                    }
                    other => return Err(invalid_escape(&other.to_string(), at + place)),
                }
            }
            other => other,
        };
        if let Some(plain) = &mut plain {
            plain.push(meant);
        }
        if meant == '\\' {
            pattern.push('\\');
        }
        pattern.push(meant);
    }
    Err(unterminated(at))
}

fn unterminated(at: usize) -> Refused {
    Refused::malformed("unterminated string literal: a quote is missing", at)
}

fn invalid_escape(escape: &str, at: usize) -> Refused {
    Refused::malformed(format!("Invalid string literal: illegal character sequence '\\{escape}' in string literal"), at)
}

fn number_or_time(rest: &str, at: usize) -> Parsed<(Lexeme, usize)> {
    let is_time = rest.len() > 4 && rest.as_bytes()[4] == b'-' && rest.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    let end = |part: fn(char) -> bool| rest[1..].find(|letter| !part(letter)).map_or(rest.len(), |place| place + 1);
    if !is_time {
        let length = end(|letter| letter.is_ascii_alphanumeric() || letter == '.');
        let number = rest[..length].parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| Refused::malformed(format!("unexpected token: '{}'", &rest[..length]), at))?;
        return Ok((Lexeme::Number(number), length));
    }
    let length = end(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | ':' | '.' | '+'));
    let written = &rest[..length];
    let date = || NaiveDate::parse_from_str(written, "%Y-%m-%d").ok().filter(|_| written.len() == 10).map(Lexeme::Date);
    let time = || DateTime::parse_from_rfc3339(written).ok().map(|time| Lexeme::DateTime(time.to_utc()));
    let lexeme = date().or_else(time).ok_or_else(|| Refused::malformed(format!("Invalid dateTime: {written}"), at))?;
    Ok((lexeme, length))
}
