//! Sample writes to records the simulator has, and whether what a connector says of them is true.

use std::collections::{BTreeMap, VecDeque};

use rightful_core::{
    Connector, FieldChange, FieldName, KindSpec, Outcome, Owner, OwnerChange, Record, RecordId, Role, Rows, Scan, Target, Value, Write,
};

use super::{Contract, WriteSample};
use crate::expectation::shown;
use crate::readable::parse_value;
use crate::scenario::read_whole;

/// What of a record a sample write touches: owners and values, to be compared before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    owners: BTreeMap<String, Option<Vec<String>>>,
    values: Vec<Value>,
}

/// A write with how its record looked before and shall look after.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub id: RecordId,
    pub write: Write,
    before: Touched,
    wanted: Touched,
    roles: Vec<Role>,
    fields: Vec<FieldName>,
}

/// Sample updates of a kind, each to another record, each a real change.
pub(super) async fn updates(contract: &Contract, connector: &dyn Connector, spec: &KindSpec, count: usize) -> Result<Vec<Sample>, String> {
    let text = contract.text.writes.get(spec.kind.as_str()).cloned().unwrap_or_default();
    let fields: Vec<FieldName> = text.values.keys().map(|field| FieldName::new(field.clone())).collect();
    let roles: Vec<&rightful_core::RoleSpec> = spec.roles.iter().filter(|role| role.writable).collect();
    if fields.is_empty() && roles.is_empty() {
        return Err(format!(
            "`{kind}` can be updated but has no writable role: give writes.{kind}.values in contract.json",
            kind = spec.kind
        ));
    }
    let mut people = BTreeMap::new();
    for role in &roles {
        people.insert(role.role.clone(), owners_for(&text, connector, role).await?);
    }
    let records = records_to_touch(&text, connector, spec, &fields, count).await?;
    let mut samples = Vec::new();
    for (place, record) in records.into_iter().enumerate() {
        let before = touched(&record, roles.iter().map(|role| &role.role));
        let mut wanted = before.clone();
        let mut write = Write {
            key: format!("contract-{}-{place}", spec.kind),
            target: Target::Id(record.id.clone()),
            owners: Vec::new(),
            values: Vec::new(),
        };
        for role in &roles {
            let from = before.owners.get(role.role.as_str()).cloned().flatten();
            let owners: Vec<String> = people.get(&role.role).into_iter().flatten().cloned().collect();
            let single = owners.iter().map(|person| vec![person.clone()]);
            let mut pair = owners.iter().take(2).cloned().collect::<Vec<_>>();
            pair.sort_unstable();
            // The third sample has two owners at once, where the role is for many.
            let choices = std::iter::once(pair).filter(|pair| role.many && place == 2 && pair.len() == 2).chain(single);
            let choice = choices.into_iter().find(|people| from.as_ref() != Some(people));
            let to = choice.ok_or_else(|| {
                format!("role `{}` of `{}`: the simulator has nobody else to give {} to", role.role, spec.kind, record.id)
            })?;
            wanted.owners.insert(role.role.to_string(), Some(to.clone()));
            write.owners.push(OwnerChange { role: role.role.clone(), from, to });
        }
        for (index, field) in fields.iter().enumerate() {
            let choices = text.values[field.as_str()].iter().map(parse_value).collect::<Result<Vec<_>, _>>()?;
            let choice = choices.into_iter().find(|choice| Some(choice) != before.values.get(index));
            let value = choice.ok_or_else(|| format!("writes.{}.values.{field} needs a second value", spec.kind))?;
            wanted.values[index] = value.clone();
            write.values.push((field.clone(), FieldChange::Set(value)));
        }
        let roles = roles.iter().map(|role| role.role.clone()).collect();
        samples.push(Sample { id: record.id.clone(), write, before, wanted, roles, fields: fields.clone() });
    }
    Ok(samples)
}

/// The id that looks valid and does not exist.
pub(super) fn missing_id(contract: &Contract, spec: &KindSpec) -> RecordId {
    let given = contract.text.writes.get(spec.kind.as_str()).and_then(|text| text.missing.clone());
    given.unwrap_or_else(|| RecordId::fixed("999999999"))
}

/// People who may own: as written in `contract.json`, else the active persons among the first page of the people kind.
async fn owners_for(text: &WriteSample, connector: &dyn Connector, role: &rightful_core::RoleSpec) -> Result<Vec<String>, String> {
    if let Some(owners) = text.owners.get(role.role.as_str()) {
        return Ok(owners.clone());
    }
    let may_own = |record: &Record| record.person.as_ref().is_some_and(|person| person.active && !person.service);
    let people = first_distinct(connector, &Scan::all(role.people.clone()), 3, may_own).await?;
    let keyed = people
        .iter()
        .filter_map(|record| if role.key == "id" { Some(record.id.to_string()) } else { record.key(&role.key).map(str::to_owned) });
    Ok(keyed.collect())
}

