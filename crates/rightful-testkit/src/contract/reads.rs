//! Reading: what is declared is real, every row is found, and so is every change.

use std::collections::BTreeSet;

use rightful_core::{
    Changes, Connector, FieldName, Key, KeyName, Kind, KindSpec, Mark, Owner, Record, RecordId, Rows, Scan, Settle, Target, Value, Verb,
    Write,
};
use serde_json::Value as Json;

use super::stage::Stage;
use super::writes::changes_by_id;
use super::{Check, Contract, Found, samples};
use crate::scenario::{Coverage, WholeScan, coverage_of_all, read_whole, scenarios};

pub(super) async fn declared_holds(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    let shown = coverage_of_all(&scenarios(&contract.folder)?)?;
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let declared = (contract.descriptor.kinds)();
    for spec in connector.kinds() {
        if declared.iter().all(|known| known.kind != spec.kind) {
            problems.push(format!("kind `{}` is offered by the connection but not declared by the descriptor", spec.kind));
        }
    }
    for spec in contract.kinds(Check::Declared) {
        if connector.kinds().iter().all(|known| known.kind != spec.kind) {
            problems.push(format!("kind `{}` is declared by the descriptor but not offered by the connection", spec.kind));
            continue;
        }
        if spec.unreadable.is_some() {
            let found = declared_unreadable_holds(&spec, &shown);
            problems.extend(found.into_iter().map(|problem| format!("kind `{}`: {problem}", spec.kind)));
            continue;
        }
        let mut found = declared_kind_holds(&*connector, &spec).await;
        found.extend(fields_never_seen(&*connector, &spec, &shown).await);
        problems.extend(found.into_iter().map(|problem| format!("kind `{}`: {problem}", spec.kind)));
    }
    problems.extend(undeclared_is_refused(contract, &stage, &*connector).await);
    Ok(problems)
}

async fn declared_kind_holds(connector: &dyn Connector, spec: &KindSpec) -> Vec<String> {
    let fields: Vec<FieldName> = spec.fields.iter().map(|field| field.name.clone()).collect();
    let page = match connector.read(&Scan::all(spec.kind.clone()).with_fields(fields.clone()), None).await {
        Ok(page) => page,
        Err(error) => return vec![format!("reading it failed: {error:?}")],
    };
    let mut problems = Vec::new();
    let Some(first) = page.items.first() else { return vec!["the simulator has no record of it".to_owned()] };
    if let Some(record) = page.items.iter().find(|record| record.values.len() != fields.len()) {
        problems.push(format!("{} fields were asked for, record {} has {} values", fields.len(), record.id, record.values.len()));
    }
    if let Some(record) = page.items.iter().find(|record| record.person.is_some() != spec.people) {
        problems.push(format!("record {}: people is declared {}, but the record says otherwise", record.id, spec.people));
    }
    if spec.totals != page.total.is_some() {
        problems.push(format!("totals is declared {}, but the first page says total {:?}", spec.totals, page.total));
    }
    if (spec.changes == Changes::Since) != page.mark.is_some() {
        problems.push(format!("changes is declared {:?}, but the first page has the mark {:?}", spec.changes, page.mark));
    }
    for role in &spec.roles {
        if page.items.iter().all(|record| matches!(record.owner(&role.role), Owner::Unseen)) {
            problems.push(format!("role `{}` is declared but never seen", role.role));
        }
    }
    for key in &spec.keys {
        let values: Vec<&str> = page.items.iter().filter_map(|record| record.key(&key.name)).collect();
        if values.is_empty() {
            problems.push(format!("key `{}` is declared but never seen", key.name));
        }
    }
    problems.extend(page.items.iter().flat_map(|record| record_problems(record, spec)));
    let ids: Vec<RecordId> = page.items.iter().map(|record| record.id.clone()).collect::<BTreeSet<_>>().into_iter().take(3).collect();
    match read_whole(connector, &Scan::ids(spec.kind.clone(), ids.clone()), 1).await {
        Err(error) => problems.push(format!("reading ids {ids:?} failed: {error:?}")),
        Ok(whole) => {
            let found = distinct(&whole);
            if found != ids.iter().cloned().collect() {
                problems.push(format!("reading ids {ids:?} gave {found:?}"));
            }
        }
    }
    for name in &spec.readable_keys {
        problems.extend(key_reads(connector, spec, name, &page.items, first).await);
    }
    problems
}

