//! Reads a query by recursive descent over
//! <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm>.

use super::ast::{Comparison, Condition, DatePart, FieldSet, Function, Given, Literal, Operand, Ordering, Path, Query, Selected};
use super::dates::{Span, named};
use super::lexer::{Lexeme, Token};
use super::{Parsed, Refused};

/// Conditions within conditions.
const DEEPEST: usize = 48;

/// Words that end what stands before them, so that they are no alias.
const RESERVED: &[&str] = &[
    "AND", "ASC", "DESC", "FOR", "FROM", "GROUP", "HAVING", "IN", "LIKE", "LIMIT", "NOT", "NULLS", "OFFSET", "OR", "ORDER", "SELECT",
    "USING", "WHERE", "WITH", "ALL", "UPDATE",
];

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>, end: usize) -> Self {
        Self { tokens, at: 0, end }
    }

    pub(super) fn whole_query(mut self) -> Parsed<Query> {
        let query = self.query(0)?;
        match self.tokens.get(self.at) {
            None => Ok(query),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn lexeme(&self) -> Option<&Lexeme> {
        self.tokens.get(self.at).map(|token| &token.lexeme)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.place.start)
    }

    fn unexpected(&self) -> Refused {
        match self.tokens.get(self.at) {
            Some(token) => Refused::malformed(format!("unexpected token: '{}'", token.shown), token.place.start),
            None => Refused::malformed("unexpected token: '<EOF>'", self.end),
        }
    }

    fn next_is(&self, word: &str) -> bool {
        matches!(self.lexeme(), Some(Lexeme::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.next_is(word);
        self.at += usize::from(found);
        found
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.lexeme(), Some(Lexeme::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn wants(&mut self, word: &str) -> Parsed<()> {
        if self.takes(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn wants_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A name that is no keyword.
    fn name(&mut self) -> Parsed<(String, usize)> {
        match self.lexeme() {
            Some(Lexeme::Word(word)) if !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) => {
                let found = (word.clone(), self.place());
                self.at += 1;
                Ok(found)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// An object may have the name of a keyword.
    fn object(&mut self) -> Parsed<(String, usize)> {
        let at = self.place();
        for name in ["Group", "Order"] {
            if self.takes(name) {
                return Ok((name.to_owned(), at));
            }
        }
        self.name()
    }

    fn alias(&mut self) -> Option<String> {
        match self.lexeme() {
            Some(Lexeme::Word(word)) if !word.contains('.') => self.name().ok().map(|(name, _)| name),
            _ => None,
        }
    }

    fn path(&mut self) -> Parsed<Path> {
        let (name, at) = self.name()?;
        Ok(Path { parts: name.split('.').map(str::to_owned).collect(), at })
    }

    fn query(&mut self, depth: usize) -> Parsed<Query> {
        self.wants("SELECT")?;
        let mut selected = vec![self.selected(depth)?];
        while self.takes_sign(",") {
            selected.push(self.selected(depth)?);
        }
        self.wants("FROM")?;
        let (from, from_at) = self.object()?;
        let alias = self.alias();
        let mine = self.scope()?;
        let filter = if self.takes("WHERE") { Some(self.condition(0, depth)?) } else { None };
        if self.next_is("WITH") {
            return Err(self.unexpected());
        }
        let mut groups = Vec::new();
        let mut having = None;
        if self.takes("GROUP") {
            self.wants("BY")?;
            groups = self.list(|parser| parser.operand())?;
            having = if self.takes("HAVING") { Some(self.condition(0, depth)?) } else { None };
        }
        let mut order = Vec::new();
        if self.takes("ORDER") {
            self.wants("BY")?;
            order = self.list(Self::ordering)?;
        }
        let limit = if self.takes("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.takes("OFFSET") { Some(self.count()?) } else { None };
        if self.takes("FOR") && !["VIEW", "REFERENCE", "UPDATE"].iter().any(|word| self.takes(word)) {
            return Err(self.unexpected());
        }
        if self.next_is("ALL") {
            return Err(Refused::malformed("ALL ROWS not allowed in this context", self.place()));
        }
        Ok(Query { selected, from, from_at, alias, mine, filter, groups, having, order, limit, offset })
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.takes_sign(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn scope(&mut self) -> Parsed<bool> {
        if !self.takes("USING") {
            return Ok(false);
        }
        self.wants("SCOPE")?;
        match (self.takes("mine"), self.takes("everything")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(self.unexpected()),
        }
    }

    fn count(&mut self) -> Parsed<u64> {
        match self.lexeme() {
            Some(Lexeme::Number(number)) if number.fract() == 0.0 && (0.0..=1e9).contains(number) => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole number in range")]
                let number = *number as u64;
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn selected(&mut self, depth: usize) -> Parsed<Selected> {
        let at = self.place();
        if self.takes_sign("(") {
            if depth > 0 {
                return Err(Refused::malformed("only one level of nested queries is allowed", at));
            }
            let query = self.query(depth + 1)?;
            self.wants_sign(")")?;
            return Ok(Selected::Children(Box::new(query)));
        }
        if self.next_is("TYPEOF") && matches!(self.tokens.get(self.at + 1).map(|token| &token.lexeme), Some(Lexeme::Word(_))) {
            return Err(self.unexpected());
        }
        if self.next_is("FIELDS") && self.calls() {
            self.at += 2;
            let sets = [("ALL", FieldSet::All), ("STANDARD", FieldSet::Standard), ("CUSTOM", FieldSet::Custom)];
            let set = sets.into_iter().find(|(word, _)| self.takes(word)).ok_or_else(|| self.unexpected())?.1;
            self.wants_sign(")")?;
            return Ok(Selected::Fields(set, at));
        }
        let operand = self.operand()?;
        Ok(Selected::Value(operand, self.alias()))
    }

    /// Does an opening bracket follow the next word?
    fn calls(&self) -> bool {
        matches!(self.tokens.get(self.at + 1).map(|token| &token.lexeme), Some(Lexeme::Sign("(")))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        if !self.calls() {
            return Ok(Operand::Field(self.path()?));
        }
        let (name, at) = self.name()?;
        self.at += 1;
        let aggregate = match name.to_ascii_uppercase().as_str() {
            "COUNT" => Some(Function::Count),
            "COUNT_DISTINCT" => Some(Function::CountDistinct),
            "SUM" => Some(Function::Sum),
            "AVG" => Some(Function::Avg),
            "MIN" => Some(Function::Min),
            "MAX" => Some(Function::Max),
            _ => None,
        };
        let part = match name.to_ascii_uppercase().as_str() {
            "CALENDAR_YEAR" => Some(DatePart::Year),
            "CALENDAR_MONTH" => Some(DatePart::Month),
            "DAY_IN_MONTH" => Some(DatePart::DayInMonth),
            "DAY_ONLY" => Some(DatePart::Day),
            _ => None,
        };
        let operand = match (aggregate, part) {
            (Some(Function::Count), _) if self.takes_sign(")") => return Ok(Operand::Aggregate(Function::Count, None, at)),
            (Some(function), _) => Operand::Aggregate(function, Some(self.path()?), at),
            (None, Some(part)) => Operand::Part(part, self.path()?),
            (None, None) => return Err(Refused::malformed(format!("Invalid function name: {name}"), at)),
        };
        self.wants_sign(")")?;
        Ok(operand)
    }

    fn ordering(&mut self) -> Parsed<Ordering> {
        let by = self.operand()?;
        let descending = !self.takes("ASC") && self.takes("DESC");
        let nulls_last = self.takes("NULLS") && {
            let last = self.takes("LAST");
            if !last {
                self.wants("FIRST")?;
            }
            last
        };
        Ok(Ordering { by, descending, nulls_last })
    }

    /// `AND` and `OR` do not stand side by side without brackets.
    fn condition(&mut self, depth: usize, queries: usize) -> Parsed<Condition> {
        let first = self.term(depth, queries)?;
        let joined_by = match (self.next_is("AND"), self.next_is("OR")) {
            (true, _) => "AND",
            (_, true) => "OR",
            _ => return Ok(first),
        };
        let mut all = vec![first];
        while self.takes(joined_by) {
            all.push(self.term(depth, queries)?);
        }
        if self.next_is("AND") || self.next_is("OR") {
            return Err(self.unexpected());
        }
        Ok(if joined_by == "AND" { Condition::All(all) } else { Condition::Any(all) })
    }

    fn term(&mut self, depth: usize, queries: usize) -> Parsed<Condition> {
        if depth > DEEPEST {
            return Err(Refused::plain(
                "QUERY_TOO_COMPLICATED",
                "Query is either selecting too many fields or the filter conditions are too complicated.",
            ));
        }
        if self.takes("NOT") {
            return Ok(Condition::Not(Box::new(self.term(depth + 1, queries)?)));
        }
        if self.takes_sign("(") {
            let inner = self.condition(depth + 1, queries)?;
            self.wants_sign(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        if self.takes("NOT") {
            self.wants("IN")?;
            return self.list_or_query(left, true, queries);
        }
        if self.takes("IN") {
            return self.list_or_query(left, false, queries);
        }
        let comparison = if self.takes("LIKE") {
            Comparison::Like
        } else {
            let found = match self.lexeme() {
                Some(Lexeme::Sign("=")) => Comparison::Equal,
                Some(Lexeme::Sign("!=")) => Comparison::NotEqual,
                Some(Lexeme::Sign("<")) => Comparison::Less,
                Some(Lexeme::Sign("<=")) => Comparison::LessOrEqual,
                Some(Lexeme::Sign(">")) => Comparison::Greater,
                Some(Lexeme::Sign(">=")) => Comparison::GreaterOrEqual,
                _ => return Err(self.unexpected()),
            };
            self.at += 1;
            found
        };
        Ok(Condition::Compare(left, comparison, self.literal()?))
    }

    fn list_or_query(&mut self, left: Operand, negated: bool, queries: usize) -> Parsed<Condition> {
        let at = self.place();
        self.wants_sign("(")?;
        let condition = if self.next_is("SELECT") {
            if queries > 1 {
                return Err(Refused::malformed("Nesting of semi join sub-selects is not supported", at));
            }
            Condition::InQuery(left, negated, Box::new(self.query(queries + 2)?))
        } else {
            Condition::In(left, negated, self.list(Self::literal)?)
        };
        self.wants_sign(")")?;
        Ok(condition)
    }

    fn literal(&mut self) -> Parsed<Literal> {
        let at = self.place();
        let given = match self.lexeme() {
            Some(Lexeme::Text { plain, pattern }) => Given::Text { plain: plain.clone(), pattern: pattern.clone() },
            Some(Lexeme::Number(number)) => Given::Number(*number),
            Some(Lexeme::Date(date)) => Given::Date(*date),
            Some(Lexeme::DateTime(time)) => Given::DateTime(*time),
            Some(Lexeme::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "true" => Given::Bool(true),
                "false" => Given::Bool(false),
                "null" => Given::Null,
                _ => match named(word) {
                    Some((name, numbered)) => return self.named_date(name, numbered, at),
                    None => return Err(self.unexpected()),
                },
            },
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(Literal { given, at })
    }

    fn named_date(&mut self, name: &'static str, numbered: bool, at: usize) -> Parsed<Literal> {
        self.at += 1;
        let number = if numbered {
            self.wants_sign(":")?;
            let Some(Lexeme::Number(number)) = self.lexeme() else { return Err(self.unexpected()) };
            let number = *number;
            self.at += 1;
            number
        } else {
            0.0
        };
        let span = Span::new(name, number).ok_or_else(|| Refused::malformed(format!("Invalid number for {name}"), at))?;
        Ok(Literal { given: Given::Named(span), at })
    }
}
