//! Objects and fields: what there is, what may be written, and what points at what.

mod catalogue;
mod describe;

use std::collections::HashMap;

pub(super) use catalogue::objects;
pub(super) use describe::{describe, global, object_summary};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Text,
    Picklist,
    TextArea,
    Phone,
    Url,
    Email,
    Reference,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
}

impl Kind {
    /// Its name in describe answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "string",
            Self::Picklist => "picklist",
            Self::TextArea => "textarea",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Email => "email",
            Self::Reference => "reference",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
        }
    }

    /// Its name in error messages of the query language.
    pub(super) fn spoken(self) -> &'static str {
        match self {
            Self::DateTime => "dateTime",
            other => other.name(),
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    pub(super) fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::Reference)
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Picklist | Self::TextArea | Self::Phone | Self::Url | Self::Email)
    }
}

/// One field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) length: usize,
    pub(super) nillable: bool,
    pub(super) createable: bool,
    pub(super) updateable: bool,
    pub(super) external_id: bool,
    pub(super) id_lookup: bool,
    pub(super) unique: bool,
    pub(super) refers_to: Vec<String>,
    /// The name by which queries walk to what it refers to.
    pub(super) relationship: Option<String>,
    /// The name by which queries walk from there to these rows.
    pub(super) children: Option<String>,
    pub(super) choices: Vec<String>,
    /// Only the listed choices are accepted.
    pub(super) restricted: bool,
    pub(super) default: Option<serde_json::Value>,
}

impl Field {
    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// A caller must give it.
    pub(super) fn is_required(&self) -> bool {
        self.createable && !self.nillable && self.default.is_none() && self.kind != Kind::Boolean && self.name != "OwnerId"
    }
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) plural: String,
    pub(super) prefix: &'static str,
    pub(super) fields: Vec<Field>,
    pub(super) createable: bool,
    pub(super) deletable: bool,
    /// Has a recycle bin and a log of deletions.
    pub(super) replicateable: bool,
    by_name: HashMap<String, usize>,
}

impl Object {
    fn new(name: &str, prefix: &'static str, fields: Vec<Field>) -> Self {
        let by_name = fields.iter().enumerate().map(|(place, field)| (field.name.to_ascii_lowercase(), place)).collect();
        let label = name.trim_end_matches("__c").replace('_', " ");
        let plural = match label.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{label}s"),
        };
        Self { name: name.into(), label, plural, prefix, fields, createable: true, deletable: true, replicateable: true, by_name }
    }

    /// The place of a field, whatever the case of its name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name) {
            Some(place) => Some(*place),
            None => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.place(name).map(|place| &self.fields[place])
    }

    /// The place of the reference that this relationship name walks along.
    pub(super) fn relationship(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.relationship.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    }

    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// May rows belong to a queue?
    pub(super) fn takes_queues(&self) -> bool {
        self.field("OwnerId").is_some_and(|owner| owner.refers_to.len() > 1)
    }
}

/// All objects.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<&'static str, usize>,
}

impl Schema {
    pub(super) fn new(objects: Vec<Object>) -> Self {
        let by_name = objects.iter().enumerate().map(|(place, object)| (object.name.to_ascii_lowercase(), place)).collect();
        let by_prefix = objects.iter().enumerate().map(|(place, object)| (object.prefix, place)).collect();
        Self { objects, by_name, by_prefix }
    }

    /// The place of an object, whatever the case of its name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The object that ids with this prefix belong to.
    pub(super) fn of_id(&self, id: &str) -> Option<usize> {
        self.by_prefix.get(id.get(..3)?).copied()
    }

    /// Rows of which object point at this one under that name, and by which field.
    pub(super) fn children(&self, parent: &Object, name: &str) -> Option<(usize, usize)> {
        self.objects.iter().enumerate().find_map(|(place, object)| {
            let points = |field: &Field| {
                field.children.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)) && field.refers_to.contains(&parent.name)
            };
            Some((place, object.fields.iter().position(points)?))
        })
    }
}
