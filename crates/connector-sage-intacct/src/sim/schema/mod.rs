//! Judges a request against the published request schema, in the wording of the schema validator the gateway uses.
//!
//! Schema: <https://github.com/Intacct/intacct_dtd> (v3.0); the grammar of `query` and `lookup` is printed in the developer
//! documentation: <https://developer.intacct.com/web-services/queries/>.

mod grammar;

use super::request::{Element, ParserFault};
use grammar::{Content, ONE_VALUE, OPERATORS, UNBOUNDED, function_content, is_function, is_legacy};

/// Values in one `in` or `notin`.
const LIST_LIMIT: usize = 1000;
/// Characters in a control id.
const CONTROL_ID_LIMIT: usize = 256;
/// Messages in one answer.
const FAULT_LIMIT: usize = 20;

/// Everything the schema objects to; empty for a valid request.
pub fn objections(request: &Element) -> Vec<ParserFault> {
    let legacy_only = request.child("control").and_then(|control| control.word_of("dtdversion")) == Some("2.1");
    let mut judge = Judge { faults: Vec::new(), legacy_only };
    if request.name != "request" {
        judge.object(
            request,
            1845,
            format!("Element '{}': No matching global declaration available for the validation root.", request.name),
        );
        return judge.faults;
    }
    judge.attributes(request, &[]);
    judge.content(request, &Content::Sequence(&[("control", 1, 1), ("operation", 1, UNBOUNDED)]));
    for child in &request.children {
        match child.name.as_str() {
            "control" => judge.control(child),
            "operation" => judge.operation(child),
            _ => {}
        }
    }
    judge.faults.truncate(FAULT_LIMIT);
    judge.faults
}

struct Judge {
    faults: Vec<ParserFault>,
    /// `dtdversion` 2.1 knows the legacy functions only.
    legacy_only: bool,
}

impl Judge {
    fn object(&mut self, element: &Element, number: u32, message: String) {
        self.faults.push(ParserFault { fatal: false, number, message, line: element.line, column: 0 });
    }

    fn control(&mut self, control: &Element) {
        self.attributes(control, &[]);
        self.content(
            control,
            &Content::Sequence(&[
                ("senderid", 1, 1),
                ("password", 0, 1),
                ("controlid", 1, 1),
                ("uniqueid", 0, 1),
                ("dtdversion", 0, 1),
                ("policyid", 0, 1),
                ("debug", 0, 1),
                ("includewhitespace", 0, 1),
                ("showadditionalerrorinfo", 0, 1),
            ]),
        );
        for child in &control.children {
            self.content(child, &Content::Text);
            match child.name.as_str() {
                "controlid" => self.length(child, "controlid", &child.text),
                "includewhitespace" | "showadditionalerrorinfo" => self.boolean(child),
                _ => {}
            }
        }
    }

    fn operation(&mut self, operation: &Element) {
        self.attributes(operation, &["transaction"]);
        if let Some(value) = operation.attribute("transaction")
            && !matches!(value, "true" | "false")
        {
            self.object(
                operation,
                1840,
                format!(
                    "Element 'operation', attribute 'transaction': [facet 'enumeration'] The value '{value}' is not an element of the set {{'true', 'false'}}."
                ),
            );
        }
        self.content(operation, &Content::Sequence(&[("authentication", 1, 1), ("preferences", 0, UNBOUNDED), ("content", 0, UNBOUNDED)]));
        for child in &operation.children {
            match child.name.as_str() {
                "authentication" => self.authentication(child),
                "content" => {
                    self.attributes(child, &[]);
                    self.content(child, &Content::Sequence(&[("function", 1, UNBOUNDED)]));
                    for function in child.children.iter().filter(|function| function.name == "function") {
                        self.function(function);
                    }
                }
                _ => {}
            }
        }
    }

    fn authentication(&mut self, authentication: &Element) {
        self.attributes(authentication, &[]);
        self.content(authentication, &Content::Choice { names: &["login", "sessionid", "oauth"], least: 1, most: 1 });
        if let Some(login) = authentication.child("login") {
            self.attributes(login, &[]);
            self.content(
                login,
                &Content::Sequence(&[("userid", 1, 1), ("companyid", 1, 1), ("password", 1, 1), ("clientid", 0, 1), ("locationid", 0, 1)]),
            );
            for child in &login.children {
                self.content(child, &Content::Text);
            }
        }
        if let Some(session) = authentication.child("sessionid") {
            self.content(session, &Content::Text);
        }
    }