/// A kind that cannot be read: nothing of a read is declared, and a scenario sets each field.
fn declared_unreadable_holds(spec: &KindSpec, shown: &Coverage) -> Vec<String> {
    let mut problems = Vec::new();
    for (what, declared) in [
        ("totals", spec.totals),
        ("incremental reads", spec.changes != Changes::None),
        ("readable keys", !spec.readable_keys.is_empty()),
        ("open fields", spec.open_fields),
        ("to be settled by reading", spec.settle == Settle::ReadBack),
    ] {
        if declared {
            problems.push(format!("it cannot be read, yet it declares {what}"));
        }
    }
    if spec.verbs.is_empty() {
        problems.push("it can be neither read nor written".to_owned());
    }
    let never = spec.fields.iter().filter(|field| !shown.set.contains(&(spec.kind.to_string(), field.name.to_string())));
    problems.extend(never.map(|field| format!("field `{}` is declared, but no scenario sets it", field.name)));
    problems
}

/// Declared fields that no record of the simulator and no scenario has a value of.
async fn fields_never_seen(connector: &dyn Connector, spec: &KindSpec, shown: &Coverage) -> Vec<String> {
    let fields: Vec<FieldName> = spec.fields.iter().map(|field| field.name.clone()).collect();
    let whole = match read_whole(connector, &Scan::all(spec.kind.clone()).with_fields(fields.clone()), 4).await {
        Ok(whole) => whole,
        Err(error) => return vec![format!("reading all of it failed: {error:?}")],
    };
    let seen = |index: usize, field: &FieldName| {
        whole.records.iter().any(|record| record.values.get(index).is_some_and(|value| *value != Value::Null))
            || shown.fields.contains(&(spec.kind.to_string(), field.to_string()))
    };
    let never = fields.iter().enumerate().filter(|(index, field)| !seen(*index, field));
    never
        .map(|(_, field)| format!("field `{field}` is declared, but no record of the simulator and no scenario has a value of it"))
        .collect()
}

/// What the nouns of the core promise of every record.
fn record_problems(record: &Record, spec: &KindSpec) -> Vec<String> {
    let mut problems = Vec::new();
    if record.id.as_str().is_empty() {
        problems.push("a record has an empty id".to_owned());
    }
    for Key { name, value } in &record.keys {
        if spec.key(name).is_none() {
            problems.push(format!("record {}: key `{name}` is not declared", record.id));
        }
        if value.is_empty() {
            problems.push(format!("record {}: key `{name}` is empty; a key without a value is left out", record.id));
        }
    }
    for (role, owner) in &record.owners {
        let Some(declared) = spec.role(role) else {
            problems.push(format!("record {}: role `{role}` is not declared", record.id));
            continue;
        };
        if let Owner::Known(people) = owner {
            if people.windows(2).any(|pair| pair[0] >= pair[1]) {
                problems.push(format!("record {}: owners of role `{role}` are not ascending without repeats: {people:?}", record.id));
            }
            if people.len() > 1 && !declared.many {
                problems.push(format!("record {}: role `{role}` is for one, but holds {people:?}", record.id));
            }
        }
    }
    if let Some(person) = &record.person
        && person.emails.iter().any(|email| email.trim().to_lowercase() != *email || email.is_empty())
    {
        problems.push(format!("record {}: e-mail addresses are not trimmed and in lower case: {:?}", record.id, person.emails));
    }
    problems
}

async fn key_reads(connector: &dyn Connector, spec: &KindSpec, name: &KeyName, items: &[Record], first: &Record) -> Vec<String> {
    let known = items.iter().find_map(|record| Some((record, if *name == "id" { record.id.as_str() } else { record.key(name)? })));
    let Some((record, value)) = known else {
        return vec![format!("key `{name}` can be read by, but no record has it (the first is {})", first.id)];
    };
    let scan = Scan { kind: spec.kind.clone(), rows: Rows::Keys(name.clone(), vec![value.to_owned()]), fields: Vec::new() };
    match read_whole(connector, &scan, 1).await {
        Err(error) => vec![format!("reading by key `{name}` failed: {error:?}")],
        Ok(whole) if !distinct(&whole).contains(&record.id) => {
            vec![format!("reading by key `{name}` = `{value}` did not give {}", record.id)]
        }
        Ok(whole) => {
            let strangers = whole.records.iter().filter(|found| *name != "id" && found.key(name) != Some(value));
            strangers
                .map(|found| format!("reading by key `{name}` = `{value}` gave {}, whose key is {:?}", found.id, found.key(name)))
                .collect()
        }
    }
}

