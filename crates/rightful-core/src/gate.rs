//! Conditions that a person of the target has to meet before records are credited to them.

use serde::Serialize;

use crate::{FieldName, Value};

/// What opens a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opens {
    /// Something stands in the field.
    Filled,
    /// This word stands there; any other word is the reason why it is closed.
    Is(&'static str),
    /// It is not known to be false.
    True,
}

/// One condition on a person, over a field that their people kind has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateSpec {
    /// Its name in a configuration: `team`.
    pub name: &'static str,
    /// The field it looks at.
    pub field: FieldName,
    /// What opens it.
    pub opens: Opens,
    /// Does it let pass while nobody knows what stands in the field?
    pub open_unknown: bool,
    /// A stable word for why it is closed, where the field does not hold one itself: `no-team`.
    pub reason: &'static str,
    /// What a person waits for, after "until": `the user is on a team`.
    pub until: &'static str,
    /// What opens it, as a sentence.
    pub mend: &'static str,
}

impl GateSpec {
    /// Why it is closed for a person in whose field this stands; `None` where it is open. Nothing known is `None`, known to be empty is `Null`.
    pub fn closed<'a>(&'a self, value: Option<&'a Value>) -> Option<&'a str> {
        let Some(value) = value else { return (!self.open_unknown).then_some(self.reason) };
        match (self.opens, value) {
            (Opens::Filled, Value::Null) => Some(self.reason),
            (Opens::Filled, _) | (Opens::Is(_), Value::Null) => None,
            (Opens::Is(word), Value::Text(text)) if text == word => None,
            (Opens::Is(_), Value::Text(text)) => Some(text),
            (Opens::Is(_), _) => Some(self.reason),
            (Opens::True, value) => (*value == Value::Bool(false)).then_some(self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_open_closed_or_not_known() {
        let gate = |opens, open_unknown| GateSpec {
            name: "team",
            field: FieldName::fixed("team.key"),
            opens,
            open_unknown,
            reason: "closed",
            until: "",
            mend: "",
        };
        let text = |text: &str| Some(Value::text(text));
        for (opens, value, expected) in [
            (Opens::Filled, None, Some("closed")),
            (Opens::Filled, Some(Value::Null), Some("closed")),
            (Opens::Filled, text("OSLO"), None),
            (Opens::Is("active"), text("active"), None),
            (Opens::Is("active"), text("supporter"), Some("supporter")),
            (Opens::Is("active"), Some(Value::Bool(true)), Some("closed")),
            (Opens::Is("active"), Some(Value::Null), None),
            (Opens::True, Some(Value::Bool(false)), Some("closed")),
            (Opens::True, Some(Value::Bool(true)), None),
        ] {
            assert_eq!(gate(opens, false).closed(value.as_ref()), expected, "{opens:?} {value:?}");
        }
        assert_eq!(gate(Opens::Filled, true).closed(None), None);
    }
}