    fn function(&mut self, function: &Element) {
        self.attributes(function, &["controlid"]);
        match function.attribute("controlid") {
            Some(value) => self.length(function, "controlid", value),
            None => self.object(function, 1868, "Element 'function': The attribute 'controlid' is required but missing.".to_owned()),
        }
        self.only_elements(function);
        let Some(call) = function.children.first() else {
            self.object(function, 1871, "Element 'function': Missing child element(s).".to_owned());
            return;
        };
        if !is_function(&call.name) || (self.legacy_only && !is_legacy(&call.name)) {
            self.unexpected(call, &[]);
            return;
        }
        if let Some(second) = function.children.get(1) {
            self.unexpected(second, &[]);
        }
        self.call(call);
    }

    fn call(&mut self, call: &Element) {
        let attributes: &[&str] = match call.name.as_str() {
            "inspect" => &["detail"],
            "get_list" => &["object", "start", "maxitems", "showprivate"],
            "get" => &["object", "key", "externalkey"],
            "create_customer" | "create_contact" => &["ignoreduplicates"],
            "update_contact" => &["contactname", "set_nulls", "externalkey"],
            "update_customer" => &["customerid", "set_nulls", "externalkey"],
            "delete_customer" => &["customerid", "externalkey"],
            "delete_contact" => &["contactname", "externalkey"],
            "delete_employee" => &["employeeid", "externalkey"],
            _ => &[],
        };
        let Some(content) = function_content(&call.name) else { return };
        self.attributes(call, attributes);
        let needs_first = matches!(
            call.name.as_str(),
            "get" | "get_list" | "update_customer" | "update_contact" | "delete_customer" | "delete_contact" | "delete_employee"
        );
        if needs_first && call.attribute(attributes[0]).is_none() {
            self.object(call, 1868, format!("Element '{}': The attribute '{}' is required but missing.", call.name, attributes[0]));
        }
        self.content(call, &content);
        match call.name.as_str() {
            "query" => self.query(call),
            "get" | "get_list" => self.get_list(call),
            name if name.ends_with("_customer") || name.ends_with("_contact") => {}
            _ if matches!(content, Content::AnyElements) => {}
            _ => {
                for child in &call.children {
                    self.content(child, &Content::Text);
                }
            }
        }
    }

    fn get_list(&mut self, call: &Element) {
        for child in &call.children {
            match child.name.as_str() {
                "filter" => {
                    self.content(child, &Content::Choice { names: &["logical", "expression"], least: 1, most: UNBOUNDED });
                    for part in &child.children {
                        self.expression(part);
                    }
                }
                "sorts" => {
                    self.content(child, &Content::Sequence(&[("sortfield", 1, UNBOUNDED)]));
                    for sort in &child.children {
                        self.content(sort, &Content::Text);
                        self.attributes(sort, &["order"]);
                    }
                }
                "fields" => self.content(child, &Content::Sequence(&[("field", 1, UNBOUNDED)])),
                _ => {}
            }
        }
    }

    fn expression(&mut self, part: &Element) {
        if part.name == "logical" {
            self.attributes(part, &["logical_operator", "object"]);
            if part.attribute("logical_operator").is_none() {
                self.object(part, 1868, "Element 'logical': The attribute 'logical_operator' is required but missing.".to_owned());
            }
            self.content(part, &Content::Choice { names: &["logical", "expression"], least: 2, most: UNBOUNDED });
            for child in &part.children {
                self.expression(child);
            }
        } else {
            self.attributes(part, &["object"]);
            self.content(part, &Content::Sequence(&[("field", 1, 1), ("operator", 1, 1), ("value", 1, 1)]));
        }
    }

    fn query(&mut self, query: &Element) {
        for child in &query.children {
            match child.name.as_str() {
                "select" => {
                    self.content(
                        child,
                        &Content::Choice { names: &["field", "count", "avg", "min", "max", "sum"], least: 1, most: UNBOUNDED },
                    );
                    for field in &child.children {
                        self.content(field, &Content::Text);
                    }
                }
                "filter" => {
                    self.content(child, &Content::Choice { names: OPERATORS, least: 1, most: 1 });
                    for operator in &child.children {
                        self.operator(operator);
                    }
                }
                "orderby" => {
                    self.content(child, &Content::Sequence(&[("order", 1, UNBOUNDED)]));
                    for order in &child.children {
                        self.order(order);
                    }
                }
                "options" => {
                    self.content(child, &Content::Sequence(&[("caseinsensitive", 0, 1), ("showprivate", 0, 1), ("returnformat", 0, 1)]));
                    for option in &child.children {
                        self.content(option, &Content::Text);
                        match option.name.as_str() {
                            "returnformat" => self.one_of(option, &["xml", "json", "csv"]),
                            _ => self.boolean(option),
                        }
                    }
                }
                "pagesize" => self.integer(child, 1, Some(2000)),
                "offset" => self.integer(child, 0, None),
                _ => self.content(child, &Content::Text),
            }
        }
    }