async fn undeclared_is_refused(contract: &Contract, stage: &Stage<'_>, connector: &dyn Connector) -> Vec<String> {
    let mut problems = Vec::new();
    let before = stage.asked();
    let no_kind = Kind::fixed("no-such-kind");
    let mut scans = vec![Scan::all(no_kind.clone())];
    let mut writes = vec![(no_kind, an_update())];
    for spec in (contract.descriptor.kinds)() {
        if !spec.open_fields {
            scans.push(Scan::all(spec.kind.clone()).with_fields(vec![FieldName::fixed("no_such_field")]));
        }
        scans.push(Scan { kind: spec.kind.clone(), rows: Rows::Keys(KeyName::fixed("no-such-key"), vec!["1".into()]), fields: Vec::new() });
        if spec.unreadable.is_some() {
            scans.push(Scan::all(spec.kind.clone()));
            scans.push(Scan::ids(spec.kind.clone(), vec!["1".into()]));
        }
        if spec.changes == Changes::None {
            scans.push(Scan { kind: spec.kind.clone(), rows: Rows::Since(Mark("1".into())), fields: Vec::new() });
        }
        if !changes_by_id(&spec) {
            writes.push((spec.kind.clone(), an_update()));
        }
        if !spec.verbs.contains(&Verb::Remove) {
            writes.push((spec.kind.clone(), Write { target: Target::Removed("1".into()), ..an_update() }));
        }
        if !spec.verbs.contains(&Verb::Create) {
            writes.push((spec.kind.clone(), Write { target: Target::New, ..an_update() }));
        }
        let role = rightful_core::OwnerChange { role: rightful_core::Role::fixed("no-such-role"), from: None, to: vec!["1".into()] };
        writes.push((spec.kind.clone(), Write { owners: vec![role], ..an_update() }));
    }
    for scan in scans {
        if let Ok(page) = connector.read(&scan, None).await {
            problems.push(format!("an undeclared read was not refused: {scan:?} gave {} rows", page.items.len()));
        }
    }
    for (kind, write) in writes {
        if let Ok(outcomes) = connector.write(&kind, std::slice::from_ref(&write)).await
            && !matches!(outcomes.as_slice(), [rightful_core::Outcome::NotDone(_)])
        {
            problems.push(format!("an undeclared write to `{kind}` was not refused: {write:?} gave {outcomes:?}"));
        }
    }
    if stage.asked() > before {
        problems.push(format!("refusing what is not declared took {} requests", stage.asked() - before));
    }
    problems
}

fn an_update() -> Write {
    Write { key: "undeclared".into(), target: Target::Id("1".into()), owners: Vec::new(), values: Vec::new() }
}

pub(super) async fn paging_holds(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    for spec in contract.kinds(Check::Paging).into_iter().filter(|spec| spec.unreadable.is_none()) {
        let stage = Stage::open(contract).await?;
        let connector = stage.connect()?;
        let scan = Scan::all(spec.kind.clone());
        let mut known: Option<BTreeSet<RecordId>> = None;
        let plain = [("one by one", 1, String::new()), ("side by side", usize::MAX, String::new())];
        let faulty = contract.text.page_faults.iter().map(|fault| ("with faults", 4, format!("*:{fault}")));
        for (title, width, faults) in plain.into_iter().chain(faulty) {
            stage.faults(&faults)?;
            let name = format!("kind `{}`, {title} {faults}", spec.kind);
            match read_whole(&*connector, &scan, width).await {
                Err(error) => problems.push(format!("{name}: reading failed: {error:?}")),
                Ok(whole) => {
                    let ids = distinct(&whole);
                    if let Some(total) = whole.first.total
                        && total != ids.len() as u64
                    {
                        problems.push(format!(
                            "{name}: {total} rows were stated, {} distinct ones read on {} pages",
                            ids.len(),
                            whole.pages
                        ));
                    }
                    if known.get_or_insert_with(|| ids.clone()) != &ids {
                        problems.push(format!(
                            "{name}: {} distinct rows were read, {} the first time",
                            ids.len(),
                            known.as_ref().map_or(0, BTreeSet::len)
                        ));
                    }
                }
            }
        }
        if known.is_none_or(|ids| ids.is_empty()) {
            problems.push(format!("kind `{}`: the simulator has no record of it", spec.kind));
        }
    }
    Ok(problems)
}

pub(super) async fn incremental_holds(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    for spec in contract.kinds(Check::Incremental).into_iter().filter(|spec| spec.changes == Changes::Since) {
        let found = changes_are_found(contract, &spec).await?;
        problems.extend(found.into_iter().map(|problem| format!("kind `{}`: {problem}", spec.kind)));
    }
    Ok(problems)
}

