//! Finds the objects and fields a query names, or says which is missing.

use chrono::{DateTime, Utc};

use super::super::schema::{Field, Kind, Object, Schema};
use super::aggregate::{Computed, GroupColumn, Grouping};
use super::ast::{FieldSet, Function, Operand, Path, Query, Selected};
use super::filter::{Term, Test};
use super::{Parsed, Refused};

mod conditions;

/// Relationships from one row to the next.
const LONGEST_WALK: usize = 5;

/// Fields that both users and queues have, as far as a polymorphic owner shows them.
const SHARED_NAMES: &[&str] = &["Id", "Name", "Type"];

/// What a polymorphic owner also shows where the switch says so: fields of the object `Name`.
const WIDE_NAMES: &[&str] =
    &["Alias", "Email", "FirstName", "IsActive", "LastName", "Phone", "ProfileId", "Title", "Username", "UserRoleId"];

/// One relationship walked along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Step {
    /// The reference, by its place in the object where the step begins.
    pub(in super::super) field: usize,
    /// As answers spell it.
    pub(in super::super) name: String,
}

/// From a row to a value.
#[derive(Clone, Debug)]
pub(in super::super) struct Route {
    pub(in super::super) steps: Vec<Step>,
    /// As answers spell it; looked up in whatever object the steps lead to.
    pub(in super::super) leaf: String,
    /// Its place, where the object is known beforehand.
    pub(in super::super) place: Option<usize>,
    pub(in super::super) kind: Kind,
    pub(in super::super) filterable: bool,
}

impl Route {
    /// The path as answers and column heads spell it.
    pub(in super::super) fn spelled(&self) -> String {
        self.steps.iter().map(|step| step.name.as_str()).chain([self.leaf.as_str()]).collect::<Vec<_>>().join(".")
    }
}

#[derive(Clone, Debug)]
pub(in super::super) enum Column {
    Value(Route),
    /// Rows that point here: relationship name, the reference's place in them, what is shown of them.
    Children(String, usize, Box<Plan>),
}

#[derive(Clone, Debug)]
pub(in super::super) struct Sort {
    pub(in super::super) by: Term,
    pub(in super::super) descending: bool,
    pub(in super::super) nulls_last: bool,
}

/// A query that can be answered.
#[derive(Clone, Debug)]
pub(in super::super) struct Plan {
    pub(in super::super) object: usize,
    pub(in super::super) columns: Vec<Column>,
    pub(in super::super) test: Option<Test>,
    pub(in super::super) order: Vec<Sort>,
    pub(in super::super) limit: Option<u64>,
    pub(in super::super) offset: Option<u64>,
    /// `SELECT COUNT()`.
    pub(in super::super) count_only: bool,
    pub(in super::super) grouping: Option<Grouping>,
}

/// What names are looked up in.
pub(in super::super) struct Binder<'a> {
    pub(in super::super) schema: &'a Schema,
    pub(in super::super) now: DateTime<Utc>,
    /// The caller's user id.
    pub(in super::super) caller: &'a str,
    /// Objects that are not there for the caller, fields that are not: object and field name.
    pub(in super::super) absent: &'a dyn Fn(&Object) -> bool,
    pub(in super::super) hidden: &'a dyn Fn(&Object, &Field) -> bool,
    pub(in super::super) wide_names: bool,
}