    fn order(&mut self, order: &Element) {
        self.content(order, &Content::Sequence(&[("field", 1, 1), ("ascending", 0, 1), ("descending", 0, 1)]));
        if order.children.len() == 3 {
            self.unexpected(&order.children[2], &[]);
        }
        for child in &order.children {
            let content = if child.name == "field" { Content::Text } else { Content::Nothing };
            self.content(child, &content);
        }
    }

    fn operator(&mut self, operator: &Element) {
        match operator.name.as_str() {
            "and" | "or" => {
                self.content(operator, &Content::Choice { names: OPERATORS, least: 2, most: UNBOUNDED });
                for child in &operator.children {
                    self.operator(child);
                }
            }
            "isnull" | "isnotnull" => self.content(operator, &Content::Sequence(&[("field", 1, 1)])),
            "between" => self.content(operator, &Content::Sequence(&[("field", 1, 1), ("value", 2, 2)])),
            "in" | "notin" => self.content(operator, &Content::Sequence(&[("field", 1, 1), ("value", 1, LIST_LIMIT)])),
            name if OPERATORS.contains(&name) => self.content(operator, &ONE_VALUE),
            _ => {}
        }
        if !matches!(operator.name.as_str(), "and" | "or") {
            for child in &operator.children {
                self.content(child, &Content::Text);
            }
        }
    }

    fn attributes(&mut self, element: &Element, allowed: &[&str]) {
        for (name, _) in &element.attributes {
            if !allowed.contains(&name.as_str()) && !name.starts_with("xmlns") && !name.starts_with("xsi:") {
                self.object(
                    element,
                    1866,
                    format!("Element '{}', attribute '{name}': The attribute '{name}' is not allowed.", element.name),
                );
            }
        }
    }

    fn only_elements(&mut self, element: &Element) {
        if !element.text.trim().is_empty() {
            self.object(
                element,
                1843,
                format!(
                    "Element '{}': Character content other than whitespace is not allowed because the content type is 'element-only'.",
                    element.name
                ),
            );
        }
    }

    fn content(&mut self, element: &Element, content: &Content) {
        match content {
            Content::Text => {
                if let Some(child) = element.children.first() {
                    self.unexpected(child, &[]);
                }
                return;
            }
            Content::Nothing => {
                if let Some(child) = element.children.first() {
                    self.unexpected(child, &[]);
                }
                if !element.text.trim().is_empty() {
                    self.object(
                        element,
                        1841,
                        format!("Element '{}': Character content is not allowed, because the content type is empty.", element.name),
                    );
                }
                return;
            }
            _ => self.only_elements(element),
        }
        match content {
            Content::Sequence(parts) => self.sequence(element, parts),
            Content::All(parts) => self.all(element, parts),
            Content::Choice { names, least, most } => self.choice(element, names, *least, *most),
            Content::AnyElements => {
                if element.children.is_empty() {
                    self.missing(element, &["##other{*}*"]);
                }
            }
            Content::Text | Content::Nothing => {}
        }
    }