async fn records_to_touch(
    text: &WriteSample,
    connector: &dyn Connector,
    spec: &KindSpec,
    fields: &[FieldName],
    count: usize,
) -> Result<Vec<Record>, String> {
    let rows = if text.ids.is_empty() { Rows::All } else { Rows::Ids(text.ids.clone()) };
    let scan = Scan { kind: spec.kind.clone(), rows, fields: fields.to_vec() };
    let records = first_distinct(connector, &scan, count, |_| true).await?;
    if records.len() < count {
        return Err(format!("the simulator shows {} records of `{}` to write to; {count} are needed", records.len(), spec.kind));
    }
    Ok(records)
}

/// The first so many records that will do, on as many pages as that takes.
async fn first_distinct(
    connector: &dyn Connector,
    scan: &Scan,
    count: usize,
    will_do: impl Fn(&Record) -> bool,
) -> Result<Vec<Record>, String> {
    let failed = |error: rightful_core::Error| format!("reading `{}` failed: {error:?}", scan.kind);
    let mut page = connector.read(scan, None).await.map_err(failed)?;
    let mut open = VecDeque::new();
    let mut records: Vec<Record> = Vec::new();
    loop {
        for record in page.items.into_iter().filter(&will_do) {
            if records.len() < count && records.iter().all(|known| known.id != record.id) {
                records.push(record);
            }
        }
        open.extend(page.next);
        match open.pop_front() {
            Some(cursor) if records.len() < count => page = connector.read(scan, Some(&cursor)).await.map_err(failed)?,
            _ => return Ok(records),
        }
    }
}

fn touched<'a>(record: &Record, roles: impl Iterator<Item = &'a Role>) -> Touched {
    let owners = roles.map(|role| {
        let people = match record.owner(role) {
            Owner::Known(people) => Some(people.clone()),
            Owner::Of { .. } | Owner::Unseen => None,
        };
        (role.to_string(), people)
    });
    Touched { owners: owners.collect(), values: record.values.clone() }
}

/// Writes samples in batches no larger than the kind allows.
pub(super) async fn write(connector: &dyn Connector, spec: &KindSpec, batch: &[Write]) -> Result<Vec<Outcome>, rightful_core::Error> {
    let mut outcomes = Vec::new();
    for part in batch.chunks(spec.batch.max(1)) {
        match connector.write(&spec.kind, part).await {
            Ok(some) => outcomes.extend(some),
            // Parts before this one answered for themselves; this one and what follows was not sent.
            Err(error) if outcomes.is_empty() => return Err(error),
            Err(error) => {
                outcomes.push(Outcome::NotDone(error));
                break;
            }
        }
    }
    Ok(outcomes)
}

impl Sample {
    /// How the record looks now.
    pub async fn now(&self, connector: &dyn Connector, spec: &KindSpec) -> Result<Touched, String> {
        let scan = Scan::ids(spec.kind.clone(), vec![self.id.clone()]).with_fields(self.fields.clone());
        let whole =
            read_whole(connector, &scan, 1).await.map_err(|error| format!("reading {} {} back failed: {error:?}", spec.kind, self.id))?;
        let record = whole.records.first().ok_or_else(|| format!("reading {} {} back found nothing", spec.kind, self.id))?;
        Ok(touched(record, self.roles.iter()))
    }

    /// Is the record as the write wanted it?
    pub fn is_wanted(&self, now: &Touched) -> bool {
        *now == self.wanted
    }

    /// What is untrue in what the connector said of this write.
    pub fn untruth(&self, outcome: Option<&Outcome>, now: &Touched) -> Option<String> {
        let holds = match outcome {
            Some(Outcome::Done { id, created }) => *now == self.wanted && *id == self.id && !created,
            Some(Outcome::NotDone(_)) | None => *now == self.before,
            // Each sample is a real change: to have been so already cannot be true.
            Some(Outcome::Unchanged) => false,
            Some(Outcome::Unknown(_)) => *now == self.wanted || *now == self.before,
        };
        let said = outcome.map_or_else(|| "an error for the whole batch, which means that nothing was sent".to_owned(), shown);
        (!holds).then(|| {
            format!(
                "{}: the connector said: {said}\n    before {:?}\n    wanted {:?}\n    now    {now:?}",
                self.id, self.before, self.wanted
            )
        })
    }
}