impl Binder<'_> {
    pub(in super::super) fn plan(&self, query: &Query) -> Parsed<Plan> {
        let object = self.schema.place(&query.from).filter(|place| !(self.absent)(&self.schema.objects[*place]));
        let object = object.ok_or_else(|| Refused {
            code: "INVALID_TYPE",
            message: format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
                query.from
            ),
            at: Some(query.from_at),
        })?;
        self.plan_of(query, object)
    }

    fn plan_of(&self, query: &Query, object: usize) -> Parsed<Plan> {
        if query.offset.is_some_and(|offset| offset > 2_000) {
            return Err(Refused::plain("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"));
        }
        let mut plan = Plan {
            object,
            columns: Vec::new(),
            test: None,
            order: Vec::new(),
            limit: query.limit,
            offset: query.offset,
            count_only: matches!(query.selected.as_slice(), [Selected::Value(Operand::Aggregate(Function::Count, None, _), None)]),
            grouping: None,
        };
        plan.test = match &query.filter {
            Some(condition) => Some(self.test(condition, &|operand| self.term(query, object, operand))?),
            None => None,
        };
        if query.mine {
            let owner = self.schema.objects[object].place("OwnerId");
            let owner = owner.ok_or_else(|| Refused::malformed("Invalid scope: mine", query.from_at))?;
            plan.test = Some(self.owned(object, owner, plan.test.take()));
        }
        let aggregates = |selected: &Selected| matches!(selected, Selected::Value(Operand::Aggregate(..), _));
        if !plan.count_only && (!query.groups.is_empty() || query.selected.iter().any(aggregates)) {
            self.group(query, &mut plan)?;
            return Ok(plan);
        }
        if query.having.is_some() {
            return Err(Refused::malformed("unexpected token: 'HAVING'", query.from_at));
        }
        if !plan.count_only {
            self.columns(query, &mut plan)?;
        }
        for ordering in &query.order {
            let by = self.term(query, object, &ordering.by)?;
            self.sortable(&by, &ordering.by)?;
            plan.order.push(Sort { by, descending: ordering.descending, nulls_last: ordering.nulls_last });
        }
        Ok(plan)
    }

    fn sortable(&self, by: &Term, written: &Operand) -> Parsed<()> {
        match (by, written) {
            (Term::Field(route), Operand::Field(path)) if !route.filterable => Err(Refused {
                code: "MALFORMED_QUERY",
                message: format!("field '{}' can not be sorted in a query call", route.leaf),
                at: Some(path.at),
            }),
            _ => Ok(()),
        }
    }

    fn columns(&self, query: &Query, plan: &mut Plan) -> Parsed<()> {
        let mut names: Vec<String> = Vec::new();
        let mut add = |plan: &mut Plan, route: Route, at: usize| {
            let spelled = route.spelled();
            if names.contains(&spelled) {
                return Err(Refused::malformed(format!("duplicate field selected: {spelled}"), at));
            }
            names.push(spelled);
            plan.columns.push(Column::Value(route));
            Ok(())
        };
        for selected in &query.selected {
            match selected {
                Selected::Value(Operand::Field(path), _) => add(plan, self.route(query, plan.object, path)?, path.at)?,
                Selected::Value(Operand::Part(_, path), _) => {
                    return Err(Refused::malformed("date functions can only be selected where rows are grouped by them", path.at));
                }
                Selected::Value(Operand::Aggregate(_, _, at), _) => {
                    return Err(Refused::malformed("unexpected token: an aggregate among plain fields", *at));
                }
                Selected::Fields(set, at) => {
                    if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > 200) {
                        return Err(Refused::malformed("The SOQL FIELDS function must have a LIMIT of at most 200", *at));
                    }
                    let object = &self.schema.objects[plan.object];
                    let wanted = |field: &&Field| match set {
                        FieldSet::All => true,
                        FieldSet::Standard => !field.is_custom(),
                        FieldSet::Custom => field.is_custom(),
                    };
                    for field in object.fields.iter().filter(wanted).filter(|field| !(self.hidden)(object, field)) {
                        let path = Path { parts: vec![field.name.clone()], at: *at };
                        add(plan, self.route(query, plan.object, &path)?, *at)?;
                    }
                }
                Selected::Children(child) => {
                    let parent = &self.schema.objects[plan.object];
                    let found = self.schema.children(parent, &child.from);
                    let found = found.filter(|(place, _)| !(self.absent)(&self.schema.objects[*place]));
                    let (object, link) = found.ok_or_else(|| Refused {
                        code: "INVALID_TYPE",
                        message: format!(
                            "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.",
                            child.from
                        ),
                        at: Some(child.from_at),
                    })?;
                    let name = self.schema.objects[object].fields[link].children.clone().unwrap_or_default();
                    let child = self.plan_of(child, object)?;
                    if child.grouping.is_some() || child.count_only {
                        return Err(Refused::malformed("aggregates are not allowed in nested queries", query.from_at));
                    }
                    plan.columns.push(Column::Children(name, link, Box::new(child)));
                }
            }
        }
        Ok(())
    }

    fn group(&self, query: &Query, plan: &mut Plan) -> Parsed<()> {
        let mut grouping = Grouping { keys: Vec::new(), computed: Vec::new(), columns: Vec::new(), having: None };
        for group in &query.groups {
            grouping.keys.push(self.term(query, plan.object, group)?);
        }
        let mut unnamed = 0;
        for selected in &query.selected {
            let Selected::Value(operand, alias) = selected else {
                return Err(Refused::malformed("nested queries and FIELDS are not allowed where rows are grouped", query.from_at));
            };
            let mut expression = || {
                let name = format!("expr{unnamed}");
                unnamed += 1;
                name
            };
            let (name, term) = match operand {
                Operand::Field(path) => {
                    let route = self.route(query, plan.object, path)?;
                    let place = query.groups.iter().position(|group| self.same(query, plan.object, group, operand));
                    let spelled = route.spelled();
                    let place =
                        place.ok_or_else(|| Refused::malformed(format!("Field must be grouped or aggregated: {spelled}"), path.at))?;
                    (alias.clone().unwrap_or(route.leaf), Term::Grouped(place))
                }
                Operand::Part(_, path) => {
                    let place = query.groups.iter().position(|group| self.same(query, plan.object, group, operand));
                    let place = place.ok_or_else(|| Refused::malformed("Field must be grouped or aggregated", path.at))?;
                    (alias.clone().unwrap_or_else(&mut expression), Term::Grouped(place))
                }
                Operand::Aggregate(..) => {
                    (alias.clone().unwrap_or_else(&mut expression), self.grouped_term(query, plan.object, operand, &mut grouping)?)
                }
            };
            grouping.columns.push(GroupColumn { name, term });
        }
        if query.groups.is_empty() && query.limit.is_some() {
            let message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT";
            return Err(Refused::malformed(message, query.from_at));
        }
        if let Some(having) = &query.having {
            let cell = std::cell::RefCell::new(&mut grouping);
            let test = self.test(having, &|operand| self.grouped_term(query, plan.object, operand, &mut cell.borrow_mut()))?;
            grouping.having = Some(test);
        }
        for ordering in &query.order {
            let by = self.grouped_term(query, plan.object, &ordering.by, &mut grouping)?;
            plan.order.push(Sort { by, descending: ordering.descending, nulls_last: ordering.nulls_last });
        }
        plan.grouping = Some(grouping);
        Ok(())
    }

    fn same(&self, query: &Query, object: usize, one: &Operand, two: &Operand) -> bool {
        let spelled = |path: &Path| self.route(query, object, path).ok().map(|route| route.spelled());
        match (one, two) {
            (Operand::Field(one), Operand::Field(two)) => spelled(one) == spelled(two),
            (Operand::Part(part, one), Operand::Part(other, two)) => part == other && spelled(one) == spelled(two),
            _ => false,
        }
    }

    fn grouped_term(&self, query: &Query, object: usize, operand: &Operand, grouping: &mut Grouping) -> Parsed<Term> {
        let Operand::Aggregate(function, path, at) = operand else {
            let place = query.groups.iter().position(|group| self.same(query, object, group, operand));
            return place.map(Term::Grouped).ok_or_else(|| match operand {
                Operand::Field(path) | Operand::Part(_, path) => Refused::malformed(
                    format!("Ordered or compared field must be grouped or aggregated: {}", path.parts.join(".")),
                    path.at,
                ),
                Operand::Aggregate(_, _, at) => Refused::malformed("unexpected aggregate", *at),
            });
        };
        let route = match path {
            Some(path) => Some(self.route(query, object, path)?),
            None => None,
        };
        if let Some(route) = &route {
            let fits = match function {
                Function::Sum | Function::Avg => route.kind.is_number(),
                Function::Min | Function::Max => route.kind != Kind::Boolean && route.filterable,
                Function::Count | Function::CountDistinct => route.filterable,
            };
            if !fits {
                let message =
                    format!("field {} does not support aggregate operator {}", route.leaf, format!("{function:?}").to_uppercase());
                return Err(Refused::malformed(message, *at));
            }
        }
        grouping.computed.push(Computed { function: *function, route });
        Ok(Term::Computed(grouping.computed.len() - 1))
    }

    fn term(&self, query: &Query, object: usize, operand: &Operand) -> Parsed<Term> {
        match operand {
            Operand::Field(path) => Ok(Term::Field(self.route(query, object, path)?)),
            Operand::Part(part, path) => {
                let route = self.route(query, object, path)?;
                if matches!(route.kind, Kind::Date | Kind::DateTime) {
                    Ok(Term::Part(*part, route))
                } else {
                    Err(Refused::malformed(format!("field {} does not support date functions", route.leaf), path.at))
                }
            }
            Operand::Aggregate(_, _, at) => Err(Refused::malformed("aggregate functions are not allowed here", *at)),
        }
    }

    /// Finds what a path leads to.
    pub(super) fn route(&self, query: &Query, object: usize, path: &Path) -> Parsed<Route> {
        let first = &path.parts[0];
        let names_object =
            query.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(first)) || query.from.eq_ignore_ascii_case(first);
        let parts = if names_object && path.parts.len() > 1 { &path.parts[1..] } else { &path.parts[..] };
        let refused = |message: String| Refused { code: "INVALID_FIELD", message, at: Some(path.at) };
        let Some((leaf, walk)) = parts.split_last() else { return Err(refused("No such column".into())) };
        if walk.len() > LONGEST_WALK {
            return Err(refused("Relationship fields can walk along at most 5 relationships".into()));
        }
        let mut at = object;
        let mut steps = Vec::new();
        let mut several = false;
        for name in walk {
            let here = &self.schema.objects[at];
            let found = here.relationship(name).filter(|place| !several && !(self.hidden)(here, &here.fields[*place]));
            let field = found.ok_or_else(|| {
                refused(format!(
                    "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
                ))
            })?;
            let reference = &here.fields[field];
            several = reference.refers_to.len() > 1;
            steps.push(Step { field, name: reference.relationship.clone().unwrap_or_default() });
            at = reference.refers_to.last().and_then(|target| self.schema.place(target)).unwrap_or(at);
        }
        let here = &self.schema.objects[at];
        let missing = |on: &str| {
            refused(format!(
                "No such column '{leaf}' on entity '{on}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
            ))
        };
        if several {
            let known =
                SHARED_NAMES.iter().chain(WIDE_NAMES.iter().filter(|_| self.wide_names)).find(|name| name.eq_ignore_ascii_case(leaf));
            let leaf = *known.ok_or_else(|| missing("Name"))?;
            let kind = here.field(leaf).map_or(Kind::Text, |field| field.kind);
            return Ok(Route { steps, leaf: leaf.to_owned(), place: None, kind, filterable: true });
        }
        let place = here.place(leaf).filter(|place| !(self.hidden)(here, &here.fields[*place])).ok_or_else(|| missing(&here.name))?;
        let field = &here.fields[place];
        Ok(Route { steps, leaf: field.name.clone(), place: Some(place), kind: field.kind, filterable: field.kind != Kind::TextArea })
    }
}