    fn sequence(&mut self, element: &Element, parts: &[(&'static str, usize, usize)]) {
        let (mut part, mut count) = (0, 0);
        for child in &element.children {
            let expected = expected_from(parts, part, count);
            let found = if expected.contains(&child.name.as_str()) {
                (part..parts.len()).find(|index| parts[*index].0 == child.name && !(*index == part && count >= parts[part].2))
            } else {
                None
            };
            match found {
                Some(index) if index == part => count += 1,
                Some(index) => (part, count) = (index, 1),
                None => {
                    self.unexpected(child, &expected);
                    return;
                }
            }
        }
        let expected = expected_from(parts, part, count);
        let required = parts.iter().enumerate().skip(part).any(|(index, (_, least, _))| {
            let seen = if index == part { count } else { 0 };
            seen < *least
        });
        if required {
            self.missing(element, &expected);
        }
    }

    fn all(&mut self, element: &Element, parts: &[(&'static str, bool)]) {
        let mut seen: Vec<&str> = Vec::new();
        let left =
            |seen: &[&str]| -> Vec<&'static str> { parts.iter().map(|(name, _)| *name).filter(|name| !seen.contains(name)).collect() };
        for child in &element.children {
            if seen.contains(&child.name.as_str()) || !parts.iter().any(|(name, _)| *name == child.name) {
                self.unexpected(child, &left(&seen));
                return;
            }
            seen.push(&child.name);
        }
        if parts.iter().any(|(name, required)| *required && !seen.contains(name)) {
            let required: Vec<&str> =
                parts.iter().filter(|(name, required)| *required && !seen.contains(name)).map(|(name, _)| *name).collect();
            self.missing(element, &required);
        }
    }

    fn choice(&mut self, element: &Element, names: &[&str], least: usize, most: usize) {
        for (index, child) in element.children.iter().enumerate() {
            if index >= most {
                self.unexpected(child, &[]);
                return;
            }
            if !names.contains(&child.name.as_str()) {
                self.unexpected(child, names);
                return;
            }
        }
        if element.children.len() < least {
            self.missing(element, names);
        }
    }

    fn unexpected(&mut self, child: &Element, expected: &[&str]) {
        self.object(child, 1871, format!("Element '{}': This element is not expected.{}", child.name, expectation(expected)));
    }

    fn missing(&mut self, element: &Element, expected: &[&str]) {
        self.object(element, 1871, format!("Element '{}': Missing child element(s).{}", element.name, expectation(expected)));
    }

    fn length(&mut self, element: &Element, what: &str, value: &str) {
        let length = value.chars().count();
        if length > CONTROL_ID_LIMIT {
            self.object(
                element,
                1832,
                format!(
                    "Element '{}': [facet 'maxLength'] The value of '{what}' has a length of '{length}'; this exceeds the allowed maximum length of '{CONTROL_ID_LIMIT}'.",
                    element.name
                ),
            );
        }
    }

    fn boolean(&mut self, element: &Element) {
        if !matches!(element.text.trim(), "true" | "false" | "1" | "0") {
            self.object(
                element,
                1824,
                format!("Element '{}': '{}' is not a valid value of the atomic type 'xs:boolean'.", element.name, element.text),
            );
        }
    }

    fn one_of(&mut self, element: &Element, allowed: &[&str]) {
        if !allowed.contains(&element.text.trim()) {
            let set: Vec<String> = allowed.iter().map(|word| format!("'{word}'")).collect();
            self.object(
                element,
                1840,
                format!(
                    "Element '{}': [facet 'enumeration'] The value '{}' is not an element of the set {{{}}}.",
                    element.name,
                    element.text,
                    set.join(", ")
                ),
            );
        }
    }

    fn integer(&mut self, element: &Element, least: i64, most: Option<i64>) {
        self.content(element, &Content::Text);
        let text = element.text.trim();
        match text.parse::<i64>() {
            Err(_) => self.object(
                element,
                1824,
                format!("Element '{}': '{text}' is not a valid value of the atomic type 'xs:integer'.", element.name),
            ),
            Ok(value) if value < least => self.object(
                element,
                1833,
                format!(
                    "Element '{}': [facet 'minInclusive'] The value '{value}' is less than the minimum value allowed ('{least}').",
                    element.name
                ),
            ),
            Ok(value) => {
                if let Some(most) = most.filter(|most| value > *most) {
                    self.object(
                        element,
                        1834,
                        format!(
                            "Element '{}': [facet 'maxInclusive'] The value '{value}' is greater than the maximum value allowed ('{most}').",
                            element.name
                        ),
                    );
                }
            }
        }
    }
}

/// The names a sequence accepts next: up to and with the first that is required.
fn expected_from(parts: &[(&'static str, usize, usize)], part: usize, count: usize) -> Vec<&'static str> {
    let mut expected = Vec::new();
    for (index, (name, least, most)) in parts.iter().enumerate().skip(part) {
        let seen = if index == part { count } else { 0 };
        if seen < *most {
            expected.push(*name);
        }
        if seen < *least {
            break;
        }
    }
    expected
}

fn expectation(expected: &[&str]) -> String {
    match expected {
        [] => String::new(),
        [one] => format!(" Expected is ( {one} )."),
        several if several.len() <= 10 => format!(" Expected is one of ( {} ).", several.join(", ")),
        several => format!(" Expected is one of ( {}, ... ).", several[..10].join(", ")),
    }
}