async fn changes_are_found(contract: &Contract, spec: &KindSpec) -> Found {
    let mut problems = Vec::new();
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let changes = changes_to_make(contract, &stage, &*connector, spec).await?;
    let [first, second, third] = changes.as_slice() else { return Err(format!("three changes are needed, there are {}", changes.len())) };
    let whole =
        read_whole(&*connector, &Scan::all(spec.kind.clone()), 1).await.map_err(|error| format!("the whole read failed: {error:?}"))?;
    let start = whole.first.mark.clone().ok_or("the first page of a whole read has no mark")?;
    // The clock stands still: all of this happens within one timestamp.
    first.make(&stage, &*connector, spec).await?;
    let middle = since(&*connector, spec, &start, &[&first.id], "after one change", &mut problems).await?;
    second.make(&stage, &*connector, spec).await?;
    since(&*connector, spec, &middle, &[&second.id], "after a second change with the same timestamp", &mut problems).await?;
    since(&*connector, spec, &start, &[&first.id, &second.id], "from the earlier mark", &mut problems).await?;
    stage.sim.clock().advance(chrono::Duration::hours(2));
    let connector = stage.connect()?;
    let late = since(&*connector, spec, &middle, &[&second.id], "two hours later", &mut problems).await?;
    third.make(&stage, &*connector, spec).await?;
    since(&*connector, spec, &late, &[&third.id], "after a late change", &mut problems).await?;
    Ok(problems)
}

/// Reads since a mark; what must be found and is not becomes a problem. The new mark.
async fn since(
    connector: &dyn Connector,
    spec: &KindSpec,
    mark: &Mark,
    expected: &[&RecordId],
    when: &str,
    problems: &mut Vec<String>,
) -> Result<Mark, String> {
    let scan = Scan { kind: spec.kind.clone(), rows: Rows::Since(mark.clone()), fields: Vec::new() };
    let whole = read_whole(connector, &scan, 1).await.map_err(|error| format!("{when}: reading since {mark:?} failed: {error:?}"))?;
    let found = distinct(&whole);
    for id in expected.iter().filter(|id| !found.contains(**id)) {
        problems.push(format!("{when}: reading since {mark:?} lost {id}; it gave {} rows", found.len()));
    }
    whole.first.mark.ok_or_else(|| format!("{when}: the first page of a read since {mark:?} has no mark"))
}

/// A change to one record.
struct Change {
    id: RecordId,
    by: By,
}

enum By {
    Write(Box<samples::Sample>),
    Control(String, Json),
}

impl Change {
    async fn make(&self, stage: &Stage<'_>, connector: &dyn Connector, spec: &KindSpec) -> Result<(), String> {
        match &self.by {
            By::Control(name, body) => {
                stage.sim.control(name, body.clone()).map(drop).map_err(|problem| format!("control `{name}`: {problem}"))
            }
            By::Write(sample) => {
                let outcomes = connector
                    .write(&spec.kind, std::slice::from_ref(&sample.write))
                    .await
                    .map_err(|error| format!("changing {} failed: {error:?}", self.id))?;
                let now = sample.now(stage, connector, spec).await?;
                match sample.untruth(outcomes.first(), &now) {
                    None if sample.is_wanted(&now) => Ok(()),
                    None => Err(format!("changing {} had no effect: {outcomes:?}", self.id)),
                    Some(problem) => Err(problem),
                }
            }
        }
    }
}

async fn changes_to_make(
    contract: &Contract,
    stage: &Stage<'_>,
    connector: &dyn Connector,
    spec: &KindSpec,
) -> Result<Vec<Change>, String> {
    if let Some(texts) = contract.text.changes.get(spec.kind.as_str()) {
        let changes = texts
            .iter()
            .take(3)
            .map(|text| Change { id: text.id.clone(), by: By::Control(text.control.clone(), Json::Object(text.body.clone())) });
        return Ok(changes.collect());
    }
    if !spec.verbs.contains(&Verb::Update) {
        return Err(format!(
            "nothing can change a `{kind}`: give three changes under changes.{kind} in contract.json, or waive `incremental:{kind}`",
            kind = spec.kind
        ));
    }
    let samples = samples::updates(stage, connector, spec, 3).await?;
    Ok(samples.into_iter().map(|sample| Change { id: sample.id.clone(), by: By::Write(Box::new(sample)) }).collect())
}

fn distinct(whole: &WholeScan) -> BTreeSet<RecordId> {
    whole.records.iter().map(|record| record.id.clone()).collect()
}
