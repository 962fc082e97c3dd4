//! Reads the query text of `readByQuery`: a subset of SQL's WHERE, with database codes in place of labels.
//!
//! <https://developer.intacct.com/api/platform-services/records/>.

use super::filter::{Condition, Node, Test, operands};
use super::formatting::Formatting;
use super::kinds::{Data, Kind};
use super::state::State;

/// Nested parentheses, at most.
const DEPTH: usize = 64;

/// The text cannot be run; the vendor does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// Compiles a query text; nothing for an empty one.
///
/// # Errors
/// The text is not of the grammar, or names a field the object lacks.
pub fn compile(state: &State, kind: Kind, text: &str, formatting: &Formatting) -> Result<Option<Node>, Broken> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader { state, kind, formatting, tokens: &tokens, at: 0 };
    let node = reader.any(0)?;
    if reader.at == tokens.len() { Ok(Some(node)) } else { Err(Broken) }
}

fn tokens(text: &str) -> Result<Vec<Token>, Broken> {
    let mut tokens = Vec::new();
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        at += 1;
        let next = characters.get(at).copied();
        let sign = match (character, next) {
            (space, _) if space.is_whitespace() => continue,
            ('\'', _) => {
                let mut value = String::new();
                loop {
                    let inner = *characters.get(at).ok_or(Broken)?;
                    at += 1;
                    match (inner, characters.get(at)) {
                        ('\\', Some(escaped @ ('\'' | '\\'))) => {
                            value.push(*escaped);
                            at += 1;
                        }
                        ('\'', _) => break,
                        _ => value.push(inner),
                    }
                }
                tokens.push(Token::Quoted(value));
                continue;
            }
            ('<', Some('=')) => "<=",
            ('>', Some('=')) => ">=",
            ('<', Some('>')) | ('!', Some('=')) => "!=",
            ('<', _) => "<",
            ('>', _) => ">",
            ('=', _) => "=",
            ('(', _) => "(",
            (')', _) => ")",
            (',', _) => ",",
            _ if is_word(character) => {
                let mut word = String::from(character);
                while let Some(more) = characters.get(at).filter(|more| is_word(**more)) {
                    word.push(*more);
                    at += 1;
                }
                tokens.push(Token::Word(word));
                continue;
            }
            _ => return Err(Broken),
        };
        at += sign.len() - 1;
        tokens.push(Token::Sign(sign));
    }
    Ok(tokens)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | '/' | ':' | '@' | '+' | '#' | '$' | '%')
}

struct Reader<'a> {
    state: &'a State,
    kind: Kind,
    formatting: &'a Formatting,
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self) -> Result<Token, Broken> {
        let token = self.tokens.get(self.at).cloned().ok_or(Broken)?;
        self.at += 1;
        Ok(token)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn any(&mut self, depth: usize) -> Result<Node, Broken> {
        let mut nodes = vec![self.all(depth)?];
        while self.takes_word("or") {
            nodes.push(self.all(depth)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) })
    }

    fn all(&mut self, depth: usize) -> Result<Node, Broken> {
        let mut nodes = vec![self.one(depth)?];
        while self.takes_word("and") {
            nodes.push(self.one(depth)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::And(nodes) })
    }

    fn one(&mut self, depth: usize) -> Result<Node, Broken> {
        if depth > DEPTH {
            return Err(Broken);
        }
        if self.takes_word("not") {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes_sign("(") {
            let node = self.any(depth + 1)?;
            return if self.takes_sign(")") { Ok(node) } else { Err(Broken) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Node, Broken> {
        let Token::Word(name) = self.take()? else { return Err(Broken) };
        let negated = self.takes_word("not");
        if self.takes_word("like") {
            let value = self.value()?;
            return self.condition(&name, if negated { Test::NotLike } else { Test::Like }, vec![value]);
        }
        if self.takes_word("in") {
            if !self.takes_sign("(") {
                return Err(Broken);
            }
            let mut values = vec![self.value()?];
            while self.takes_sign(",") {
                values.push(self.value()?);
            }
            if !self.takes_sign(")") {
                return Err(Broken);
            }
            return self.condition(&name, if negated { Test::NotIn } else { Test::In }, values);
        }
        if negated {
            return Err(Broken);
        }
        if self.takes_word("is") {
            let test = if self.takes_word("not") { Test::NotNull } else { Test::Null };
            return if self.takes_word("null") { self.condition(&name, test, Vec::new()) } else { Err(Broken) };
        }
        let Token::Sign(sign) = self.take()? else { return Err(Broken) };
        let test = match sign {
            "=" => Test::Equal,
            "!=" => Test::NotEqual,
            "<" => Test::Less,
            "<=" => Test::LessOrEqual,
            ">" => Test::Greater,
            ">=" => Test::GreaterOrEqual,
            _ => return Err(Broken),
        };
        let value = self.value()?;
        self.condition(&name, test, vec![value])
    }

    /// A value, and whether it was quoted.
    fn value(&mut self) -> Result<(String, bool), Broken> {
        match self.take()? {
            Token::Quoted(value) => Ok((value, true)),
            Token::Word(value) => Ok((value, false)),
            Token::Sign(_) => Err(Broken),
        }
    }

    fn condition(&self, name: &str, test: Test, values: Vec<(String, bool)>) -> Result<Node, Broken> {
        if name.eq_ignore_ascii_case("rownum") {
            let [(value, _)] = values.as_slice() else { return Err(Broken) };
            return Ok(Node::RowNumber(test, value.parse().map_err(|_| Broken)?));
        }
        // Fields of other records cannot be filtered here.
        let path = self.state.table(self.kind).field(name).map(super::state::Path::Own).ok_or(Broken)?;
        let field = self.state.field_at(self.kind, &path);
        // A value that is neither quoted nor a number finds nothing.
        let is_bare_word = |value: &str| !field.data.is_number() || value.parse::<f64>().is_err();
        if values.iter().any(|(value, quoted)| !quoted && is_bare_word(value)) {
            return Ok(Node::Never);
        }
        let choices = if self.kind == Kind::Audit { &[] } else { field.choices };
        let values: Vec<String> = values.into_iter().map(|(value, _)| label(field.data, choices, test, value)).collect();
        let operands = operands(field.data, test, &values, self.formatting, false).map_err(|_| Broken)?;
        Ok(Node::Condition(Condition { path, test, operands, fold: false }))
    }
}

/// The label a database code stands for; what is no code matches nothing.
fn label(data: Data, choices: &[(&str, &str)], test: Test, value: String) -> String {
    if matches!(test, Test::Like | Test::NotLike) {
        return value;
    }
    let booleans: &[(&str, &str)] = &[("true", "T"), ("false", "F")];
    let table = if data == Data::Boolean { booleans } else { choices };
    if table.is_empty() {
        return value;
    }
    match table.iter().find(|(_, code)| *code == value) {
        Some((label, _)) => (*label).to_owned(),
        None => format!("\u{0}{value}"),
    }
}
