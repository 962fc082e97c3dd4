//! Sample writes to records the simulator has, and whether what a connector says of them is true.

use std::collections::{BTreeMap, VecDeque};

use rightful_core::{
    Connector, FieldChange, FieldName, KindSpec, Outcome, Owner, OwnerChange, Record, RecordId, Role, Rows, Scan, Target, Value, Write,
};

use serde_json::Value as Json;

use super::stage::Stage;
use super::{Contract, SeenText, WriteSample};
use crate::expectation::shown;
use crate::readable::{WriteText, parse_value};
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
pub(super) async fn updates(stage: &Stage<'_>, connector: &dyn Connector, spec: &KindSpec, count: usize) -> Result<Vec<Sample>, String> {
    let contract = stage.contract;
    if spec.unreadable.is_some() {
        return upserts(stage, spec, count);
    }
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

/// Sample upserts of a kind that cannot be read: as written in `contract.json`, judged by the simulator's dump.
pub(super) fn upserts(stage: &Stage<'_>, spec: &KindSpec, count: usize) -> Result<Vec<Sample>, String> {
    let kind = spec.kind.as_str();
    let texts = stage.contract.text.writes.get(kind).map(|text| text.upsert.as_slice()).unwrap_or_default();
    if texts.len() < count {
        return Err(format!("`{kind}` cannot be read: give {count} or more writes.{kind}.upsert in contract.json"));
    }
    texts.iter().take(count).enumerate().map(|(place, text)| upsert(stage, spec, text, place)).collect()
}

/// The upsert of `contract.json` that the vendor refuses.
pub(super) fn refused(stage: &Stage<'_>, spec: &KindSpec) -> Result<Sample, String> {
    let kind = spec.kind.as_str();
    let text = stage.contract.text.writes.get(kind).and_then(|text| text.refused.as_ref());
    let text = text.ok_or_else(|| format!("`{kind}` cannot be read: give writes.{kind}.refused in contract.json"))?;
    upsert(stage, spec, text, 1_000)
}

fn upsert(stage: &Stage<'_>, spec: &KindSpec, text: &WriteText, place: usize) -> Result<Sample, String> {
    let kind = spec.kind.as_str();
    let write = Write { key: format!("contract-{kind}-{place}"), ..text.write(place)? };
    let Target::Id(id) = &write.target else { return Err(format!("each of writes.{kind}.upsert needs an `id`")) };
    let mut wanted = Touched { owners: BTreeMap::new(), values: Vec::new() };
    for change in &write.owners {
        wanted.owners.insert(change.role.to_string(), Some(change.to.clone()));
    }
    for (field, change) in &write.values {
        wanted.values.push(match change {
            FieldChange::Set(value) => spelled(value),
            FieldChange::Clear => return Err(format!("writes.{kind}.upsert clears `{field}`: set it, so that the dump shows it")),
        });
    }
    let mut sample = Sample {
        id: id.clone(),
        before: wanted.clone(),
        wanted,
        roles: write.owners.iter().map(|change| change.role.clone()).collect(),
        fields: write.values.iter().map(|(field, _)| field.clone()).collect(),
        write,
    };
    sample.before = sample.seen(stage, spec)?;
    if sample.before == sample.wanted {
        return Err(format!("writes.{kind}.upsert: {} is so already; a sample is a real change", sample.id));
    }
    Ok(sample)
}

/// The row of a record in the simulator's dump, for kinds that cannot be read.
pub(super) fn row_of(stage: &Stage<'_>, spec: &KindSpec, id: &RecordId) -> Result<Option<Json>, String> {
    let SeenText { rows, id: id_at, .. } = seen_text(stage, spec)?;
    let dump = stage.sim.dump();
    let rows = dump.pointer(rows).and_then(Json::as_array);
    let rows = rows.ok_or_else(|| format!("writes.{}.seen.rows points at no list in the simulator's dump", spec.kind))?;
    Ok(rows.iter().find(|row| row.pointer(id_at).and_then(Json::as_str) == Some(id.as_str())).cloned())
}

fn seen_text<'a>(stage: &'a Stage<'_>, spec: &KindSpec) -> Result<&'a SeenText, String> {
    let text = stage.contract.text.writes.get(spec.kind.as_str()).and_then(|text| text.seen.as_ref());
    text.ok_or_else(|| format!("`{kind}` cannot be read: say in writes.{kind}.seen where the dump shows it", kind = spec.kind))
}

/// A value as a dump can show it: what JSON has no type for is text.
fn spelled(value: &Value) -> Value {
    match value {
        Value::Decimal(_) | Value::Date(_) | Value::Instant(_) => Value::Text(value.to_string()),
        other => other.clone(),
    }
}

/// A value as a dump shows it: what is not there is empty.
fn dumped(shown: Option<&Json>) -> Value {
    match shown {
        Some(Json::Bool(flag)) => Value::Bool(*flag),
        Some(Json::Number(number)) => number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Integer),
        Some(Json::String(text)) => Value::Text(text.clone()),
        _ => Value::Null,
    }
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
    /// How the record looks in the simulator's dump.
    fn seen(&self, stage: &Stage<'_>, spec: &KindSpec) -> Result<Touched, String> {
        let text = seen_text(stage, spec)?;
        let row = row_of(stage, spec, &self.id)?.unwrap_or_default();
        let unnamed = |what: &str, name: &str| format!("writes.{}.seen.{what} has no pointer for `{name}`", spec.kind);
        let mut touched = Touched { owners: BTreeMap::new(), values: Vec::new() };
        for role in &self.roles {
            let at = text.owners.get(role.as_str()).ok_or_else(|| unnamed("owners", role.as_str()))?;
            let person = row.pointer(at).and_then(Json::as_str).map(|person| vec![person.to_owned()]);
            touched.owners.insert(role.to_string(), person);
        }
        for field in &self.fields {
            let at = text.values.get(field.as_str()).ok_or_else(|| unnamed("values", field.as_str()))?;
            touched.values.push(dumped(row.pointer(at)));
        }
        Ok(touched)
    }

    /// How the record looks now.
    pub async fn now(&self, stage: &Stage<'_>, connector: &dyn Connector, spec: &KindSpec) -> Result<Touched, String> {
        if spec.unreadable.is_some() {
            return self.seen(stage, spec);
        }
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
